// A short part of the fuzzer (npm run fuzz), always the same; and that the fuzzer sees what it is there to see.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodePixels } from '../dist/esm/image/decode.js';
import { readHeader } from '../dist/esm/image/header.js';
import { ROOT } from './helpers/fixtures.js';
import { readCorpus } from './stress/corpus.js';
import { fuzz } from './stress/fuzz.js';
import { judge } from './stress/judge.js';
import { mutant, type Kind } from './stress/mutate.js';
import { turn } from './stress/picture.js';
import { structureOf } from './stress/structure/index.js';

const COUNT = 3000;
const LIMIT = 1e6;
const corpus = readCorpus();

const inputs = suite('fuzzed inputs');

inputs('the same seed and number give the same mutant, and half of them have another structure', () => {
  const kinds: Record<Kind, number> = { bytes: 0, structure: 0, value: 0 };
  for (let number = 0; number < 2000; number++) {
    const first = mutant(corpus, 7, number);
    const again = mutant(corpus, 7, number);
    assert.ok(first.bytes.equals(again.bytes) && first.description === again.description);
    kinds[first.kind]++;
  }
  assert.ok(kinds.bytes > 900 && kinds.structure > 650 && kinds.value > 200, JSON.stringify(kinds));
});

inputs('the corpus is left alone, and holds every format', () => {
  const fresh = readCorpus();
  assert.ok(corpus.every(({ bytes }, i) => bytes.equals(fresh[i]!.bytes)));
  const structures = new Set(corpus.map(({ bytes }) => structureOf(bytes)));
  structures.delete(undefined);
  assert.is(structures.size, 7);
});

inputs.run();

const judging = suite('judging pictures');

judging('a picture is turned as EXIF says', () => {
  // Two columns, three rows: 1 2 / 3 4 / 5 6.
  const rgb = Uint8Array.from([1, 2, 3, 4, 5, 6].flatMap((value) => [value, value, value]));
  const rows = [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) => {
    const turned = turn({ rgb, width: 2, height: 3 }, orientation);
    return `${turned.width}: ${[...turned.rgb].filter((_, i) => i % 3 === 0).join('')}`;
  });
  assert.equal(rows, [
    ...['2: 123456', '2: 214365', '2: 654321', '2: 563412'],
    ...['3: 135246', '3: 531642', '3: 642531', '3: 246135'],
  ]);
});

judging('the right picture is confirmed, and one wrong sample is seen', async () => {
  for (const name of [
    'png-rgb16.png',
    'jpeg-exif-6.jpg',
    'tiff-strips.tif',
    'webp-lossy.webp',
    'gif-palette.gif',
  ]) {
    const { bytes } = corpus.find((file) => file.name === name)!;
    const header = readHeader(bytes, LIMIT);
    const options = { autoOrient: true, limitInputPixels: LIMIT, decode: 'exact' } as const;
    const pixels = await decodePixels(bytes, header, { width: 64, height: 64 }, options);
    assert.is.not((await judge(bytes, header.format, pixels, undefined, undefined)).by, 'nobody', name);
    const wrong = { ...pixels, data: Uint8Array.from(pixels.data) };
    const last = wrong.data.length - 1;
    wrong.data[last] = wrong.data[last]! ^ 0x80;
    const { by, failure } = await judge(bytes, header.format, wrong, undefined, undefined);
    assert.is(by, 'nobody', name);
    assert.is(failure?.what, 'wrong picture');
  }
});

judging.run();

const fuzzing = suite('fuzzing');

fuzzing('a crash costs one input, is named, and hides nothing behind it', async () => {
  const root = mkdtempSync(join(tmpdir(), 'semantic-vision-faulty-'));
  const image = join(root, 'dist', 'esm', 'image');
  const save = join(root, 'found');
  mkdirSync(image, { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(root, 'package.json'));
  const real = (name: string) => JSON.stringify(join(ROOT, 'dist', 'esm', 'image', name));
  writeFileSync(join(image, 'header.js'), `export * from ${real('header.js')};`);
  // A library that refuses all but BMP and animated WebP, with two faults: it dies of the one, and the other is black.
  writeFileSync(
    join(image, 'decode.js'),
    `import { decodePixels as decode } from ${real('decode.js')};
    export async function decodePixels(bytes, header, ...rest) {
      if (Buffer.from(bytes).includes('ANMF')) process.abort();
      if (header.format !== 'bmp')
        throw Object.assign(new Error('refused'), { name: 'VisionError', code: 'DECODE_FAILED' });
      const pixels = await decode(bytes, header, ...rest);
      return { ...pixels, data: new Uint8Array(pixels.data.length) };
    }`,
  );
  const report = await fuzz({ seed: 5, count: 120, mode: 'decode', processes: 2, root, save });
  rmSync(root, { recursive: true });
  assert.is(report.inputs, 120);
  const crashes = report.failures.filter(({ what }) => what === 'crash');
  assert.ok(crashes.length > 0);
  for (const { number, detail } of crashes) {
    assert.ok(mutant(corpus, 5, number).bytes.includes('ANMF'));
    assert.match(detail, /SIGABRT/);
  }
  assert.ok(report.failures.some(({ what, format }) => what === 'wrong picture' && format === 'bmp'));
});

fuzzing(`${COUNT} hostile images: the right picture or a coded error each`, async () => {
  const report = await fuzz({ seed: 7, count: COUNT, mode: 'both', processes: 2 });
  assert.equal(
    report.failures.map(
      ({ number, what, description, detail }) => `${number} ${what}: ${description}: ${detail}`,
    ),
    [],
  );
  assert.is(report.inputs, COUNT);
  const refused = Object.values(report.codes).reduce((sum, count) => sum + count, 0);
  assert.is(report.accepted + refused, COUNT);
  // Mutants that get far enough to matter: some pass, and the decoders see many of the others.
  assert.ok(report.accepted > COUNT / 10 && report.reachedShare > 0.3, JSON.stringify(report));
  assert.is(Object.keys(report.acceptedByFormat).length, 7);
  const refusals = ['DECODE_FAILED', 'INPUT_EMPTY', 'TOO_MANY_PIXELS', 'UNSUPPORTED_FORMAT'];
  assert.equal(
    Object.keys(report.codes).filter((code) => !refusals.includes(code)),
    [],
  );
});

fuzzing.run();
