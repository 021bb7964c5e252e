// preprocessor_config.json: the known ones, every wrong value, and the rounding of transformers.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { geometryOf, parsePreprocessConfig } from '../dist/esm/image/preprocess-config.js';
import { refused } from './helpers/assertions.js';
import { ROOT, fixtureJson } from './helpers/fixtures.js';

const HALF = [0.5, 0.5, 0.5];
const SIGLIP = fixtureJson('preprocessor-configs/tiny-siglip.json') as Record<string, unknown>;
const CLIP = JSON.parse(
  readFileSync(join(ROOT, 'models', 'bundled', 'preprocessor_config.json'), 'utf8'),
) as Record<string, unknown>;
const parse = (change: object, base: object = SIGLIP) =>
  parsePreprocessConfig({ ...base, ...change }, 'file.json');

const parsing = suite('parsePreprocessConfig');

parsing('SigLIP: squash, bicubic', () => {
  assert.equal(parsePreprocessConfig(SIGLIP, 'x'), {
    size: { height: 64, width: 64 },
    resample: 3,
    doCenterCrop: false,
    cropSize: { height: 64, width: 64 },
    rescaleFactor: 1 / 255,
    imageMean: HALF,
    imageStd: HALF,
  });
});

parsing('SigLIP 2: squash, bilinear, do_convert_rgb null', () => {
  const config = parsePreprocessConfig(fixtureJson('preprocessor-configs/tiny-siglip2.json'), 'x');
  assert.equal([config.resample, config.size], [2, { height: 96, width: 96 }]);
});

parsing('NaFlex has no fixed size: refused, naming the key', async () => {
  const naflex = fixtureJson('preprocessor-configs/tiny-siglip2-naflex.json');
  await refused(
    () => parsePreprocessConfig(naflex, 'naflex.json'),
    'MODEL_INVALID',
    /(size|max_num_patches).*naflex\.json/,
  );
});

parsing('the bundled model: shortest edge and centre crop', () => {
  const config = parsePreprocessConfig(CLIP, 'x');
  assert.equal(
    [config.size, config.doCenterCrop, config.cropSize],
    [{ shortestEdge: 280 }, true, { height: 280, width: 280 }],
  );
});

parsing('switched off steps are neutral', () => {
  const off = parse({ do_rescale: false, do_normalize: false, image_mean: undefined, image_std: undefined });
  assert.equal([off.rescaleFactor, off.imageMean, off.imageStd], [1, [0, 0, 0], [1, 1, 1]]);
});

parsing('keys that do not touch the pixels are ignored', () => {
  const known = {
    image_processor_type: 'X',
    processor_class: 'Y',
    feature_extractor_type: 'Z',
    do_convert_rgb: true,
  };
  assert.equal(parse(known), parse({}));
  // What newer versions of transformers write into every file.
  const off = {
    do_pad: null,
    pad_size: null,
    crop_size: null,
    do_center_crop: null,
    size_divisor: null,
    device: null,
  };
  assert.equal(parse({ ...off, do_flip_channel_order: false }), parse({}));
});

parsing('steps that are not implemented are refused, not skipped', async () => {
  for (const change of [
    { do_flip_channel_order: true },
    { do_pad: true },
    { do_resize: false },
    { crop_pct: 0.9 },
  ]) {
    await refused(() => parse(change), 'MODEL_INVALID', new RegExp(Object.keys(change)[0]!));
  }
});

parsing('every wrong value names its key', async () => {
  const wrong: [object, RegExp][] = [
    [{ resample: 0 }, /resample/],
    [{ resample: 1 }, /resample/],
    [{ resample: '3' }, /resample/],
    [{ size: undefined }, /size/],
    [{ size: { height: 64 } }, /size/],
    [{ size: { height: 64, width: 0 } }, /size\.width/],
    [{ size: { height: 64, width: 1.5 } }, /size\.width/],
    [{ size: { height: '64', width: 64 } }, /size\.height/],
    [{ size: { height: 1e9, width: 64 } }, /size\.height/],
    [{ size: { shortest_edge: 64, longest_edge: 128 } }, /size/],
    [{ size: { shortest_edge: 64 } }, /do_center_crop/],
    [{ do_center_crop: true }, /crop_size/],
    [{ do_center_crop: 'yes', crop_size: 64 }, /do_center_crop/],
    [{ rescale_factor: 0 }, /rescale_factor/],
    [{ rescale_factor: '1/255' }, /rescale_factor/],
    [{ rescale_factor: Infinity }, /rescale_factor/],
    [{ do_rescale: 'no' }, /do_rescale/],
    [{ image_mean: undefined }, /image_mean/],
    [{ image_mean: [0.5, 0.5] }, /image_mean/],
    [{ image_mean: 0.5 }, /image_mean/],
    [{ image_std: ['0.5', 0.5, 0.5] }, /image_std/],
    [{ image_std: [0.5, NaN, 0.5] }, /image_std/],
    [{ image_std: [0.5, 0, 0.5] }, /image_std/],
    [{ do_center_crop: true, crop_size: 65 }, /crop_size/],
    [{ do_center_crop: true, crop_size: { height: 64, width: 65 } }, /crop_size/],
    [
      { size: { shortest_edge: 100 }, do_center_crop: true, crop_size: { height: 101, width: 100 } },
      /crop_size/,
    ],
  ];
  for (const [change, message] of wrong) {
    await refused(() => parse(change), 'MODEL_INVALID', message);
  }
  for (const json of [null, undefined, [], 'x', 5]) {
    await refused(() => parsePreprocessConfig(json, 'file.json'), 'MODEL_INVALID', /file\.json/);
  }
});

parsing.run();

const geometry = suite('geometryOf');

const shortest = (edge: number, crop = edge) =>
  parse(
    { size: { shortest_edge: edge }, do_center_crop: true, crop_size: { height: crop, width: crop } },
    CLIP,
  );

geometry('squash: the size, whatever comes in', () => {
  for (const [width, height] of [
    [1, 1],
    [640, 480],
    [64, 64],
    [3, 4000],
  ] as const) {
    const { width: w, height: h, left, top, cropWidth, cropHeight } = geometryOf(parse({}), width, height);
    assert.equal([w, h, left, top, cropWidth, cropHeight], [64, 64, 0, 0, 64, 64]);
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
      [result.width, result.height, result.left, result.top],
      [...expected],
      `${width} x ${height}`,
    );
    assert.equal([result.cropWidth, result.cropHeight], [crop, crop]);
  }
});

geometry('the window always lies inside the resized image', () => {
  const side = fc.integer({ min: 1, max: 20_000 });
  const edge = fc.integer({ min: 1, max: 600 });
  fc.assert(
    fc.property(side, side, edge, edge, (width, height, a, b) => {
      const result = geometryOf(shortest(Math.max(a, b), Math.min(a, b)), width, height);
      assert.ok(result.left >= 0 && result.top >= 0);
      assert.ok(result.left + result.cropWidth <= result.width);
      assert.ok(result.top + result.cropHeight <= result.height);
      assert.is(Math.min(result.width, result.height), Math.max(a, b));
    }),
  );
});

geometry.run();
