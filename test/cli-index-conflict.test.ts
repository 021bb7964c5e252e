// Two processes that build one index: one is told that it is late, and nothing that was saved is lost.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex, VisionError } from '../dist/esm/index.js';
import { settles, until } from './helpers/assertions.js';
import { run, scratch, start } from './helpers/cli.js';
import { TINY_MODEL, photo, photoNames, withTrailingBytes } from './helpers/fixtures.js';

const conflict = suite('cli index conflict');
const { folder, remove } = scratch();
const FEW = ['--workers', '1', '--threads', '1'];

function photosIn(name: string, count: number): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (let i = 0; i < count; i++) {
    const bytes = readFileSync(photo(photoNames[i % photoNames.length]!));
    writeFileSync(join(path, `${i}.jpg`), withTrailingBytes(bytes, 1 + i));
  }
  return path;
}

async function add(stored: string, id: string): Promise<void> {
  for (;;) {
    const index = await VectorIndex.open(stored);
    index.add(id, new Float32Array(index.dimensions).fill(1));
    try {
      await index.save();
      return;
    } catch (error) {
      if (!(error instanceof VisionError) || error.code !== 'INDEX_CONFLICT') throw error;
    } finally {
      await index.close();
    }
  }
}

conflict('a build under which somebody else saves ends with an error that says so, once', async () => {
  const stored = join(folder, 'index');
  // More than any machine embeds before somebody else has saved.
  const photos = photosIn('many', 400);
  const { ending } = start(['index', 'build', photos, '-o', stored, '--checkpoint', '0.1', ...FEW]);
  await until(() => existsSync(join(stored, 'manifest.json')), 'a checkpoint', 60_000);
  await add(stored, 'of somebody else');
  const { code, stdout, stderr } = await settles(ending, 'the build', 120_000);
  assert.is(code, 3, stderr);
  assert.is(stdout, '');
  assert.match(
    stderr,
    /^error INDEX_CONFLICT: Another process has saved into .*Run the same command again.*\n$/,
  );
  const index = await VectorIndex.open(stored);
  assert.ok(index.has('of somebody else'));
  assert.ok(index.size > 1, 'and what the build had saved before');
  await index.close();
});

conflict(
  'two builds begun at once: at least one is whole, and the folder names the model of that one',
  async () => {
    const photos = photosIn('few', 6);
    const stored = join(folder, 'both');
    const build = (...more: string[]) => run(['index', 'build', photos, '-o', stored, ...FEW, ...more]);
    const ended = await Promise.all([build(), build('--model', TINY_MODEL)]);
    const late = ended.filter(({ code }) => code !== 0);
    assert.ok(late.length <= 1, late.map(({ stderr }) => stderr).join());
    // One that began after the other had saved finds another model in it.
    for (const { code, stderr } of late) {
      assert.is(code, 3, stderr);
      assert.match(stderr, /^error (INDEX_CONFLICT|MODEL_MISMATCH): /);
    }
    const again = await build();
    assert.is(again.code, 0, again.stderr);
    assert.match(again.stdout, /6 images \(0 added, 0 updated, 6 unchanged/);
    const found = await run(['index', 'search', photo(photoNames[0]!), '-i', stored, ...FEW]);
    assert.is(found.code, 0, found.stderr);
    assert.is(found.stdout.trim().split('\n').length, 6);
  },
);

conflict.after(remove);
conflict.run();
