// The walk over a folder, against the file system's own recursive listing.
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { IMAGE_EXTENSIONS, hasImageName } from '../dist/esm/cli/image-names.js';
import { walkFiles } from '../dist/esm/cli/walk.js';
import { refused } from './helpers/assertions.js';
import { ROOT } from './helpers/fixtures.js';

const walk = suite('cli walk');
const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-walk-'));

async function idsBelow(root: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id, path } of walkFiles(root, {
    onUnreadable: (error) => assert.unreachable(error.message),
  })) {
    assert.is(path, join(root, id));
    ids.push(id);
  }
  return ids.sort();
}

const part = fc.constantFrom(
  'a',
  'b',
  'ä b',
  '.hidden',
  'x.jpg',
  'y.PNG',
  'z.txt',
  '.w.jpg',
  'jpg',
  'v.tiff',
);
const paths = fc.array(fc.array(part, { minLength: 1, maxLength: 4 }), { maxLength: 20 });

walk('finds every file that is not hidden, once', async () => {
  let trees = 0;
  await fc.assert(
    fc.asyncProperty(paths, async (files) => {
      const root = join(folder, `tree-${++trees}`);
      mkdirSync(root);
      for (const parts of files) {
        try {
          mkdirSync(join(root, ...parts.slice(0, -1)), { recursive: true });
          writeFileSync(join(root, ...parts), '');
        } catch {
          // A name cannot be a file and a folder.
        }
      }
      const expected = readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
        .filter((id) => !id.split('/').some((name) => name.startsWith('.')));
      assert.equal(await idsBelow(root), expected.sort());
    }),
    { numRuns: 50 },
  );
});

walk('follows links to files and not to folders', async () => {
  const root = join(folder, 'links');
  mkdirSync(join(root, 'real'), { recursive: true });
  writeFileSync(join(root, 'real', 'a.jpg'), '');
  symlinkSync('real/a.jpg', join(root, 'link.jpg'));
  symlinkSync('..', join(root, 'real', 'circle'));
  symlinkSync('nowhere', join(root, 'dangling.jpg'));
  symlinkSync('real', join(root, 'folder.jpg'));
  // Somebody meant the one that is gone to be found.
  assert.equal(await idsBelow(root), ['dangling.jpg', 'link.jpg', 'real/a.jpg']);
});

walk('what is no file is found if its name promises an image, and counted if not', async () => {
  const root = join(folder, 'irregular');
  mkdirSync(root);
  writeFileSync(join(root, 'a.jpg'), '');
  symlinkSync('nowhere', join(root, 'gone.png'));
  symlinkSync('nowhere', join(root, 'gone'));
  symlinkSync('itself', join(root, 'itself'));
  const sockets = [join(root, 'socket'), join(root, 'socket.jpg')].map((path) => createServer().listen(path));
  await Promise.all(sockets.map((server) => once(server, 'listening')));
  try {
    const ids: string[] = [];
    const kinds: string[] = [];
    for await (const { id } of walkFiles(root, { onIrregular: (kind) => kinds.push(kind) })) ids.push(id);
    assert.equal(ids.sort(), ['a.jpg', 'gone.png', 'socket.jpg']);
    assert.equal(kinds.sort(), ['links to nothing', 'links to nothing', 'special files']);
  } finally {
    for (const server of sockets) server.close();
  }
});

walk('says what is wrong with the folder itself', async () => {
  const file = join(folder, 'file.jpg');
  writeFileSync(file, '');
  await refused(idsBelow(join(folder, 'gone')), 'INPUT_NOT_FOUND', /nothing exists/);
  await refused(idsBelow(file), 'INPUT_UNREADABLE', /is none/);
});

walk('the names that promise an image are those in the docs', () => {
  const docs = readFileSync(join(ROOT, 'docs', 'cli.md'), 'utf8');
  const line = /^Names that promise an image end in (.*)\.$/m.exec(docs)?.[1] ?? '';
  assert.equal(
    [...line.matchAll(/`(\.\w+)`/g)].map(([, name]) => name),
    [...IMAGE_EXTENSIONS],
  );
  assert.ok(hasImageName('a/B.JPEG') && hasImageName('x.heic'));
  assert.not(hasImageName('a.jpg/b') || hasImageName('jpg') || hasImageName('a.txt'));
});

walk.after(() => rmSync(folder, { recursive: true }));
walk.run();
