// Decoders: what they leave of each kind of file, the fast path against the exact one, and truncated files.
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodePixels, type DecodeMode } from '../dist/esm/image/decode.js';
import { readHeader } from '../dist/esm/image/header.js';
import type { Pixels } from '../dist/esm/image/pixels.js';
import { refused } from './helpers/assertions.js';
import { resized as resizedTo } from './helpers/decoding.js';
import { photo } from './helpers/fixtures.js';
import { goldenBytes, goldenFiles, goldenOrientation } from './helpers/golden.js';
import sharp from './helpers/sharp.js';

const LIMIT = 1e8;
const TARGET = { width: 224, height: 224 };

async function decode(bytes: Uint8Array, mode: DecodeMode = 'exact', target = TARGET, autoOrient = true) {
  const options = { autoOrient, limitInputPixels: LIMIT, decode: mode };
  return decodePixels(bytes, readHeader(bytes, LIMIT), target, options);
}

/** As the model would see it, upright. */
function resized(pixels: Pixels, target = TARGET): Uint8Array {
  return resizedTo(pixels, target);
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  assert.is(a.length, b.length);
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

// A photo side by side with itself: as sharp as it was taken, 6 megapixels.
const tile = { input: readFileSync(photo('two-dogs')), tile: true };
const large = sharp({ create: { width: 3000, height: 2000, channels: 3, background: 'white' } }).composite([
  tile,
]);
const LARGE = await large.clone().jpeg({ quality: 90 }).toBuffer();
const LARGE_GREY = await sharp(LARGE).greyscale().jpeg({ quality: 90 }).toBuffer();
const LARGE_PROGRESSIVE = await sharp(LARGE).jpeg({ quality: 90, progressive: true }).toBuffer();
const LARGE_CMYK = await sharp(LARGE).toColourspace('cmyk').jpeg({ quality: 90 }).toBuffer();
const LARGE_TURNED = await sharp(LARGE).withMetadata({ orientation: 6 }).jpeg({ quality: 90 }).toBuffer();

const kinds = suite('kinds of files');

// Channels and bytes a sample; everything else is 8-bit RGB.
const KINDS: Record<string, [channels: number, bytesPerSample: number]> = {
  'avif_lossy.avif': [4, 1],
  'jpeg_gray.jpg': [1, 1],
  'jpeg_trailing_garbage.jpg': [1, 1],
  'png_1bit.png': [1, 1],
  'png_gray.png': [1, 1],
  'png_gray_alpha.png': [1, 1],
};

for (const name of goldenFiles) {
  kinds(name, async () => {
    const bytes = goldenBytes(name);
    const header = readHeader(bytes, LIMIT);
    for (const autoOrient of [true, false]) {
      const { data, width, height, channels, bytesPerSample, orientation } = await decode(
        bytes,
        'exact',
        TARGET,
        autoOrient,
      );
      assert.equal([width, height], [header.width, header.height]);
      assert.equal([channels, bytesPerSample], KINDS[name] ?? [3, 1]);
      assert.is(data.length, width * height * channels * bytesPerSample);
      const upright = autoOrient || name.endsWith('.tif'); // TIFF is turned by the reference itself
      assert.is(orientation, upright ? goldenOrientation(name) : 1);
    }
  });
}

kinds('small files: fast is exact to the bit', async () => {
  for (const name of goldenFiles) {
    const bytes = goldenBytes(name);
    const [exact, fast] = [await decode(bytes), await decode(bytes, 'fast')];
    assert.ok(Buffer.compare(exact.data, fast.data) === 0, name);
  }
});

kinds('the input is left alone', async () => {
  for (const bytes of [...goldenFiles.map(goldenBytes), LARGE]) {
    const before = Buffer.from(bytes);
    for (const mode of ['exact', 'fast'] as const) await decode(bytes, mode);
    assert.ok(bytes.equals(before));
  }
});

kinds.run();

const fast = suite('decode: fast');

fast('at least twice the target, less than all, and close to exact', async () => {
  for (const bytes of [LARGE, LARGE_GREY, LARGE_PROGRESSIVE]) {
    const exact = await decode(bytes);
    assert.equal([exact.width, exact.height], [3000, 2000]);
    for (const side of [64, 96, 224, 256, 300]) {
      const target = { width: side, height: side };
      const scaled = await decode(bytes, 'fast', target);
      assert.ok(scaled.width >= 2 * side && scaled.height >= 2 * side, `${scaled.width} x ${scaled.height}`);
      assert.ok(scaled.width <= 1500 && scaled.height <= 1000, `${scaled.width} x ${scaled.height}`);
      const difference = meanDifference(resized(scaled, target), resized(exact, target));
      assert.ok(difference > 0 && difference < 1, `${side}: mean difference ${difference}`);
    }
  }
});

fast('never less than twice the target, whatever the sides', async () => {
  for (const [width, height] of [
    [448, 448],
    [500, 3000],
    [3000, 100],
    [333, 333],
    [334, 334],
    [999, 667],
    [166, 111],
    [111, 74],
  ] as const) {
    const target = { width, height };
    const scaled = await decode(LARGE, 'fast', target);
    assert.ok(
      scaled.width >= Math.min(3000, 2 * width) && scaled.height >= Math.min(2000, 2 * height),
      `${width} x ${height}`,
    );
  }
});

fast('a target too large to gain anything: exact to the bit', async () => {
  const target = { width: 512, height: 512 };
  assert.ok(Buffer.compare((await decode(LARGE, 'fast', target)).data, (await decode(LARGE)).data) === 0);
});

fast('a turned photo keeps its orientation, and the target is that of the upright picture', async () => {
  const target = { width: 100, height: 400 };
  const [exact, scaled] = [await decode(LARGE_TURNED), await decode(LARGE_TURNED, 'fast', target)];
  assert.equal([exact.orientation, scaled.orientation], [6, 6]);
  assert.ok(
    scaled.width < 3000 && scaled.width >= 800 && scaled.height >= 200,
    `${scaled.width} x ${scaled.height}`,
  );
  assert.ok(scaled.width > scaled.height, 'stored as it was');
  assert.ok(meanDifference(resized(scaled, target), resized(exact, target)) < 1);
  const stored = await decode(LARGE_TURNED, 'fast', TARGET, false);
  assert.is(stored.orientation, 1);
  assert.ok(meanDifference(resized(stored), resized(await decode(LARGE))) < 2);
});

fast('CMYK stays exact', async () => {
  const [exact, same] = [await decode(LARGE_CMYK), await decode(LARGE_CMYK, 'fast')];
  assert.equal([same.width, same.height], [3000, 2000]);
  assert.ok(Buffer.compare(exact.data, same.data) === 0);
});

fast('PNG and WebP stay exact', async () => {
  for (const bytes of [await sharp(LARGE).png({ compressionLevel: 1 }).toBuffer()]) {
    assert.is((await decode(bytes, 'fast')).width, 3000);
  }
});

fast('a truncated photo is refused in both modes, trailing bytes in neither', async () => {
  for (const mode of ['exact', 'fast'] as const) {
    for (const length of [LARGE.length / 2, LARGE.length * 0.99, LARGE.length - 1]) {
      await refused(decode(LARGE.subarray(0, length), mode), 'DECODE_FAILED', /truncated/);
    }
    const longer = Buffer.concat([LARGE, Buffer.alloc(5000, 0x2a)]);
    assert.ok(Buffer.compare((await decode(longer, mode)).data, (await decode(LARGE, mode)).data) === 0);
  }
});

fast.run();

const truncated = suite('truncated files');

// One of each decoder path, at sizes where a cut costs pixels.
for (const name of [
  ...['jpeg_444.jpg', 'jpeg_progressive.jpg', 'jpeg_gray.jpg', 'jpeg_cmyk_adobe.jpg', 'jpeg_restart.jpg'],
  ...['png_rgb.png', 'png_interlaced.png', 'png_palette.png', 'png_rgba16.png', 'webp_lossy.webp'],
  ...['webp_lossless.webp', 'webp_alpha.webp', 'gif_transparent.gif', 'bmp_24.bmp', 'bmp_pal.bmp'],
  ...['tiff_deflate.tif', 'tiff_lzw.tif', 'avif_lossy.avif'],
]) {
  truncated(name, async () => {
    const bytes = goldenBytes(name);
    for (const part of [0.2, 0.4, 0.6, 0.8, 0.95]) {
      const cut = new Uint8Array(bytes.subarray(0, Math.floor(bytes.length * part)));
      await refused(
        (async () => decode(cut))(),
        'DECODE_FAILED',
        new RegExp(readHeader(bytes, LIMIT).format, 'i'),
      );
    }
  });
}

truncated.run();
