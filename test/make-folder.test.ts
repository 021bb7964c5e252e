// Folders that can't be made: an end and a code wherever one is needed, never Node's endless mkdir.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex, optimizeModel, pullModel } from '../dist/esm/index.js';
import { makeFolder } from '../dist/esm/make-folder.js';
import { withLock } from '../dist/esm/files/lock.js';
import { replace } from '../dist/esm/models/hub/storage.js';
import { prepareGraph } from '../dist/esm/models/prepared/prepare.js';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { refused, settles } from './helpers/assertions.js';
import { run } from './helpers/cli.js';
import { TINY_MODEL, fixture, photo } from './helpers/fixtures.js';
import { HubServer } from './helpers/hub-server.js';
import { tinyRequest } from './helpers/prepared.js';

const folders = suite('make folder');
const root = mkdtempSync(join(tmpdir(), 'semantic-vision-folders-'));
// Nobody has to get into it.
chmodSync(root, 0o755);
const path = (...names: string[]) => join(root, ...names);
writeFileSync(path('file'), '');
symlinkSync('nowhere', path('link'));
mkdirSync(path('closed'));
chmodSync(path('closed'), 0o555);

interface Hopeless {
  what: string;
  /** Cannot be made. */
  folder: string;
  /** What is at fault; messages name it, or something below. */
  blame: string;
  /** What the operating system says. */
  errno: string;
}

const HOPELESS: Hopeless[] = [
  { what: 'a file in its place', folder: path('file'), blame: path('file'), errno: 'EEXIST' },
  { what: 'a file above it', folder: path('file', 'x', 'y'), blame: path('file'), errno: 'ENOTDIR' },
  { what: 'a link to nothing in its place', folder: path('link'), blame: path('link'), errno: 'EEXIST' },
  {
    what: 'a link to nothing above it',
    folder: path('link', 'x', 'y'),
    blame: path('link'),
    errno: 'EEXIST',
  },
  {
    what: 'a folder that cannot be written',
    folder: path('closed', 'x', 'y'),
    blame: path('closed', 'x'),
    errno: 'EACCES',
  },
];
// Where every name is answered with ENOENT, whatever is above it.
if (existsSync('/proc/self'))
  HOPELESS.push({ what: 'the folder of processes', folder: '/proc/x/y', blame: '/proc/x', errno: 'ENOENT' });

const server = await HubServer.start();
server.commit('org/tiny', {
  'config.json': { content: readFileSync(fixture('tiny-siglip2/config.json')), lfs: false },
});
const hasher = new Hasher();
Object.assign(process.env, { HF_ENDPOINT: server.endpoint, HF_HOME: path('home'), HF_HUB_OFFLINE: '' });

// Root may write everywhere, so be nobody meanwhile.
async function asNobody(work: () => Promise<void>): Promise<void> {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(65534);
  try {
    await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

folders('makes what is missing, and is content with what is there', async () => {
  await makeFolder(path('a', 'b', 'c'));
  await makeFolder(path('a', 'b', 'c'));
  await makeFolder(`${path('a', 'b', 'd')}/`);
  symlinkSync('a', path('to-a'));
  await makeFolder(path('to-a'));
  await makeFolder(path('to-a', 'e', 'f'));
  for (const made of ['b/c', 'b/d', 'e/f']) assert.ok(existsSync(path('a', made)), made);
  await makeFolder('.');
  await makeFolder('/');
});

folders('many at once make the same folders', async () => {
  const all = Array.from({ length: 50 }, (_, i) => makeFolder(path('many', 'of', 'them', String(i % 5))));
  await Promise.all(all);
  for (let i = 0; i < 5; i++) assert.ok(existsSync(path('many', 'of', 'them', String(i))));
});

folders('a relative path in a folder that is gone', async () => {
  const before = process.cwd();
  mkdirSync(path('gone'));
  process.chdir(path('gone'));
  rmSync(path('gone'), { recursive: true });
  try {
    await settles(makeFolder('x/y'), 'the folder').then(
      () => assert.unreachable(),
      (error: unknown) => assert.is((error as NodeJS.ErrnoException).code, 'ENOENT'),
    );
  } finally {
    process.chdir(before);
  }
});

for (const { what, folder, blame, errno } of HOPELESS) {
  folders(`${what}: the error of the file system`, async () => {
    await asNobody(async () => {
      await settles(makeFolder(folder), what).then(
        () => assert.unreachable(),
        (error: unknown) => assert.is((error as NodeJS.ErrnoException).code, errno),
      );
    });
  });

  folders(`${what}: a code from all who need a folder`, async () => {
    await asNobody(async () => {
      const names = new RegExp(blame);
      const refuses = async (work: Promise<unknown>, code: 'CACHE_UNUSABLE' | 'INDEX_WRITE_FAILED') =>
        refused(settles(work, what), code, names);
      const index = VectorIndex.create({ dimensions: 2 });
      await refuses(index.save(folder), 'INDEX_WRITE_FAILED');
      await refuses(pullModel('org/tiny', { cacheDir: folder }), 'CACHE_UNUSABLE');
      await refuses(optimizeModel(TINY_MODEL, { cacheDir: folder }), 'CACHE_UNUSABLE');
      // These are given their code by whoever uses them.
      const raw = [
        () => replace(join(folder, 'f'), () => Promise.resolve()),
        () => withLock(join(folder, 'l'), 1, undefined, () => Promise.resolve()),
      ];
      for (const work of raw)
        await settles(work(), what).then(
          () => assert.unreachable(),
          (error: unknown) => assert.match((error as Error).message, names),
        );
      // There is another way without it, and it says why it is taken.
      const { outcome, reason } = await settles(prepareGraph(tinyRequest(folder, hasher)), what);
      assert.is(outcome, 'failed');
      assert.match(reason ?? '', names);
    });
  });
}

folders('the command ends with the code', async () => {
  const { folder } = HOPELESS.at(-1)!;
  const images = path('images');
  mkdirSync(images);
  writeFileSync(join(images, 'a.jpg'), readFileSync(photo('two-dogs')));
  const args = ['index', 'build', images, '-m', TINY_MODEL, '-o', folder];
  const { code, signal, stderr } = await run(args);
  assert.equal([code, signal], [3, null]);
  assert.match(stderr, /^error INDEX_WRITE_FAILED: Cannot save the index in [^\n]*\n$/);
});

folders.after(async () => {
  await server.close();
  await hasher.close();
  chmodSync(path('closed'), 0o755);
  rmSync(root, { recursive: true, force: true });
});
folders.run();
