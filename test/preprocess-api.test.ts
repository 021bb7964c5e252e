// The public function preprocess: the reference's tensors to the bit, every step against a plain restatement.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { resizeInto, type ResampleFilter } from '../dist/esm/image/binding.js';
import { decodePixels } from '../dist/esm/image/decode.js';
import { readHeader } from '../dist/esm/image/header.js';
import { preprocess, type PreprocessConfig, type RawImage, type Resample } from '../dist/esm/index.js';
import { refused, sameBits } from './helpers/assertions.js';
import { noise } from './helpers/fixtures.js';
import { golden, goldenBytes, sha256 } from './helpers/golden.js';

const HALF = [0.5, 0.5, 0.5];
const SIGLIP = { size: { height: 224, width: 224 }, imageMean: HALF, imageStd: HALF };
const SMALL = { ...SIGLIP, size: { height: 8, width: 8 } };
const FILTERS = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'] as const;

/** A golden image as stored, in 8-bit RGB: grey three times, of 16 bits the high byte. */
async function rawImage(name: string): Promise<RawImage> {
  const bytes = goldenBytes(name);
  const options = { autoOrient: false, limitInputPixels: 1e8, decode: 'exact' } as const;
  const pixels = await decodePixels(bytes, readHeader(bytes, 1e8), { width: 1, height: 1 }, options);
  const { width, height, channels, bytesPerSample } = pixels;
  if (bytesPerSample === 1 && channels > 2) {
    return { data: pixels.data, width, height, channels: channels as 3 | 4 };
  }
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const sample = Math.floor(i / 3) * channels + (channels > 2 ? i % 3 : 0);
    data[i] = pixels.data[sample * bytesPerSample + bytesPerSample - 1]!; // little-endian
  }
  return { data, width, height, channels: 3 };
}

/** Rescaling and normalising as transformers does, step by step. */
function plainly(bytes: Uint8Array, factor: number, mean?: readonly number[], std?: readonly number[]) {
  const plane = bytes.length / 3;
  return new Float32Array(bytes.length).map((_, i) => {
    const channel = Math.floor(i / plane);
    const rescaled = Math.fround(bytes[(i % plane) * 3 + channel]! * factor);
    if (mean === undefined || std === undefined) return rescaled;
    return Math.fround(Math.fround(rescaled - Math.fround(mean[channel]!)) / Math.fround(std[channel]!));
  });
}

function resizedBytes(
  { data, width, height, channels }: RawImage,
  to: { width: number; height: number },
  filter: ResampleFilter,
) {
  const bytes = new Uint8Array(3 * to.width * to.height);
  const layout = { offset: 0, width, height, channels, rowStride: width * channels };
  resizeInto(new Uint8Array(data), layout, { ...to, filter, crop: { left: 0, top: 0, ...to } }, bytes);
  return bytes;
}

const reference = suite('against the reference');

// Lossy JPEG and AVIF differ in their decoders; 16-bit grey deviates on purpose; the rest is turned by the reference.
const EXACT = Object.keys(golden).filter((key) => !/#|\.jpg|\.avif|png_gray16|tiff_orient/.test(key));

for (const key of EXACT) {
  reference(`${key}: the same tensors to the bit`, async () => {
    const image = await rawImage(key);
    const variants = Object.entries(golden[key]!.tensors);
    assert.ok(variants.length > 0);
    for (const [variant, expected] of variants) {
      const [, filter, side] = /^(bicubic|bilinear)(\d+)$/.exec(variant)!;
      const size = { height: Number(side), width: Number(side) };
      const tensor = preprocess(image, { ...SIGLIP, size, resample: filter === 'bicubic' ? 3 : 2 });
      assert.is(tensor.length, 3 * size.height * size.width);
      assert.is(sha256(tensor), expected, variant);
    }
  });
}

reference('that is most of the golden images', () => {
  assert.ok(EXACT.length >= 30, String(EXACT.length));
});

reference.run();

const steps = suite('steps');

steps('defaults: bicubic, 1/255', () => {
  const image = noise(1, 40);
  sameBits(
    preprocess(image, SMALL),
    preprocess(image, {
      ...SMALL,
      resample: 3,
      doRescale: true,
      rescaleFactor: 1 / 255,
      doNormalize: true,
      doCenterCrop: false,
    }),
  );
});

steps('every filter, rescaling and normalising on and off, any mean and std', () => {
  const triple = (entry: fc.Arbitrary<number>) => fc.tuple(entry, entry, entry);
  const real = (min: number, max: number) => fc.double({ min, max, noNaN: true });
  fc.assert(
    fc.property(
      fc.constantFrom<Resample>(0, 1, 2, 3, 4, 5),
      fc.record({ width: fc.integer({ min: 1, max: 40 }), height: fc.integer({ min: 1, max: 40 }) }),
      triple(real(-2, 2)),
      triple(real(1e-3, 4)),
      fc.constantFrom(undefined, 1 / 255, 1 / 127.5, 0.00392156862745098, 1),
      fc.boolean(),
      fc.boolean(),
      (resample, size, imageMean, imageStd, rescaleFactor, doRescale, doNormalize) => {
        const image = noise(resample + 1, 23);
        const bytes = resizedBytes(image, size, FILTERS[resample]);
        const factor = doRescale ? (rescaleFactor ?? 1 / 255) : 1;
        const expected = doNormalize ? plainly(bytes, factor, imageMean, imageStd) : plainly(bytes, factor);
        const config = { size, resample, rescaleFactor, doRescale, doNormalize, imageMean, imageStd };
        sameBits(preprocess(image, config), expected);
      },
    ),
    { numRuns: 300 },
  );
});

steps('everything off: the bytes themselves, planes in the order R, G, B', () => {
  const data = Uint8Array.from({ length: 4 * 3 * 3 }, (_, i) => i * 7);
  const config = { size: { height: 3, width: 4 }, doRescale: false, doNormalize: false };
  const expected = [0, 1, 2].flatMap((channel) => [...data].filter((_, i) => i % 3 === channel));
  assert.equal([...preprocess({ data, width: 4, height: 3, channels: 3 }, config)], expected);
});

steps('shortest edge and crop: the window of the whole resized image', () => {
  const image = { ...noise(5, 60), width: 120, height: 30 };
  const config: PreprocessConfig = {
    size: { shortestEdge: 20 },
    doCenterCrop: true,
    cropSize: { height: 16, width: 18 },
    doRescale: false,
    doNormalize: false,
  };
  const whole = resizedBytes(image, { width: 80, height: 20 }, 'bicubic');
  const tensor = preprocess(image, config);
  assert.is(tensor.length, 3 * 16 * 18);
  tensor.forEach((value, i) => {
    const [channel, y, x] = [Math.floor(i / 288), Math.floor((i % 288) / 18), i % 18];
    assert.is(value, whole[((y + 2) * 80 + x + 31) * 3 + channel]);
  });
});

steps('alpha is dropped, a clamped array is taken, the input is left alone, each tensor is new', () => {
  const image = noise(9, 33);
  const rgba = new Uint8ClampedArray(33 * 33 * 4).map((_, i) =>
    i % 4 === 3 ? i : image.data[Math.floor(i / 4) * 3 + (i % 4)]!,
  );
  const before = rgba.slice();
  const first = preprocess(image, SMALL);
  const second = preprocess({ ...image, data: rgba, channels: 4 }, SMALL);
  sameBits(second, first);
  assert.equal(rgba, before);
  assert.is.not(first.buffer, second.buffer);
});

steps.run();

const refusals = suite('refusals');

refusals('pixels of a wrong kind or size: INVALID_ARGUMENT naming the field', async () => {
  const image = noise(1, 4);
  const wrong: [unknown, RegExp][] = [
    [undefined, /image/],
    [null, /image/],
    ['photo.jpg', /image/],
    [image.data, /image/],
    [{ ...image, width: 0 }, /width/],
    [{ ...image, width: 4.5 }, /width/],
    [{ ...image, height: NaN }, /height/],
    [{ ...image, height: '4' }, /height/],
    [{ ...image, width: -4, height: -4 }, /width/],
    [{ ...image, width: Infinity }, /width/],
    [{ ...image, channels: 1 }, /channels/],
    [{ ...image, channels: 2 }, /channels/],
    [{ ...image, channels: undefined }, /channels/],
    [{ ...image, channels: 4 }, /64 bytes.*48/],
    [{ ...image, width: 5 }, /60 bytes/],
    [{ ...image, width: 3 }, /36 bytes.*padded/],
    [{ ...image, width: 2 ** 40, height: 2 ** 20 }, /bytes/],
    [{ ...image, data: [...image.data] }, /data/],
    [{ ...image, data: new Float32Array(48) }, /data/],
    [{ ...image, data: new Int8Array(48) }, /data/],
    [{ ...image, data: image.data.buffer }, /data/],
    [{ ...image, data: undefined }, /data/],
  ];
  for (const [given, message] of wrong) {
    await refused(() => preprocess(given as RawImage, SMALL), 'INVALID_ARGUMENT', message);
  }
});

refusals('a configuration that is not understood: INVALID_ARGUMENT naming the key', async () => {
  const image = noise(1, 4);
  const wrong: [unknown, RegExp][] = [
    [undefined, /config/],
    [{ ...SMALL, do_resize: true }, /do_resize/],
    [{ ...SMALL, doPad: true }, /doPad/],
    [{ ...SMALL, size: { height: 8, width: NaN } }, /size\.width/],
    [{ ...SMALL, size: { height: 8, width: 8, depth: 8 } }, /size/],
    [{ ...SMALL, rescaleFactor: NaN }, /rescaleFactor/],
    [{ ...SMALL, imageMean: [NaN, 0, 0] }, /imageMean/],
    [{ ...SMALL, imageStd: [1, Infinity, 1] }, /imageStd/],
    [{ ...SMALL, imageStd: [1, 0, 1] }, /imageStd/],
    [{ ...SMALL, resample: NaN }, /resample/],
  ];
  for (const [config, message] of wrong) {
    await refused(() => preprocess(image, config as PreprocessConfig), 'INVALID_ARGUMENT', message);
  }
});

refusals('no value of the tensor is ever anything but finite', async () => {
  const image = noise(1, 4);
  for (const change of [
    { rescaleFactor: 1e300 },
    { rescaleFactor: 1e38 },
    { imageMean: [1e300, 0, 0] },
    { imageStd: [1e-38, 1, 1], rescaleFactor: 1e30 },
    { imageStd: [1e-44, 1, 1] },
  ]) {
    await refused(() => preprocess(image, { ...SMALL, ...change }), 'INVALID_ARGUMENT');
  }
});

refusals.run();
