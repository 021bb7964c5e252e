// Files that other projects' users stumbled over: the right picture or a named refusal, with sharp and without.
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Pixels } from '../dist/esm/image/pixels.js';
import { refused } from './helpers/assertions.js';
import { decodeFile, resized, rgb } from './helpers/decoding.js';
import { fixture, fixtureJson, photo } from './helpers/fixtures.js';
import { installedWithoutSharp, printedIn } from './helpers/without-sharp.js';
import sharp from './helpers/sharp.js';

const { images: EXPECTED } = fixtureJson('cases/expected.json') as {
  images: Record<string, { width: number; height: number; rgb8x8: number[] }>;
};
const FILES = readdirSync(fixture('cases'))
  .filter((name) => /\.(avif|bmp|cr2|heic|jpg|png|tif)$/.test(name))
  .sort();
const SMALL = { width: 8, height: 8 };
const LEVELS = 4;
const JFIF = Buffer.from('ffe000104a46494600010100000100010000', 'hex');

// What is refused, and the words that its message must hold. All else must be right.
const REFUSED: Readonly<Record<string, RegExp>> = {
  'heic-header-only.heic': /HEIC/,
  'png-apple-cgbi.png': /CgBI of Xcode/,
  'raw-cr2-like.cr2': /RAW \(CR2\)/,
  'tiff-cielab.tif': /CIELAB/,
  'tiff-tiled-planar.tif': /tiled separate planes/,
};
// What @napi-rs/image is proven right for: it does not need sharp. Refusals do not either.
const ALONE = ['avif-sequence.avif', 'bmp-os2-v1-24bit.bmp', 'bmp-palette-offset-54.bmp', 'jpeg-named.heic'];

function bytesOf(name: string): Buffer {
  return readFileSync(fixture(`cases/${name}`));
}

/** Largest difference to the reference's thumbnail. */
function difference(name: string, pixels: Pixels): number {
  const { width, height, rgb8x8 } = EXPECTED[name]!;
  assert.equal([pixels.width, pixels.height], [width, height]);
  const small = resized(pixels, SMALL);
  assert.is(small.length, rgb8x8.length);
  return small.reduce((most, value, i) => Math.max(most, Math.abs(value - rgb8x8[i]!)), 0);
}

/** A JPEG that is marked as YCbCr (JFIF) while its components are called R, G and B: libjpeg believes the mark. */
async function jfifNamedRgb(chromaSubsampling: string): Promise<Buffer> {
  const plain = await sharp(readFileSync(photo('two-dogs')))
    .resize(64, 48)
    .jpeg({ quality: 90, chromaSubsampling })
    .toBuffer();
  const bytes = Buffer.concat([plain.subarray(0, 2), JFIF, plain.subarray(2)]);
  const ids = [...Buffer.from('RGB')];
  const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
  ids.forEach((id, i) => (bytes[frame + 10 + 3 * i] = id));
  const scan = bytes.indexOf(Buffer.from([0xff, 0xda]));
  ids.forEach((id, i) => (bytes[scan + 5 + 2 * i] = id));
  return bytes;
}

const NAMED_RGB: Readonly<Record<string, Buffer>> = {
  'JFIF, ids R, G, B, 4:4:4': await jfifNamedRgb('4:4:4'),
  'JFIF, ids R, G, B, 4:2:0': await jfifNamedRgb('4:2:0'),
};

const withSharp = suite('cases, with sharp');

withSharp('every file is spoken for', () => {
  for (const name of FILES) assert.ok(EXPECTED[name] ?? REFUSED[name], name);
  for (const name of [...Object.keys(EXPECTED), ...Object.keys(REFUSED)])
    assert.ok(FILES.includes(name), name);
  assert.is(FILES.length, 18);
});

for (const name of FILES) {
  withSharp(name, async () => {
    const bytes = bytesOf(name);
    const words = REFUSED[name];
    if (words !== undefined) {
      await refused(decodeFile(bytes), 'UNSUPPORTED_FORMAT', words);
      return;
    }
    const most = difference(name, await decodeFile(bytes));
    assert.ok(most <= LEVELS, `${most} levels`);
  });
}

for (const [name, bytes] of Object.entries(NAMED_RGB)) {
  withSharp(`${name}: the pixels of libjpeg`, async () => {
    const expected = await sharp(bytes).removeAlpha().toColourspace('srgb').raw().toBuffer();
    assert.ok(Buffer.compare(rgb(await decodeFile(bytes)), expected) === 0);
  });
}

withSharp.run();

type Outcome = (Omit<Pixels, 'data'> & { base64: string }) | { code: string; message: string };

/** Decodes files in a process of its own, one after the other. */
function outcomesIn(root: string, files: Record<string, Uint8Array>): Record<string, Outcome> {
  const module = (name: string) =>
    JSON.stringify(pathToFileURL(join(root, 'dist', 'esm', 'image', `${name}.js`)).href);
  const encoded = Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]);
  const source = `
    import { decodePixels } from ${module('decode')};
    import { readHeader } from ${module('header')};
    const options = { autoOrient: true, limitInputPixels: 1e8, decode: 'exact' };
    const outcomes = {};
    for (const [name, base64] of ${JSON.stringify(encoded)}) {
      const bytes = Buffer.from(base64, 'base64');
      try {
        const pixels = await decodePixels(bytes, readHeader(bytes, 1e8), { width: 8, height: 8 }, options);
        const { data, ...layout } = pixels;
        outcomes[name] = { ...layout, base64: Buffer.from(data).toString('base64') };
      } catch ({ code, message }) {
        outcomes[name] = { code, message };
      }
    }
    console.log(JSON.stringify(outcomes));`;
  return printedIn(root, source) as Record<string, Outcome>;
}

const withoutSharp = suite('cases, without sharp');
const WITHOUT = installedWithoutSharp();

withoutSharp('right, or a refusal that names sharp; the process ends with 0', () => {
  const files = { ...Object.fromEntries(FILES.map((name) => [name, bytesOf(name)])), ...NAMED_RGB };
  const found = outcomesIn(WITHOUT, files);
  const decoded: string[] = [];
  for (const name of Object.keys(files)) {
    const outcome = found[name]!;
    if ('code' in outcome) {
      assert.is(outcome.code, 'UNSUPPORTED_FORMAT', `${name}: ${outcome.message}`);
      assert.match(outcome.message, REFUSED[name] ?? /npm install sharp/);
    } else {
      const { base64, ...layout } = outcome;
      const most = difference(name, { ...layout, data: Buffer.from(base64, 'base64') });
      assert.ok(most <= LEVELS, `${name}: ${most} levels`);
      decoded.push(name);
    }
  }
  assert.equal(decoded, ALONE);
});

withoutSharp.after(() => {
  rmSync(WITHOUT, { recursive: true });
});

withoutSharp.run();
