// semantic-vision index build and search: what is skipped, updated and removed, and what is found.
import { chmodSync, copyFileSync, mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision, VectorIndex } from '../dist/esm/index.js';
import { sameBits } from './helpers/assertions.js';
import { jsonLines, run, scratch } from './helpers/cli.js';
import { TINY_DIMENSIONS, TINY_MODEL, fixture, photo } from './helpers/fixtures.js';
import { goldenBytes } from './helpers/golden.js';

interface Built {
  entries: number;
  added: number;
  updated: number;
  unchanged: number;
  removed: number;
  failed: number;
  vanished: number;
  passedOver: Record<string, number>;
}
interface Found {
  query: { text?: string; image?: string };
  model: string;
  results: { id: string; similarity: number; metadata: { size: number; mtimeMs: number; sha256: string } }[];
}

const index = suite('cli index');
const { folder, remove } = scratch();
const photos = join(folder, 'photos');
const bundled = join(folder, 'bundled-index');
const stored = join(folder, 'index');
// Several commands run at once.
const FEW = ['--workers', '1', '--threads', '1'];

function put(id: string, name: string): void {
  copyFileSync(photo(name), join(photos, id));
}

async function build(...args: string[]): Promise<Built & { code: number | null; stderr: string }> {
  const { code, stdout, stderr } = await run([
    'index',
    'build',
    photos,
    '--output',
    stored,
    '--json',
    ...args,
  ]);
  const document = stdout === '' ? {} : (JSON.parse(stdout) as Built);
  return { ...(document as Built), code, stderr };
}

function counts({ entries, added, updated, unchanged, removed, failed, vanished }: Built): number[] {
  return [entries, added, updated, unchanged, removed, failed, vanished];
}

index('builds from a folder, then finds by text and by image', async () => {
  mkdirSync(join(photos, 'animals'), { recursive: true });
  put('animals/dogs.jpg', 'two-dogs');
  put('animals/cat.jpg', 'cat-face');
  put('coffee.jpg', 'coffee-cup');
  put('boats.jpg', 'harbour-boats');
  const made = await run(['index', 'build', photos, '-o', bundled, '--json']);
  assert.is(made.code, 0, made.stderr);
  assert.is(made.stderr, '');
  assert.equal(counts(JSON.parse(made.stdout) as Built), [4, 4, 0, 0, 0, 0, 0]);

  const [text, image, human] = await Promise.all([
    run(['index', 'search', 'a cup of coffee', '--index', bundled, '--json', ...FEW]),
    run(['index', 'search', photo('cat-face'), '--index', bundled, '-k', '2', '--json', ...FEW]),
    run(['index', 'search', 'a boat', '-i', bundled, '-k', '1', ...FEW]),
  ]);
  assert.is(text.code, 0, text.stderr);
  const byText = JSON.parse(text.stdout) as Found;
  assert.equal(byText.query, { text: 'a cup of coffee' });
  assert.is(byText.results.length, 4);
  assert.is(byText.results[0]?.id, 'coffee.jpg');
  assert.equal(Object.keys(byText.results[0]!.metadata).sort(), ['mtimeMs', 'sha256', 'size']);
  const byImage = JSON.parse(image.stdout) as Found;
  assert.equal(byImage.query, { image: photo('cat-face') });
  assert.is(byImage.results.length, 2);
  assert.is(byImage.results[0]?.id, 'animals/cat.jpg');
  assert.match(human.stdout, /^0\.\d{4} {2}boats\.jpg\n$/);
});

index('the model is remembered: later runs and searches need not be told', async () => {
  const first = await build('--model', TINY_MODEL);
  assert.equal(counts(first), [4, 4, 0, 0, 0, 0, 0], first.stderr);
  assert.equal(counts(await build()), [4, 0, 0, 4, 0, 0, 0]);
  const found = await run(['index', 'search', photo('cat-face'), '-i', stored, '-k', '1', ...FEW]);
  assert.match(found.stdout, /^1\.0000 {2}animals\/cat\.jpg\n$/);
  const opened = await VectorIndex.open(stored);
  assert.is(opened.dimensions, TINY_DIMENSIONS);
  await opened.close();
});

index('a second run embeds only what is new or changed', async () => {
  put('new.jpg', 'astronaut');
  put('coffee.jpg', 'dandelion');
  // Touched only: its bytes are the same.
  utimesSync(join(photos, 'boats.jpg'), new Date(), new Date(Date.now() + 5000));
  rmSync(join(photos, 'animals', 'dogs.jpg'));
  const second = await build();
  assert.is(second.code, 0, second.stderr);
  assert.equal(counts(second), [5, 1, 1, 2, 0, 0, 1]);
  assert.equal(counts(await build()), [5, 0, 0, 4, 0, 0, 1]);
});

index('--prune removes what is gone', async () => {
  const { code, stdout, stderr } = await run(['index', 'build', photos, '-o', stored, ...FEW]);
  assert.is(code, 0);
  assert.match(stderr, /1 indexed files are no longer in .*--prune/);
  assert.match(stdout, /5 images \(0 added, 0 updated, 4 unchanged, 0 removed, 0 failed\)/);
  assert.equal(counts(await build('--prune')), [4, 0, 0, 4, 1, 0, 0]);
});

index('a bad file does not end the run', async () => {
  writeFileSync(join(photos, 'bad.png'), 'not an image');
  put('zebra.jpg', 'sheep-grazing');
  const third = await build();
  assert.is(third.code, 1);
  assert.equal(counts(third), [5, 1, 0, 4, 0, 1, 0]);
  const [{ error }] = jsonLines<{ error: { code: string; input: string } }>(third.stderr) as [never];
  assert.equal((error as { code: string }).code, 'UNSUPPORTED_FORMAT');
  assert.equal((error as { input: string }).input, join(photos, 'bad.png'));
  rmSync(join(photos, 'bad.png'));
});

index('what a file is is read from its content, and what is passed over is counted by kind', async () => {
  const mixed = join(folder, 'mixed');
  const output = join(folder, 'mixed-index');
  mkdirSync(join(mixed, 'sub'), { recursive: true });
  const put = (id: string, path: string) => copyFileSync(path, join(mixed, id));
  put('phone.heic', fixture('cases/jpeg-named.heic')); // a JPEG
  put('no extension', photo('two-dogs'));
  put('sub/real.heic', fixture('heic/plain.heic'));
  put('animated.avif', fixture('cases/avif-sequence.avif'));
  writeFileSync(join(mixed, 'notes.txt'), 'nothing to see in here');
  writeFileSync(join(mixed, 'paper.pdf'), '%PDF-1.7 and so on');
  writeFileSync(join(mixed, 'nothing'), '');
  const args = ['index', 'build', mixed, '-o', output, '--model', TINY_MODEL, ...FEW];

  const clean = await run([...args, '--json']);
  assert.is(clean.code, 0, clean.stderr);
  const first = JSON.parse(clean.stdout) as Built;
  assert.equal(counts(first), [4, 4, 0, 0, 0, 0, 0]);
  assert.equal(first.passedOver, { 'not images': 3 });

  put('raw.cr2', fixture('cases/raw-cr2-like.cr2'));
  put('header only.heic', fixture('cases/heic-header-only.heic'));
  put('app.png', fixture('cases/png-apple-cgbi.png'));
  writeFileSync(join(mixed, 'error.jpg'), '<!doctype html><title>404</title>');
  writeFileSync(join(mixed, 'nothing.png'), '');
  const second = await run([...args, '--json']);
  assert.is(second.code, 1);
  const document = JSON.parse(second.stdout) as Built;
  assert.equal(counts(document), [4, 0, 0, 4, 0, 5, 0]);
  assert.equal(document.passedOver, {
    HEIC: 1,
    'PNG (CgBI of Xcode)': 1,
    'RAW (CR2)': 1,
    'not images': 4,
  });
  const failures = jsonLines<{ error: { code: string; input: string; message: string } }>(second.stderr);
  assert.equal(failures.map(({ error }) => [error.input.slice(mixed.length + 1), error.code]).sort(), [
    ['app.png', 'UNSUPPORTED_FORMAT'],
    ['error.jpg', 'UNSUPPORTED_FORMAT'],
    ['header only.heic', 'UNSUPPORTED_FORMAT'],
    ['nothing.png', 'INPUT_EMPTY'],
    ['raw.cr2', 'UNSUPPORTED_FORMAT'],
  ]);
  const human = await run(args);
  assert.match(human.stdout, /5 failed\), passed over: 1 .*1 RAW \(CR2\).*, 4 not images\n$/);

  // What was an image and is one no more does not vanish without a word.
  writeFileSync(join(mixed, 'no extension'), 'this was a photo of two dogs');
  const third = await run([...args, '--json']);
  assert.is((JSON.parse(third.stdout) as Built).failed, 6);
});

index('a file that is known by size and time is not opened again', async () => {
  const known = join(folder, 'known');
  const output = join(folder, 'known-index');
  const file = join(known, 'dogs.jpg');
  mkdirSync(known);
  copyFileSync(photo('two-dogs'), file);
  const time = new Date(2020, 1, 1);
  utimesSync(file, time, time);
  const args = ['index', 'build', known, '-o', output, '--model', TINY_MODEL, '--json', ...FEW];
  assert.is((JSON.parse((await run(args)).stdout) as Built).added, 1);
  // Other content of the same size and time would be found by whoever opens it.
  writeFileSync(file, Buffer.alloc(statSync(file).size));
  utimesSync(file, time, time);
  const { code, stdout, stderr } = await run(args);
  assert.is(code, 0, stderr);
  assert.equal(counts(JSON.parse(stdout) as Built), [1, 0, 0, 1, 0, 0, 0]);
});

index('nothing is pruned while a folder cannot be read', async () => {
  if (process.getuid?.() === 0) {
    console.log('skipped: root reads every folder');
    return;
  }
  chmodSync(join(photos, 'animals'), 0);
  try {
    const { code, entries } = await build('--prune');
    assert.is(code, 1);
    assert.is(entries, 5);
  } finally {
    chmodSync(join(photos, 'animals'), 0o755);
  }
});

index('an index of another model is refused and left alone', async () => {
  const { code, stderr } = await build('--model', 'bundled');
  assert.is(code, 3);
  assert.match(stderr, /MODEL_MISMATCH/);
  assert.is((await build()).unchanged, 5);
});

index('--text and --image decide what the query is', async () => {
  copyFileSync(photo('two-dogs'), join(folder, 'a dog'));
  const search = (...args: string[]) =>
    run(['index', 'search', ...args, '-i', bundled, '--json', ...FEW], { cwd: folder });
  const [file, text, gone] = await Promise.all([
    search('a dog'),
    search('a dog', '--text'),
    search('a cat', '--image'),
  ]);
  assert.equal((JSON.parse(file.stdout) as Found).query, { image: 'a dog' });
  assert.equal((JSON.parse(text.stdout) as Found).query, { text: 'a dog' });
  assert.is(gone.code, 1);
  assert.match(gone.stderr, /INPUT_NOT_FOUND/);
});

index('an empty folder gives an empty index; a missing one is an error', async () => {
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  const made = await run(['index', 'build', empty, '-o', join(folder, 'empty-index'), '--json', ...FEW]);
  assert.is(made.code, 0, made.stderr);
  assert.is((JSON.parse(made.stdout) as Built).entries, 0);
  const found = await run(['index', 'search', 'a dog', '-i', join(folder, 'empty-index')]);
  assert.is(found.code, 0);
  assert.is(found.stdout, '');
  assert.match(found.stderr, /is empty/);

  const missing = await run(['index', 'build', join(folder, 'gone'), '-o', join(folder, 'x')]);
  assert.is(missing.code, 1);
  assert.match(missing.stderr, /^error INPUT_NOT_FOUND: Expected a folder/);
  const file = await run(['index', 'build', photo('two-dogs'), '-o', join(folder, 'x')]);
  assert.match(file.stderr, /^error INPUT_UNREADABLE: Expected a folder .* is none/);
});

index('--flatten is remembered, and no other colour is mixed in', async () => {
  const logos = join(folder, 'logos');
  const white = join(folder, 'white-index');
  const logo = join(logos, 'logo.png');
  mkdirSync(logos);
  writeFileSync(logo, goldenBytes('png_rgba_hidden.png'));
  const command = ['index', 'build', logos, '-o', white, '--json', ...FEW];
  const built = await run([...command, '--model', TINY_MODEL, '--flatten', '#FFFFFF']);
  assert.equal(counts(JSON.parse(built.stdout) as Built), [1, 1, 0, 0, 0, 0, 0], built.stderr);

  await using vision = await SemanticVision.create({ model: TINY_MODEL, flatten: '#ffffff', text: false });
  const opened = await VectorIndex.open(white);
  sameBits(opened.get('logo.png')!.vector, (await vision.embedImage(logo)).vector);
  await opened.close();

  const [again, same, other, word, found] = await Promise.all([
    run(command),
    run([...command, '--flatten=#ffffff']),
    run([...command, '--flatten', '#000000']),
    run([...command, '--flatten', 'white']),
    run(['index', 'search', logo, '-i', white, ...FEW]),
  ]);
  for (const { stdout } of [again, same])
    assert.equal(counts(JSON.parse(stdout) as Built), [1, 0, 0, 1, 0, 0, 0]);
  for (const { code } of [other, word]) assert.is(code, 2);
  assert.match(other.stderr, /"USAGE".*--flatten '#ffffff'.*'#000000'/);
  assert.match(word.stderr, /"USAGE".*#rrggbb/);
  assert.is(found.stdout, '1.0000  logo.png\n');
  const late = await run(['index', 'build', photos, '-o', stored, '--flatten', '#ffffff']);
  assert.is(late.code, 2);
  assert.match(late.stderr, /^error USAGE: Expected no --flatten/);
});

index('a search in an index that is not there loads no model', async () => {
  const { code, stderr } = await run(
    ['index', 'search', 'a dog', '-i', join(folder, 'nowhere'), '-m', 'org/nobody'],
    {
      env: { HF_HUB_OFFLINE: '1', HF_HOME: folder },
    },
  );
  assert.is(code, 3);
  assert.match(stderr, /^error INDEX_NOT_FOUND: /);
});

index('a query of another model is refused', async () => {
  const { code, stderr } = await run(['index', 'search', photo('cat-face'), '-i', bundled, '-m', TINY_MODEL]);
  assert.is(code, 3);
  assert.match(stderr, /^error MODEL_MISMATCH: /);
});

index.after(remove);
index.run();
