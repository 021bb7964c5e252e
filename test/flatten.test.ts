// Transparency over a colour: Pillow's own results, every kernel against a slow reference, and the way there from a file.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { imageKey } from '../dist/esm/cache.js';
import {
  kernelImplementations,
  resizeInto,
  type ResampleFilter,
  type StoredLayout,
} from '../dist/esm/image/binding.js';
import { decodePixels } from '../dist/esm/image/decode.js';
import { readHeader } from '../dist/esm/image/header.js';
import { preprocess, SemanticVision, type PreprocessOptions } from '../dist/esm/index.js';
import { refused, sameBits } from './helpers/assertions.js';
import { fixtureJson, TINY_MODEL } from './helpers/fixtures.js';
import { goldenBytes, goldenFiles, sha256 } from './helpers/golden.js';
import { composedPixels, composedSample } from './reference/compose.js';
import { lcgBytes } from './reference/golden-pixels.js';
import sharp from './helpers/sharp.js';

const LIMIT = 1e8;
const golden = fixtureJson('golden/flattened.json') as {
  allSamples: string;
  background: string;
  images: Record<string, { pixels: string; bicubic64: string; bicubic224: string }>;
};
const BACKGROUND = Number.parseInt(golden.background.slice(1), 16);
const FILTERS: ResampleFilter[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'];

async function decode(name: string, background?: number) {
  const bytes = goldenBytes(name);
  const options = { autoOrient: true, limitInputPixels: LIMIT, decode: 'exact' as const, background };
  return decodePixels(bytes, readHeader(bytes, LIMIT), { width: 64, height: 64 }, options);
}

function resized(
  source: Uint8Array,
  layout: StoredLayout,
  to: { width: number; height: number; filter: ResampleFilter },
  implementation?: string,
): Uint8Array {
  const { width, height } = to;
  const target = new Uint8Array(3 * width * height);
  resizeInto(source, layout, { ...to, crop: { left: 0, top: 0, width, height } }, target, implementation);
  return target;
}

const pillow = suite('flatten: Pillow');

pillow('the reference rounds as Pillow does, for every sample, alpha and background', () => {
  const all = new Uint8Array(2 ** 24);
  let i = 0;
  for (let under = 0; under < 256; under++)
    for (let alpha = 0; alpha < 256; alpha++)
      for (let sample = 0; sample < 256; sample++) all[i++] = composedSample(sample, alpha, under);
  assert.is(sha256(all), golden.allSamples);
});

for (const [name, expected] of Object.entries(golden.images)) {
  pillow(`${name}: composed, then resized, by every kernel`, async () => {
    const pixels = await decode(name, BACKGROUND);
    assert.is(sha256(composedPixels(pixels, BACKGROUND)), expected.pixels);
    const { data, width, height, channels, bytesPerSample } = pixels;
    const rowStride = width * channels * bytesPerSample;
    const layout = { ...pixels, offset: 0, rowStride, background: BACKGROUND };
    for (const implementation of kernelImplementations()) {
      for (const side of [64, 224] as const) {
        const to = { width: side, height: side, filter: 'bicubic' as const };
        assert.is(
          sha256(resized(data, layout, to, implementation)),
          expected[`bicubic${side}`],
          `${side} by ${implementation}`,
        );
      }
      // Unchanged in size, nothing but the composition is left.
      const same = { width, height, filter: 'bicubic' as const };
      assert.is(sha256(resized(data, layout, same, implementation)), expected.pixels, implementation);
    }
  });
}

pillow.run();

const kernels = suite('flatten: kernels');

kernels('any layout, depth, orientation and filter: as composing first and resizing then', () => {
  const side = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 300 }));
  const layouts = fc.record({
    width: side,
    height: side,
    channels: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const),
    bytesPerSample: fc.constantFrom(1 as const, 2 as const),
    orientation: fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8) as fc.Arbitrary<1>,
    background: fc.option(fc.integer({ min: 0, max: 0xffffff }), { nil: undefined }),
  });
  const targets = fc.record({
    width: fc.integer({ min: 1, max: 90 }),
    height: fc.integer({ min: 1, max: 90 }),
    filter: fc.constantFrom(...FILTERS),
  });
  fc.assert(
    fc.property(layouts, targets, fc.nat(9), fc.nat(), (stored, to, offset, seed) => {
      const { width, height, channels, bytesPerSample, orientation, background } = stored;
      const rowStride = width * channels * bytesPerSample;
      const source = lcgBytes(offset + height * rowStride, seed);
      const opaque = composedPixels({ ...stored, data: source.subarray(offset) }, background);
      const plain = { offset: 0, width, height, channels: 3 as const, rowStride: 3 * width, orientation };
      const expected = Buffer.from(resized(opaque, plain, to, 'scalar'));
      for (const name of kernelImplementations()) {
        assert.ok(expected.equals(resized(source, { ...stored, offset, rowStride }, to, name)), name);
      }
    }),
    { numRuns: 600 },
  );
});

kernels('rows far apart and pictures larger than a band', () => {
  for (const [width, height] of [
    [3000, 100],
    [100, 3000],
    [70_000, 3],
  ] as const) {
    const rowStride = 4 * width + 13;
    const source = lcgBytes(height * rowStride, width);
    const rows = new Uint8Array(4 * width * height);
    for (let y = 0; y < height; y++)
      rows.set(source.subarray(y * rowStride, y * rowStride + 4 * width), 4 * width * y);
    const stored = { width, height, channels: 4 as const, bytesPerSample: 1 as const };
    const opaque = composedPixels({ ...stored, data: rows }, 0x1090f0);
    for (const orientation of [1, 6] as const) {
      const plain = { offset: 0, width, height, channels: 3 as const, rowStride: 3 * width, orientation };
      const layout = { ...stored, offset: 0, rowStride, orientation, background: 0x1090f0 };
      for (const filter of ['bicubic', 'nearest'] as const) {
        const to = { width: 65, height: 43, filter };
        const expected = Buffer.from(resized(opaque, plain, to, 'scalar'));
        for (const name of kernelImplementations())
          assert.ok(expected.equals(resized(source, layout, to, name)), `${width} ${orientation} ${name}`);
      }
    }
  }
});

kernels('a background that is none: INVALID_ARGUMENT', async () => {
  for (const background of [-1, 0.5, NaN, 0x1000000, '#ffffff', null, {}, true]) {
    const layout = { offset: 0, width: 1, height: 1, channels: 4 as const, rowStride: 4 };
    const to = { width: 1, height: 1, filter: 'bicubic' as const };
    const call = () => resized(new Uint8Array(4), { ...layout, background: background as never }, to);
    await refused(call, 'INVALID_ARGUMENT', /background/);
  }
});

kernels.run();

const files = suite('flatten: from file to vector');

const TRANSPARENT = Object.keys(golden.images).filter((name) => !/png_rgb\.png|exact/.test(name));

// The same picture, made opaque by the slow reference.
async function opaquePng(name: string): Promise<Buffer> {
  const pixels = await decode(name, BACKGROUND);
  const raw = { width: pixels.width, height: pixels.height, channels: 3 as const };
  return sharp(composedPixels(pixels, BACKGROUND), { raw }).png().toBuffer();
}

files(
  'a transparent file has the vector of the composed, opaque one; without flatten it has not',
  async () => {
    const one = { model: TINY_MODEL, workers: 1, text: false };
    await using dropping = await SemanticVision.create(one);
    await using composing = await SemanticVision.create({ ...one, flatten: golden.background.toUpperCase() });
    for (const name of TRANSPARENT) {
      const opaque = await opaquePng(name);
      const { vector } = await composing.embedImage(goldenBytes(name));
      sameBits(vector, (await dropping.embedImage(opaque)).vector, name);
      sameBits(vector, (await composing.embedImage(opaque)).vector, name);
      const dropped = await dropping.embedImage(goldenBytes(name));
      assert.not.equal(dropped.vector, vector, name);
    }
  },
);

files('opaque files do not change, whatever the format', async () => {
  const opaque = goldenFiles.filter((name) => !TRANSPARENT.includes(name) && !name.startsWith('very'));
  const one = { model: TINY_MODEL, workers: 1, text: false };
  await using dropping = await SemanticVision.create(one);
  await using composing = await SemanticVision.create({ ...one, flatten: '#000000' });
  for (const name of opaque) {
    const bytes = goldenBytes(name);
    sameBits((await composing.embedImage(bytes)).vector, (await dropping.embedImage(bytes)).vector, name);
  }
});

files("the caller's own RGBA pixels are composed too", async () => {
  const { data, width, height } = await decode('png_rgba.png', BACKGROUND);
  const raw = { data, width, height, channels: 4 as const };
  const rgb = composedPixels({ ...raw, bytesPerSample: 1 }, BACKGROUND);
  const one = { model: TINY_MODEL, workers: 1, text: false };
  await using composing = await SemanticVision.create({ ...one, flatten: golden.background });
  const expected = await composing.embedImage({ ...raw, data: rgb, channels: 3 });
  sameBits((await composing.embedImage(raw)).vector, expected.vector);

  const config = { size: { width: 20, height: 30 }, doNormalize: false };
  const options = { flatten: golden.background };
  sameBits(
    preprocess(raw, config, options),
    preprocess({ data: rgb, width, height, channels: 3 }, config, options),
  );
  sameBits(preprocess(raw, config, {}), preprocess(raw, config));
  for (const wrong of [null, { flatten: 'white' }, { flatten: '#fff' }, { background: '#ffffff' }]) {
    await refused(() => preprocess(raw, config, wrong as PreprocessOptions), 'INVALID_OPTION');
  }
});

files('the key of a vector holds the colour', () => {
  const keys = [undefined, 0, 0xff, 0xffffff].map((flatten) => imageKey('ab', { flatten }));
  assert.equal(keys, [
    'image:ab',
    'image:ab:flatten=#000000',
    'image:ab:flatten=#0000ff',
    'image:ab:flatten=#ffffff',
  ]);
});

files.run();
