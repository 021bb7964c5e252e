// node --frozen-intrinsics: the library, both of its entries, its errors, and the command.
import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROOT, TINY_MODEL, fixture, photo } from './helpers/fixtures.js';
import { scratchFolder } from './helpers/prepared.js';

const CLI = join(ROOT, 'dist', 'esm', 'cli', 'main.js');

function frozen(args: string[], input?: string): string {
  const { stdout, stderr, status, signal } = spawnSync(
    process.execPath,
    ['--no-warnings', '--frozen-intrinsics', ...args],
    { input, encoding: 'utf8', timeout: 60_000 },
  );
  assert.is(status, 0, `${String(signal)}: ${stderr}`);
  assert.is(stderr, '');
  return stdout;
}

const PROGRAM = `
  const { createRequire } = await import('node:module');
  const found = [];
  for (const { SemanticVision, VectorIndex, VisionError } of [
    await import(${JSON.stringify(join(ROOT, 'dist', 'esm', 'index.js'))}),
    createRequire(${JSON.stringify(join(ROOT, 'package.json'))})('./dist/cjs/index.cjs'),
  ]) {
    const folder = ${JSON.stringify(scratchFolder())} + '/' + found.length;
    const vision = await SemanticVision.create({
      model: ${JSON.stringify(TINY_MODEL)}, workers: 1, intraOpNumThreads: 1, isolation: found.length ? 'process' : 'none',
    });
    const index = VectorIndex.create({ dimensions: vision.model.dimensions });
    const paths = ${JSON.stringify([photo('cat-face'), fixture('golden/images/avif_lossy.avif'), '/no/such/file.jpg'])};
    const codes = [];
    for await (const result of vision.embedImages(paths)) {
      if (result.ok) index.add(paths[result.index], result.embedding);
      else codes.push(result.error instanceof VisionError && result.error.name + ' ' + result.error.code);
    }
    await index.save(folder);
    const loaded = await VectorIndex.open(folder);
    const [first] = loaded.search(await vision.embedImage(paths[0]), { k: 1 });
    const { dimensions } = await vision.embedText('a cat');
    await vision.close();
    found.push({ first: first.id, size: loaded.size, codes, dimensions });
  }
  console.log(JSON.stringify(found));`;

const intrinsics = suite('frozen intrinsics');

intrinsics('images, texts, errors and an index, by import and by require', () => {
  const found = JSON.parse(frozen(['--input-type=module', '-'], PROGRAM)) as unknown[];
  const one = { first: photo('cat-face'), size: 2, codes: ['VisionError INPUT_NOT_FOUND'], dimensions: 96 };
  assert.equal(found, [one, one]);
});

intrinsics('the command embeds, indexes and searches', () => {
  const folder = scratchFolder();
  const image = join(folder, 'photos', 'cat.jpg');
  cpSync(photo('cat-face'), image);
  const model = ['--model', TINY_MODEL];
  const { id } = JSON.parse(frozen([CLI, 'embed', image, ...model])) as { id: string };
  assert.is(id, image);
  const index = join(folder, 'index');
  frozen([CLI, 'index', 'build', join(folder, 'photos'), '-o', index, '--quiet', ...model]);
  const answer = frozen([CLI, 'index', 'search', image, '-i', index, '--json', ...model]);
  assert.is((JSON.parse(answer) as { results: { id: string }[] }).results[0]?.id, 'cat.jpg');
});

intrinsics.run();
