// Where an image goes: size, crop and filter, with the rounding of transformers.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { geometryOf } from '../dist/esm/image/geometry.js';
import { resolvePreprocessConfig } from '../dist/esm/image/preprocess-config.js';
import type { PreprocessConfig, Resample } from '../dist/esm/index.js';
import { refused } from './helpers/assertions.js';

const SIZE = { size: { height: 64, width: 64 } };
const own = (config: PreprocessConfig) => resolvePreprocessConfig({ ...config, doNormalize: false });
const SQUASH = own(SIZE);
const shortest = (edge: number, crop = edge) =>
  own({ size: { shortestEdge: edge }, doCenterCrop: true, cropSize: { height: crop, width: crop } });

const geometry = suite('geometryOf');

geometry('squash: the size, whatever comes in', () => {
  for (const [width, height] of [
    [1, 1],
    [640, 480],
    [64, 64],
    [3, 4000],
  ] as const) {
    assert.equal(geometryOf(SQUASH, width, height), {
      ...{ width: 64, height: 64, filter: 'bicubic' },
      crop: { left: 0, top: 0, width: 64, height: 64 },
    });
  }
});

geometry('shortest edge: truncated, not rounded; the crop starts at the floor of half the rest', () => {
  // width, height, edge, crop -> resized, left, top: as transformers 5 computes them
  const cases = [
    [
      [640, 480, 224, 224],
      [298, 224, 37, 0],
    ],
    [
      [480, 640, 224, 224],
      [224, 298, 0, 37],
    ],
    [
      [500, 333, 224, 224],
      [336, 224, 56, 0],
    ],
    [
      [333, 500, 224, 224],
      [224, 336, 0, 56],
    ],
    [
      [301, 199, 280, 280],
      [423, 280, 71, 0],
    ],
    [
      [100, 100, 256, 224],
      [256, 256, 16, 16],
    ],
    [
      [640, 480, 256, 224],
      [341, 256, 58, 16],
    ],
    [
      [7, 5, 3, 2],
      [4, 3, 1, 0],
    ],
  ] as const;
  for (const [[width, height, edge, crop], expected] of cases) {
    const result = geometryOf(shortest(edge, crop), width, height);
    assert.equal(
      [result.width, result.height, result.crop.left, result.crop.top],
      [...expected],
      `${width} x ${height}`,
    );
    assert.equal([result.crop.width, result.crop.height], [crop, crop]);
  }
});

geometry('the window always lies inside the resized image', () => {
  const side = fc.integer({ min: 1, max: 20_000 });
  const edge = fc.integer({ min: 1, max: 600 });
  fc.assert(
    fc.property(side, side, edge, edge, (width, height, a, b) => {
      // Beyond the kernel's sides it is refused: see below.
      const longest = (Math.max(width, height) / Math.min(width, height)) * Math.max(a, b);
      fc.pre(longest <= 2 ** 20);
      const { crop, ...result } = geometryOf(shortest(Math.max(a, b), Math.min(a, b)), width, height);
      assert.ok(crop.left >= 0 && crop.top >= 0);
      assert.ok(crop.left + crop.width <= result.width);
      assert.ok(crop.top + crop.height <= result.height);
      assert.equal([crop.width, crop.height], [Math.min(a, b), Math.min(a, b)]);
      assert.is(Math.min(result.width, result.height), Math.max(a, b));
    }),
  );
});

geometry("Pillow's numbers of its filters", () => {
  const names = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'];
  names.forEach((name, resample) => {
    assert.is(geometryOf(own({ ...SIZE, resample: resample as Resample }), 9, 9).filter, name);
  });
});

geometry('a squashed image is cropped in its middle too', () => {
  const config = own({
    size: { height: 65, width: 80 },
    doCenterCrop: true,
    cropSize: { height: 60, width: 64 },
  });
  assert.equal(geometryOf(config, 1000, 3).crop, { left: 8, top: 2, width: 64, height: 60 });
});

geometry('sides beyond 2^20 pixels, before or after resizing: TOO_MANY_PIXELS', async () => {
  assert.is(geometryOf(SQUASH, 2 ** 20, 1).width, 64);
  assert.is(geometryOf(shortest(64), 1, 2 ** 14).height, 2 ** 20);
  await refused(() => geometryOf(SQUASH, 2 ** 20 + 1, 1), 'TOO_MANY_PIXELS', /1048577 x 1/);
  await refused(() => geometryOf(shortest(64), 1, 2 ** 14 + 1), 'TOO_MANY_PIXELS', /resized/);
});

geometry.run();
