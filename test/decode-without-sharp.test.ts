// What works without the optional packages sharp and libheif-js, and what the errors say about the rest.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROOT, TINY_MODEL, fixture } from './helpers/fixtures.js';
import { installedWithoutSharp, printedIn } from './helpers/without-sharp.js';

const WITHOUT = installedWithoutSharp();

interface Outcome {
  width?: number;
  code?: string;
  message?: string;
}

/** Embeds golden images in a process of its own. */
function outcomes(names: string[], decode: 'exact' | 'fast', root: string): Record<string, Outcome> {
  const paths = Object.fromEntries(names.map((name) => [name, fixture(name)]));
  const source = `
    import { SemanticVision } from ${JSON.stringify(pathToFileURL(join(root, 'dist', 'esm', 'index.js')).href)};
    const vision = await SemanticVision.create({
      model: ${JSON.stringify(TINY_MODEL)}, workers: 1, intraOpNumThreads: 1, decode: '${decode}',
    });
    const outcomes = {};
    for (const [name, path] of Object.entries(${JSON.stringify(paths)})) {
      outcomes[name] = await vision.embedImage(path).then(
        ({ dimensions }) => ({ width: dimensions }),
        ({ code, message }) => ({ code, message }),
      );
    }
    await vision.close();
    console.log(JSON.stringify(outcomes));`;
  return printedIn(root, source) as Record<string, Outcome>;
}

const GIF = 'golden/images/gif_animated.gif';
const OTHERS = ['jpeg_420.jpg', 'png_rgb16.png', 'webp_lossy.webp', 'bmp_24.bmp', 'avif_lossy.avif'];
const NAMES = [GIF, ...OTHERS.map((name) => `golden/images/${name}`), 'fuzz/tiff-packbits.tif', GIF];
// What no other decoder is proven right for, and how the message names it.
const NEEDS_SHARP = {
  'golden/images/tiff_lzw.tif': /a TIFF \(LZW, RGB, 8 bits a sample\).*npm install sharp/,
  'fuzz/webp-animated.webp': /a WebP \(animated, \w+\).*npm install sharp/,
  'fuzz/jpeg-arithmetic.jpg': /a JPEG \(arithmetic-coded, rgb\).*npm install sharp/,
  'fuzz/jpeg-one-scan-a-component.jpg': /a JPEG \(baseline, rgb\).*npm install sharp/,
};

const without = suite('without sharp');

without('GIF: UNSUPPORTED_FORMAT that says what to install; everything else works', () => {
  const found = outcomes(NAMES, 'exact', WITHOUT);
  assert.is(found[GIF]?.code, 'UNSUPPORTED_FORMAT');
  assert.match(found[GIF]!.message!, /GIF.*npm install sharp/);
  for (const name of NAMES.filter((other) => other !== GIF)) assert.is(found[name]?.width, 96, name);
});

without('structures that only sharp is right for: UNSUPPORTED_FORMAT that names them', () => {
  const found = outcomes(Object.keys(NEEDS_SHARP), 'exact', WITHOUT);
  for (const [name, message] of Object.entries(NEEDS_SHARP)) {
    assert.is(found[name]?.code, 'UNSUPPORTED_FORMAT', name);
    assert.match(found[name]!.message!, message);
  }
  const withSharp = outcomes(Object.keys(NEEDS_SHARP), 'exact', ROOT);
  for (const name of Object.keys(NEEDS_SHARP)) assert.is(withSharp[name]?.width, 96, name);
});

without('HEIC: UNSUPPORTED_FORMAT that says what to install, whole or damaged', () => {
  const names = ['heic/plain.heic', 'cases/heic-header-only.heic'];
  const found = outcomes(names, 'exact', WITHOUT);
  for (const name of names) assert.is(found[name]?.code, 'UNSUPPORTED_FORMAT', name);
  assert.match(found['heic/plain.heic']!.message!, /HEIC.*npm install libheif-js/);
  assert.match(found['cases/heic-header-only.heic']!.message!, /HEIC/);
  assert.is(outcomes(names, 'exact', ROOT)['heic/plain.heic']?.width, 96);
});

without('a damaged GIF is damaged, not unsupported', () => {
  const name = 'golden/images/bad/truncated.gif';
  assert.is(outcomes([name], 'exact', WITHOUT)[name]?.code, 'DECODE_FAILED');
});

without("decode 'fast': a JPEG large enough for it names the option, a smaller one works", () => {
  const large = 'golden/images/jpeg_420.jpg'; // 384 pixels: six times the tiny model's 64
  const small = 'golden/images/exif_1.jpg';
  const found = outcomes([large, small], 'fast', WITHOUT);
  assert.is(found[large]?.code, 'UNSUPPORTED_FORMAT');
  assert.match(found[large]!.message!, /decode: "fast".*npm install sharp/);
  assert.is(found[small]?.width, 96);
});

without('with sharp all of that works: the rest of this file tests what it means to', () => {
  const found = outcomes(NAMES, 'fast', ROOT);
  for (const name of NAMES) assert.is(found[name]?.width, 96, name);
});

without.after(() => {
  rmSync(WITHOUT, { recursive: true });
});

without.run();
