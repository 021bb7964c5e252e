// preprocessor_config.json: the known ones, every wrong value; and the same keys given in code.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePreprocessConfig, resolvePreprocessConfig } from '../dist/esm/image/preprocess-config.js';
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
    cropSize: { height: 64, width: 64 },
    rescaleFactor: 1 / 255,
    normalize: { mean: HALF, std: HALF },
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
  assert.equal([config.size, config.cropSize], [{ shortestEdge: 280 }, { height: 280, width: 280 }]);
});

parsing('switched off steps are neutral', () => {
  const off = parse({ do_rescale: false, do_normalize: false, image_mean: undefined, image_std: undefined });
  assert.equal([off.rescaleFactor, off.normalize], [1, undefined]);
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
  assert.equal(parse({ do_pad: true }), parse({}));
});

parsing('every filter of Pillow, by number', () => {
  for (const resample of [0, 1, 2, 3, 4, 5]) assert.is(parse({ resample }).resample, resample);
});

parsing('a crop of a squashed image; crop_size as a number; the old size as a number', () => {
  const crop = parse({ do_center_crop: true, crop_size: { height: 32, width: 48 } });
  assert.equal(
    [crop.size, crop.cropSize],
    [
      { height: 64, width: 64 },
      { height: 32, width: 48 },
    ],
  );
  assert.equal(parse({ do_center_crop: true, crop_size: 50 }).cropSize, { height: 50, width: 50 });
  const old = parse({ size: 64, do_center_crop: true, crop_size: 60 });
  assert.equal([old.size, old.cropSize], [{ shortestEdge: 64 }, { height: 60, width: 60 }]);
  // Files keep crop_size even when the crop is off.
  assert.equal(parse({ do_center_crop: false, crop_size: 32 }).cropSize, { height: 64, width: 64 });
});

parsing('steps that are not implemented are refused, not skipped', async () => {
  for (const change of [
    { do_flip_channel_order: true },
    { pad_size: { height: 128, width: 128 }, do_pad: true },
    { do_resize: false },
    { crop_pct: 0.9 },
  ]) {
    await refused(() => parse(change), 'MODEL_INVALID', new RegExp(Object.keys(change)[0]!));
  }
});

parsing('every wrong value names its key', async () => {
  const wrong: [object, RegExp][] = [
    [{ resample: -1 }, /resample/],
    [{ resample: 6 }, /resample/],
    [{ resample: 2.5 }, /resample/],
    [{ resample: true }, /resample/],
    [{ resample: '3' }, /resample/],
    [{ size: undefined, image_processor_type: undefined }, /size/],
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
    [{ image_mean: undefined, image_processor_type: undefined }, /image_mean/],
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

parsing('a size whose other keys are null, as version 5 writes it', () => {
  const size = { height: null, width: null, longest_edge: null, shortest_edge: 64 };
  const crop = { do_center_crop: true, crop_size: { height: 60, width: 60, shortest_edge: null } };
  const config = parse({ size, ...crop });
  assert.equal([config.size, config.cropSize], [{ shortestEdge: 64 }, { height: 60, width: 60 }]);
});

parsing('a message shows what the file holds, shortened', async () => {
  const longest = await refused(
    () => parse({ size: { shortest_edge: 64, longest_edge: 128 } }),
    'MODEL_INVALID',
  );
  assert.match(longest.message, ' but received {"shortest_edge":64,"longest_edge":128}. ');
  const crop = { do_center_crop: true, crop_size: { width: 'x'.repeat(1000), height: 1 } };
  const { message } = await refused(() => parse(crop), 'MODEL_INVALID');
  assert.ok(message.length < 250, message);
  const many = await refused(() => parse({ image_mean: Array(100).fill(0.5) }), 'MODEL_INVALID');
  assert.match(many.message, /received \[(0\.5,)+\.\.\.\. /);
});

parsing('a file that names no class and no filter is bicubic', () => {
  assert.is(parse({ image_processor_type: undefined, resample: undefined }).resample, 3);
});

parsing.run();

const resolving = suite('resolvePreprocessConfig');

resolving('defaults are those of the file', () => {
  const own = { size: { height: 64, width: 64 }, imageMean: HALF, imageStd: HALF };
  assert.equal(resolvePreprocessConfig(own), parsePreprocessConfig(SIGLIP, 'x'));
  const clip = resolvePreprocessConfig({
    ...own,
    size: { shortestEdge: 256 },
    doCenterCrop: true,
    cropSize: { height: 224, width: 200 },
    resample: 2,
    doRescale: false,
    doNormalize: false,
  });
  assert.equal(clip, {
    size: { shortestEdge: 256 },
    resample: 2,
    cropSize: { height: 224, width: 200 },
    rescaleFactor: 1,
    normalize: undefined,
  });
});

resolving('unknown keys and wrong values: INVALID_ARGUMENT naming the key', async () => {
  const own = { size: { height: 64, width: 64 }, imageMean: HALF, imageStd: HALF };
  const wrong: [unknown, RegExp][] = [
    [null, /config/],
    [undefined, /config/],
    ['siglip', /config/],
    [[], /size/],
    [{}, /size/],
    [{ ...own, image_mean: HALF }, /image_mean/],
    [{ ...own, doPad: false }, /doPad/],
    [{ ...own, undefined: 1 }, /undefined/],
    [{ ...own, size: 64 }, /size/],
    [{ ...own, size: { shortestEdge: 64 } }, /doCenterCrop/],
    [{ ...own, size: { shortestEdge: 64 }, doCenterCrop: true }, /cropSize/],
    [{ ...own, size: { shortest_edge: 64 }, doCenterCrop: true }, /size/],
    [{ ...own, size: { height: 0, width: 64 } }, /size\.height/],
    [{ ...own, size: { height: 64, width: NaN } }, /size\.width/],
    [{ ...own, size: { height: 64, width: 4097 } }, /size\.width/],
    [{ ...own, doCenterCrop: true, cropSize: { height: 65, width: 64 } }, /cropSize/],
    [{ ...own, doCenterCrop: true, cropSize: { height: 6.5, width: 64 } }, /cropSize\.height/],
    [{ ...own, resample: 6 }, /resample/],
    [{ ...own, resample: 'bicubic' }, /resample/],
    [{ ...own, rescaleFactor: NaN }, /rescaleFactor/],
    [{ ...own, rescaleFactor: -1 }, /rescaleFactor/],
    [{ ...own, doRescale: 1 }, /doRescale/],
    [{ ...own, doNormalize: 'true' }, /doNormalize/],
    [{ ...own, imageMean: undefined }, /imageMean/],
    [{ ...own, imageMean: [0.5, NaN, 0.5] }, /imageMean/],
    [{ ...own, imageStd: [0.5, 0.5, 0] }, /imageStd/],
    [{ ...own, imageStd: [0.5, 0.5, 1e-60] }, /imageStd/],
    [{ ...own, imageStd: [0.5, 0.5, 0.5, 0.5] }, /imageStd/],
  ];
  for (const [config, message] of wrong) {
    await refused(() => resolvePreprocessConfig(config as never), 'INVALID_ARGUMENT', message);
  }
});

resolving.run();
