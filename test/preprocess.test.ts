// From encoded bytes to the tensor: orientation, aspect, crop, and the buffer that is reused.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Transformer } from '@napi-rs/image';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readHeader } from '../dist/esm/image/header.js';
import type { Pixels } from '../dist/esm/image/pixels.js';
import { parsePreprocessConfig } from '../dist/esm/image/preprocess-config.js';
import { Preprocessor } from '../dist/esm/image/preprocess.js';
import { refused } from './helpers/assertions.js';
import { ROOT, fixture, fixtureJson, photo } from './helpers/fixtures.js';

const LIMIT = 1e8;
const CROP = parsePreprocessConfig(
  JSON.parse(readFileSync(join(ROOT, 'models', 'bundled', 'preprocessor_config.json'), 'utf8')),
  'bundled',
);
const SQUASH = parsePreprocessConfig(fixtureJson('preprocessor-configs/tiny-siglip.json'), 'tiny');

function preprocessorFor(config = CROP, autoOrient = true): Preprocessor {
  return new Preprocessor(config, { autoOrient, limitInputPixels: LIMIT, decode: 'exact' });
}

async function fill(preprocessor: Preprocessor, bytes: Uint8Array): Promise<Float32Array> {
  preprocessor.write(await preprocessor.decode(bytes, readHeader(bytes, LIMIT)));
  return preprocessor.tensor;
}

async function tensorOf(bytes: Uint8Array, config = CROP, autoOrient = true): Promise<Float32Array> {
  return fill(preprocessorFor(config, autoOrient), bytes);
}

function tensorOfPixels(pixels: Omit<Pixels, 'bytesPerSample' | 'orientation'>, config = CROP): Float32Array {
  const preprocessor = preprocessorFor(config);
  preprocessor.write({ ...pixels, bytesPerSample: 1, orientation: 1 });
  return preprocessor.tensor;
}

function meanDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

const UPRIGHT = readFileSync(fixture('orientation/exif_1.jpg'));

/** The JPEG without its APP1 segments. */
function withoutExif(jpeg: Buffer): Buffer {
  const parts = [jpeg.subarray(0, 2)];
  let at = 2;
  while (jpeg[at] === 0xff && jpeg[at + 1]! >= 0xe0 && jpeg[at + 1]! <= 0xef) {
    const end = at + 2 + jpeg.readUInt16BE(at + 2);
    if (jpeg[at + 1] !== 0xe1) parts.push(jpeg.subarray(at, end));
    at = end;
  }
  return Buffer.concat([...parts, jpeg.subarray(at)]);
}

const orientation = suite('orientation');

orientation('one picture, stored in every way, stands upright: JPEG, PNG, WebP, TIFF', async () => {
  const names = [
    'exif_5.jpg',
    'exif_6.jpg',
    'exif_8.jpg',
    'png_exif_6.png',
    'webp_exif_8.webp',
    'tiff_orient_5.tif',
  ];
  for (const config of [CROP, SQUASH]) {
    const upright = await tensorOf(UPRIGHT, config);
    for (const name of names) {
      const difference = meanDifference(
        await tensorOf(readFileSync(fixture(`orientation/${name}`)), config),
        upright,
      );
      assert.ok(difference < 0.05, `${name}: ${difference}`);
    }
  }
});

orientation('with autoOrient off JPEG, PNG and WebP stay as stored, in their own aspect', async () => {
  for (const name of ['exif_5.jpg', 'exif_6.jpg', 'exif_8.jpg']) {
    const bytes = readFileSync(fixture(`orientation/${name}`));
    const stored = await tensorOf(withoutExif(bytes));
    assert.is(meanDifference(await tensorOf(bytes, CROP, false), stored), 0, name);
    assert.ok(meanDifference(await tensorOf(bytes, CROP, true), stored) > 0.05, `${name} is turned`);
  }
  for (const name of ['png_exif_6.png', 'webp_exif_8.webp']) {
    const bytes = readFileSync(fixture(`orientation/${name}`));
    const stored = new Transformer(new Transformer(bytes).bmpSync()).rawPixelsSync();
    const { width, height } = readHeader(bytes, LIMIT);
    const pixels = { data: stored, width, height, channels: 3 as const };
    assert.is(meanDifference(await tensorOf(bytes, CROP, false), tensorOfPixels(pixels)), 0, name);
  }
});

orientation('orientation 1 changes nothing', async () => {
  assert.is(meanDifference(await tensorOf(UPRIGHT), await tensorOf(withoutExif(UPRIGHT))), 0);
});

orientation.run();

const tensor = suite('tensor');

tensor('planes in the order R, G, B, scaled to -1 .. 1', () => {
  const size = 40;
  const data = new Uint8Array(size * size * 3).map((_, i) => [255, 0, 128][i % 3]!);
  for (const config of [CROP, SQUASH]) {
    const values = tensorOfPixels({ data, width: size, height: size, channels: 3 }, config);
    const plane = values.length / 3;
    assert.ok(values.subarray(0, plane).every((value) => Math.abs(value - 1) < 1e-6));
    assert.ok(values.subarray(plane, 2 * plane).every((value) => Math.abs(value + 1) < 1e-6));
    assert.ok(values.subarray(2 * plane).every((value) => Math.abs(value - (128 / 127.5 - 1)) < 1e-6));
  }
});

tensor('the crop is the middle of the longer side', () => {
  // Left third black, middle third grey, right third white: the middle square of 3 x 1 is all grey.
  const [width, height] = [300, 100];
  const data = new Uint8Array(width * height * 3).map((_, i) => {
    const x = Math.floor(i / 3) % width;
    return x < 100 ? 0 : x < 200 ? 128 : 255;
  });
  const values = tensorOfPixels({ data, width, height, channels: 3 });
  const side = Math.sqrt(values.length / 3);
  const row = values.subarray((side / 2) * side, (side / 2) * side + side);
  assert.ok(row.subarray(8, -8).every((value) => Math.abs(value - (128 / 127.5 - 1)) < 1e-6));
  const squashed = tensorOfPixels({ data, width, height, channels: 3 }, SQUASH);
  assert.ok(squashed[2]! < -0.9 && squashed[61]! > 0.9, 'squashing keeps all thirds');
});

tensor('is overwritten completely by the next image, whatever came before', async () => {
  const preprocessor = preprocessorFor();
  const image = readFileSync(photo('two-dogs'));
  const expected = await tensorOf(image);
  for (const previous of [readFileSync(photo('bird-lamp')), readFileSync(photo('coffee-cup'))]) {
    await fill(preprocessor, previous);
    assert.ok(meanDifference(preprocessor.tensor, expected) > 0.01);
    await fill(preprocessor, image);
    assert.is(meanDifference(preprocessor.tensor, expected), 0);
  }
});

tensor('a damaged image leaves no trace in the next', async () => {
  const preprocessor = preprocessorFor();
  const image = readFileSync(photo('two-dogs'));
  const broken = image.subarray(0, 30_000);
  await refused(fill(preprocessor, broken), 'DECODE_FAILED');
  await fill(preprocessor, image);
  assert.is(meanDifference(preprocessor.tensor, await tensorOf(image)), 0);
});

tensor('a strip that would grow beyond the limit: TOO_MANY_PIXELS', async () => {
  const strip = { data: new Uint8Array(100_000 * 3), width: 1, height: 100_000, channels: 3 as const };
  await refused(() => tensorOfPixels(strip), 'TOO_MANY_PIXELS', /resized/);
  assert.is(tensorOfPixels(strip, SQUASH).length, 3 * 64 * 64);
});

tensor.run();
