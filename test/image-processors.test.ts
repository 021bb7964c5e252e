// Files of every class of transformers, slow and fast, of 4 and 5: the tensor that transformers itself makes of them.
import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePreprocessConfig } from '../dist/esm/image/preprocess-config.js';
import { preprocess } from '../dist/esm/image/preprocess.js';
import type { Preprocessing } from '../dist/esm/image/preprocessing.js';
import { refused } from './helpers/assertions.js';
import { fixtureJson } from './helpers/fixtures.js';

interface Fixture {
  image: { width: number; height: number };
  cases: { name: string; config: Record<string, unknown>; shape: number[]; sha256: string }[];
  dinov3: { config: Record<string, unknown>; values: number[] };
}

const { image, cases, dinov3 } = fixtureJson('preprocessor-configs/transformers.json') as Fixture;
const pixels = { ...image, data: noiseOf(image.width * image.height * 3), channels: 3 as const };

function noiseOf(length: number): Uint8Array {
  const data = new Uint8Array(length);
  for (let i = 0, state = 1; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state >>> 24;
  }
  return data;
}

function tensorOf({ size, resample, cropSize, rescaleFactor, normalize }: Preprocessing): Float32Array {
  return preprocess(pixels, {
    size,
    resample,
    doCenterCrop: true,
    cropSize,
    rescaleFactor,
    doNormalize: normalize !== undefined,
    imageMean: normalize?.mean,
    imageStd: normalize?.std,
  });
}

const processors = suite('image processors');

for (const { name, config, shape, sha256 } of cases) {
  processors(`${name}: equal to the bit, nested as well`, () => {
    const parsed = parsePreprocessConfig(config, 'file.json');
    assert.equal([3, parsed.cropSize.height, parsed.cropSize.width], shape);
    assert.is(
      createHash('sha256')
        .update(new Uint8Array(tensorOf(parsed).buffer))
        .digest('hex'),
      sha256,
    );
    const nested = { image_processor: config, processor_class: 'SomeProcessor', image_seq_length: 196 };
    assert.equal(parsePreprocessConfig(nested, 'processor_config.json'), parsed);
  });
}

processors('DINOv3, which resizes floats: within a grey level', () => {
  const parsed = parsePreprocessConfig(dinov3.config, 'file.json');
  assert.equal([parsed.size, parsed.resample], [{ height: 16, width: 16 }, 2]);
  const plane = dinov3.values.length / 3;
  const levels = Array.from(tensorOf(parsed), (value, i) => {
    const difference = Math.abs(value - (dinov3.values[i] as number));
    return difference * 255 * (parsed.normalize?.std[Math.floor(i / plane)] as number);
  });
  assert.ok(Math.max(...levels) < 1, String(Math.max(...levels)));
  assert.ok(levels.reduce((sum, level) => sum + level, 0) / levels.length < 0.3);
});

processors('what a class of transformers does and this library does not: refused by name', async () => {
  const base = cases.find(({ name }) => name === 'CLIP, fast, 4')!.config;
  const wrong: [object, RegExp][] = [
    [{ do_resize: false }, /Expected true for "do_resize" in f\.json but received false/],
    [{ do_resize: null }, /"do_resize"/],
    [{ data_format: 'channels_last' }, /"data_format".*channels_last/],
    [{ size: { shortest_edge: 48, longest_edge: 96 } }, /"size"/],
    [{ size: [48, 64] }, /"size"/],
    [{ do_center_crop: null }, /"do_center_crop"/],
    [{ crop_size: 49 }, /"crop_size"/],
    [{ do_pad: true, pad_size: 64 }, /"pad_size"/],
    [{ default_to_square: 'yes' }, /"default_to_square"/],
    [{ crop_pct: 0.9 }, /"crop_pct".*take it out of the file/],
    [{ use_square_size: true }, /"use_square_size"/],
    [{ antialias: false }, /"antialias"/],
    [{ constructor: 1 }, /"constructor"/],
  ];
  for (const [change, message] of wrong) {
    await refused(() => parsePreprocessConfig({ ...base, ...change }, 'f.json'), 'MODEL_INVALID', message);
  }
  const naflex = { image_processor_type: 'Siglip2ImageProcessorFast' };
  await refused(() => parsePreprocessConfig(naflex, 'f'), 'MODEL_INVALID', /NaFlex.*fixed image size/);
});

processors('what cannot matter is ignored', () => {
  const base = cases.find(({ name }) => name === 'CLIP, fast, 4')!.config;
  const parsed = parsePreprocessConfig(base, 'f.json');
  for (const change of [
    { do_pad: true },
    { do_pad: true, pad_size: { height: 48, width: 48 } },
    { do_pad: false, pad_size: 500 },
    { auto_map: { AutoImageProcessor: 'own--Class' } },
    { image_seq_length: 50, device: 'cuda', return_tensors: 'pt', input_data_format: 'channels_last' },
    { do_convert_rgb: false, disable_grouping: true, _valid_kwargs_names: ['size'], use_fast: true },
    { size_divisor: null, default_to_square: true },
    { image_processor_type: 'CLIPFeatureExtractor' },
    { image_processor_type: 'CLIPImageProcessorPil' },
    { crop_size: [48, 48] },
  ]) {
    assert.equal(parsePreprocessConfig({ ...base, ...change }, 'f.json'), parsed, JSON.stringify(change));
  }
});

processors('a class that is not known leaves nothing open', async () => {
  const base = { ...cases[0]!.config, image_processor_type: 'BlipImageProcessor' };
  assert.equal(parsePreprocessConfig(base, 'f'), parsePreprocessConfig(cases[0]!.config, 'f'));
  for (const change of [{ size: 56 }, { resample: undefined }, { resample: null }, { do_pad: true }]) {
    const key = new RegExp(`"${Object.keys(change)[0]}".*|BlipImageProcessor`);
    await refused(() => parsePreprocessConfig({ ...base, ...change }, 'f'), 'MODEL_INVALID', key);
  }
  // No class at all: what preprocess() takes for granted.
  const bare = { size: { height: 8, width: 8 }, image_mean: [0, 0, 0], image_std: [1, 1, 1] };
  assert.is(parsePreprocessConfig(bare, 'f').resample, 3);
});

processors('a processor_config.json that says nothing about images is refused', async () => {
  for (const content of [
    { processor_class: 'SiglipProcessor' },
    { image_processor: null },
    { image_processor: 5 },
  ]) {
    await refused(
      () => parsePreprocessConfig(content, '/some/processor_config.json'),
      'MODEL_INVALID',
      /"image_processor" in \/some\/processor_config\.json.*preprocessor_config\.json/,
    );
  }
});

processors.run();
