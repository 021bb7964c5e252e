// Pixels, tensors and embeddings of the golden images against the reference (Pillow 13, transformers 5).
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  kernelImplementations,
  resizeInto,
  resizeNormalizeInto,
  type StoredLayout,
} from '../dist/esm/image/binding.js';
import { decodePixels } from '../dist/esm/image/decode.js';
import { readHeader } from '../dist/esm/image/header.js';
import type { Pixels } from '../dist/esm/image/pixels.js';
import { valueTable } from '../dist/esm/image/value-table.js';
import { SemanticVision } from '../dist/esm/index.js';
import { TowerSession, imageTensor } from '../dist/esm/inference/session.js';

interface Golden {
  width: number;
  height: number;
  resized: Record<string, string>;
  tensors: Record<string, string>;
  siglip?: number[];
  siglip2?: number[];
}

const FIXTURES = fileURLToPath(new URL('./fixtures/', import.meta.url));
const { valueTable: reference, images } = JSON.parse(
  readFileSync(join(FIXTURES, 'golden', 'expected.json'), 'utf8'),
) as { valueTable: number[]; images: Record<string, Golden> };
// 16-bit grey: the reference clips it to white; see docs/decisions/0006.
const DEVIATION = 'png_gray16.png';
const PIXEL_LIMIT = 100_000_000;
const SIGLIP = {
  size: { height: 224, width: 224 },
  resample: 3,
  cropSize: { height: 224, width: 224 },
  rescaleFactor: 1 / 255,
  normalize: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
} as const;

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
const bytesOf = (key: string) => readFileSync(join(FIXTURES, 'golden', 'images', key.split('#')[0]!));
// What JPEG and AVIF decoders may differ in: rounding of the inverse transform and of the colour conversion.
const isLossy = (key: string) => /\.(jpg|avif)/.test(key);

async function decode(key: string): Promise<Pixels> {
  const bytes = bytesOf(key);
  const options = {
    autoOrient: key.endsWith('#exif'),
    limitInputPixels: PIXEL_LIMIT,
    decode: 'exact',
  } as const;
  return decodePixels(bytes, readHeader(bytes, PIXEL_LIMIT), { width: 224, height: 224 }, options);
}

function layoutOf({ width, height, channels, bytesPerSample, orientation }: Pixels): StoredLayout {
  return {
    offset: 0,
    width,
    height,
    channels,
    rowStride: width * channels * bytesPerSample,
    bytesPerSample,
    orientation,
  };
}

function geometry(variant: string) {
  const [, filter, side] = /^(bicubic|bilinear)(\d+)$/.exec(variant)!;
  const size = { width: Number(side), height: Number(side) };
  return { ...size, filter: filter as 'bicubic' | 'bilinear', crop: { left: 0, top: 0, ...size } };
}

const golden = suite('golden images');

golden("the value table is the reference's to the bit", () => {
  const table = valueTable(SIGLIP);
  for (let channel = 0; channel < 3; channel++) {
    assert.equal([...table.subarray(256 * channel, 256 * channel + 256)], reference.map(Math.fround));
  }
});

for (const key of Object.keys(images)) {
  if (key === DEVIATION || isLossy(key)) continue;
  golden(`${key}: resized bytes and tensors are the reference's to the bit, by every kernel`, async () => {
    const pixels = await decode(key);
    const { resized, tensors } = images[key]!;
    for (const implementation of kernelImplementations()) {
      for (const [variant, expected] of Object.entries(resized)) {
        const to = geometry(variant);
        const bytes = new Uint8Array(3 * to.width * to.height);
        resizeInto(pixels.data, layoutOf(pixels), to, bytes, implementation);
        assert.is(sha256(bytes), expected, `${variant} by ${implementation}`);
      }
      for (const [variant, expected] of Object.entries(tensors)) {
        const to = geometry(variant);
        const tensor = new Float32Array(3 * to.width * to.height);
        resizeNormalizeInto(pixels.data, layoutOf(pixels), to, valueTable(SIGLIP), tensor, implementation);
        assert.is(sha256(new Uint8Array(tensor.buffer)), expected, `tensor ${variant} by ${implementation}`);
      }
    }
  });
}

for (const key of Object.keys(images).filter(isLossy)) {
  golden(`${key}: resized bytes differ from the reference by a fraction of a grey level`, async () => {
    const pixels = await decode(key);
    const file = join(FIXTURES, 'golden', 'pixels', `${key.replace('#', '__')}.bicubic64.rgb.gz`);
    const expected = gunzipSync(readFileSync(file));
    const actual = new Uint8Array(expected.length);
    resizeInto(pixels.data, layoutOf(pixels), geometry('bicubic64'), actual);
    let sum = 0;
    let most = 0;
    actual.forEach((value, i) => {
      const difference = Math.abs(value - expected[i]!);
      sum += difference;
      most = Math.max(most, difference);
    });
    assert.ok(sum / actual.length <= 0.3 && most <= 8, `mean ${sum / actual.length}, max ${most}`);
  });
}

for (const [name, variant, model] of [
  ['siglip', 'bicubic64', 'tiny-siglip'],
  ['siglip2', 'bilinear96', 'tiny-siglip2'],
] as const) {
  golden(`${model}: pooled outputs of the same pixels are within 1e-4 of the reference`, async () => {
    const path = join(FIXTURES, model, 'onnx', 'vision_model.onnx');
    const tower = await TowerSession.open(path, 'pixel_values', {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
    });
    const to = geometry(variant);
    const tensor = new Float32Array(3 * to.width * to.height);
    let compared = 0;
    for (const [key, expected] of Object.entries(images)) {
      if (key === DEVIATION || isLossy(key) || expected[name] === undefined) continue;
      const pixels = await decode(key);
      resizeNormalizeInto(pixels.data, layoutOf(pixels), to, valueTable(SIGLIP), tensor);
      const [pooled] = await tower.run(imageTensor(tensor, to.height, to.width));
      assert.is(pooled?.length, expected[name].length);
      const most = Math.max(...expected[name].map((value, i) => Math.abs(value - pooled![i]!)));
      assert.ok(most <= 1e-4, `${key}: largest difference ${most}`);
      compared++;
    }
    assert.ok(compared >= 30, `${compared} images compared`);
    await tower.release();
  });
}

function cosine(a: Float32Array, b: readonly number[]): number {
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>) =>
    Array.from(x).reduce((sum, v, i) => sum + v * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

for (const [name, model] of [
  ['siglip', 'tiny-siglip'],
  ['siglip2', 'tiny-siglip2'],
] as const) {
  for (const autoOrient of [true, false]) {
    golden(`${model}: embeddings are the reference's (${autoOrient ? 'upright' : 'as stored'})`, async () => {
      const vision = await SemanticVision.create({ model: join(FIXTURES, model), autoOrient });
      try {
        for (const [key, expected] of Object.entries(images)) {
          const oriented = key.endsWith('#exif') || !(`${key}#exif` in images);
          const stored = !key.endsWith('#exif');
          const vector = expected[name];
          const deviates = key === DEVIATION || vector === undefined;
          if (deviates || !(autoOrient ? oriented : stored)) continue;
          const similarity = cosine((await vision.embedImage(bytesOf(key))).vector, vector);
          const least = /\.(jpg|avif|webp)/.test(key) ? 0.999 : 0.9999;
          assert.ok(similarity >= least, `${key}: cosine ${similarity}`);
        }
      } finally {
        await vision.close();
      }
    });
  }
}

golden.run();
