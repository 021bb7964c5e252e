// npm run fidelity: how far the pixels and embeddings of each format and path are from the reference's, as Markdown.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { SemanticVision, type ImageInput } from 'semantic-vision';
import sharp from 'sharp';
import { resizeInto, type ResizeGeometry } from '../dist/esm/image/binding.js';
import { decodePixels, type DecodeMode } from '../dist/esm/image/decode.js';
import { readHeader } from '../dist/esm/image/header.js';
import type { Pixels } from '../dist/esm/image/pixels.js';
import { mosaic, resizedPhoto } from './jpegs.js';

/** What was found for one image. */
interface Finding {
  mean: number;
  max: number;
  /** One a column; undefined where it was not computed. */
  cosines: (number | undefined)[];
}

interface Golden {
  siglip?: number[];
  siglip2?: number[];
}

const FIXTURES = fileURLToPath(new URL('../test/fixtures/', import.meta.url));
const PIXEL_LIMIT = 100_000_000;
const MODES = ['exact', 'fast'] as const;
const GOLDEN_SIDE = 64;
const LARGE_SIDE = 224;
// 16-bit grey, which the reference clips to white: docs/decisions/0006.
const DEVIATION = 'png_gray16.png';
// Which golden image is in which format is in its name; the rest are PNG.
const FORMATS: [name: string, pattern: RegExp][] = [
  ['JPEG CMYK', /cmyk/],
  ['JPEG', /\.jpg/],
  ['WebP lossless, alpha, animated', /\.webp/],
  ['GIF', /\.gif/],
  ['BMP', /\.bmp/],
  ['TIFF', /\.tif/],
  ['AVIF', /\.avif/],
  ['PNG', /\.png/],
];
const LARGE_SIZES = [
  { scale: '1/2', width: 2240, height: 1680 },
  { scale: '1/4', width: 4032, height: 3024 },
  { scale: 'exact: no multiples of 4', width: 4030, height: 3021 },
  { scale: '1/8', width: 7200, height: 5400 },
];
const LARGE_KINDS = [
  { kind: 'mosaic of photos', make: mosaic },
  { kind: 'enlarged photo', make: resizedPhoto },
];
const LARGE_IMAGES = 3;
const BUNDLED_SIDE = 280;

const print = (line: string) => process.stdout.write(`${line}\n`);

function square(side: number): ResizeGeometry {
  const size = { width: side, height: side };
  return { ...size, filter: 'bicubic', crop: { left: 0, top: 0, ...size } };
}

function resize(pixels: Pixels, side: number): Uint8Array {
  const { data, width, height, channels, bytesPerSample, orientation } = pixels;
  const rowStride = width * channels * bytesPerSample;
  const layout = { offset: 0, width, height, channels, rowStride, bytesPerSample, orientation };
  const bytes = new Uint8Array(3 * side * side);
  resizeInto(data, layout, square(side), bytes);
  return bytes;
}

function decode(bytes: Uint8Array, mode: DecodeMode, side: number, autoOrient: boolean): Promise<Pixels> {
  const options = { autoOrient, limitInputPixels: PIXEL_LIMIT, decode: mode };
  return decodePixels(bytes, readHeader(bytes, PIXEL_LIMIT), { width: side, height: side }, options);
}

function difference(actual: Uint8Array, expected: Uint8Array): { mean: number; max: number } {
  let [sum, max] = [0, 0];
  for (const [i, value] of actual.entries()) {
    const apart = Math.abs(value - expected[i]!);
    sum += apart;
    max = Math.max(max, apart);
  }
  return { mean: sum / actual.length, max };
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>) =>
    Array.from(x).reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** Findings under the name of their row, in the order of their first appearance. */
class Rows {
  readonly #rows = new Map<string, Finding[]>();

  add(name: string, finding: Finding): void {
    this.#rows.set(name, [...(this.#rows.get(name) ?? []), finding]);
  }

  print(head: readonly string[]): void {
    const columns = [...head.slice(0, 1), 'images', 'mean difference', 'maximum', ...head.slice(1)];
    print(`| ${columns.join(' | ')} |`);
    print(`| ${columns.map(() => '---').join(' | ')} |`);
    for (const [name, findings] of this.#rows) {
      const mean = findings.reduce((sum, finding) => sum + finding.mean, 0) / findings.length;
      const max = Math.max(...findings.map((finding) => finding.max));
      const lowest = head
        .slice(1)
        .map((_, column) => findings.flatMap(({ cosines }) => cosines[column] ?? []));
      // Rounded down: a 1 is exact but for the last bits of the model's arithmetic.
      const cells = [mean.toFixed(mean === 0 ? 0 : 3), max, ...lowest.map(lowestOf)];
      print(`| ${[name, findings.length, ...cells].join(' | ')} |`);
    }
  }
}

function lowestOf(values: readonly number[]): string {
  if (values.length === 0) return '-';
  const value = Math.min(...values);
  return (Math.floor(value * 1e6 + 0.01) / 1e6).toFixed(6);
}

// Pixels at 64 x 64 bicubic from Pillow, embeddings of the tiny models from PyTorch.
async function goldenTable(): Promise<void> {
  const { images } = JSON.parse(readFileSync(join(FIXTURES, 'golden', 'expected.json'), 'utf8')) as {
    images: Record<string, Golden>;
  };
  const rows = new Rows();
  for (const mode of MODES) {
    for (const autoOrient of [false, true]) {
      await using siglip = await open('tiny-siglip', mode, autoOrient);
      await using siglip2 = await open('tiny-siglip2', mode, autoOrient);
      for (const [key, golden] of Object.entries(images)) {
        if (key === DEVIATION || key.endsWith('#exif') !== autoOrient) continue;
        const bytes = readFileSync(join(FIXTURES, 'golden', 'images', key.split('#')[0]!));
        const pixels = await decode(bytes, mode, GOLDEN_SIDE, autoOrient);
        // Only what fast decodes in another way is worth a row of its own.
        const { width } = readHeader(bytes, PIXEL_LIMIT);
        if (mode === 'fast' && pixels.width === width) continue;
        const file = `${key.replace('#', '__')}.bicubic${GOLDEN_SIDE}.rgb.gz`;
        const expected = gunzipSync(readFileSync(join(FIXTURES, 'golden', 'pixels', file)));
        const cosineOf = async (vision: SemanticVision, vector: readonly number[] | undefined) =>
          vector && cosine((await vision.embedImage(bytes)).vector, vector);
        const cosines = [
          await cosineOf(siglip, golden.siglip),
          // At the second model's 96 pixels no golden image is large enough for fast.
          mode === 'exact' ? await cosineOf(siglip2, golden.siglip2) : undefined,
        ];
        const format = FORMATS.find(([, pattern]) => pattern.test(key))![0];
        rows.add(`${lossyWebp(key, format)}, ${mode}`, {
          ...difference(resize(pixels, GOLDEN_SIDE), expected),
          cosines,
        });
      }
    }
  }
  rows.print(['golden images', 'lowest cosine, tiny SigLIP', 'lowest cosine, tiny SigLIP 2']);
}

function lossyWebp(key: string, format: string): string {
  return key === 'webp_lossy.webp' ? 'WebP lossy' : format;
}

function open(model: string, mode: DecodeMode, autoOrient: boolean): Promise<SemanticVision> {
  return SemanticVision.create({ model: join(FIXTURES, model), decode: mode, autoOrient, workers: 1 });
}

// Pillow decodes a JPEG as libjpeg-turbo does, and so does sharp in full size; our kernel resizes as Pillow does.
async function pillowPixels(jpeg: Uint8Array): Promise<Pixels & { channels: 3 }> {
  const { data, info } = await sharp(jpeg, { ignoreIcc: true })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  return { data, width, height, channels: 3, bytesPerSample: 1, orientation: 1 };
}

function raw(data: Uint8Array): ImageInput {
  return { data, width: BUNDLED_SIDE, height: BUNDLED_SIDE, channels: 3 };
}

async function largeTable(): Promise<void> {
  const rows = new Rows();
  const settings = { cacheMaxBytes: 0, workers: 1 };
  await using exact = await SemanticVision.create({ ...settings, decode: 'exact' });
  await using fast = await SemanticVision.create({ ...settings, decode: 'fast' });
  const embed = async (vision: SemanticVision, image: ImageInput) => (await vision.embedImage(image)).vector;
  for (const { kind, make } of LARGE_KINDS) {
    for (const { scale, ...size } of LARGE_SIZES) {
      for (let index = 0; index < LARGE_IMAGES; index++) {
        const jpeg = await make(7 * index, size);
        const reference = await pillowPixels(jpeg);
        const expected = resize(reference, LARGE_SIDE);
        const vector = await embed(exact, reference);
        if (scale === '1/2') {
          const [plain, noisy] = [resize(reference, BUNDLED_SIDE), resize(reference, BUNDLED_SIDE)];
          for (let i = 0; i < noisy.length; i += 10) noisy[i]! ^= 1;
          const [before, after] = await Promise.all([plain, noisy].map((data) => embed(exact, raw(data))));
          const noise = { ...difference(noisy, plain), cosines: [cosine(after!, before!)] };
          rows.add('for comparison: lowest bit of every tenth byte flipped', noise);
        }
        const vectors = { exact: await embed(exact, jpeg), fast: await embed(fast, jpeg) };
        for (const mode of MODES) {
          const pixels = await decode(jpeg, mode, LARGE_SIDE, true);
          rows.add(`${size.width}x${size.height} ${kind}, ${mode === 'fast' ? `fast (${scale})` : mode}`, {
            ...difference(resize(pixels, LARGE_SIDE), expected),
            cosines: [cosine(vectors[mode], vector), cosine(vectors[mode], vectors.exact)],
          });
        }
      }
    }
  }
  rows.print(['large JPEGs', 'lowest cosine, bundled model', 'lowest cosine to the exact path']);
}

print(
  `Against Pillow's pixels after bicubic resizing to ${GOLDEN_SIDE}x${GOLDEN_SIDE}, grey levels of 255.\n`,
);
await goldenTable();
print(`\nThe same at ${LARGE_SIDE}x${LARGE_SIDE}, for JPEGs large enough for decode: 'fast'.\n`);
await largeTable();
