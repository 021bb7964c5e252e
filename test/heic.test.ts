// HEIC through the optional package libheif-js: the right pixels, limits before decoding, damaged files, and animated AVIF.
import { readFileSync, readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { resizeInto } from '../dist/esm/image/binding.js';
import { decodePixels } from '../dist/esm/image/decode.js';
import { readHeader } from '../dist/esm/image/header.js';
import { SemanticVision, VisionError } from '../dist/esm/index.js';
import { refused } from './helpers/assertions.js';
import { TINY_MODEL, fixture, fixtureJson } from './helpers/fixtures.js';

interface Expected {
  width: number;
  height: number;
  rgb8x8: number[];
}

const LIMIT = 1e8;
// libheif-js decodes without HEVC's loop filters (libheif switches them off in WebAssembly), so single pixels differ from
// the other build by up to 20 levels, and thumbnails by 2.
const MOST = 3;
const expected = fixtureJson('heic/expected.json') as Record<string, Expected>;

const read = (name: string) => readFileSync(fixture(name));

async function decode(bytes: Uint8Array, limitInputPixels = LIMIT) {
  const options = { autoOrient: true, limitInputPixels, decode: 'exact' } as const;
  return decodePixels(bytes, readHeader(bytes, limitInputPixels), { width: 64, height: 64 }, options);
}

async function thumbnail(bytes: Uint8Array): Promise<Uint8Array> {
  const { data, ...layout } = await decode(bytes);
  const rowStride = layout.width * layout.channels * layout.bytesPerSample;
  const size = { width: 8, height: 8 };
  const small = new Uint8Array(3 * 8 * 8);
  const geometry = { ...size, filter: 'bicubic', crop: { left: 0, top: 0, ...size } } as const;
  resizeInto(data, { ...layout, offset: 0, rowStride }, geometry, small);
  return small;
}

function assertNear(actual: Uint8Array, wanted: readonly number[], most: number, name: string): void {
  assert.is(actual.length, wanted.length);
  actual.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]!) <= most, `${name}: ${value} at ${i}`));
}

const heic = suite('heic');

for (const [name, { width, height, rgb8x8 }] of Object.entries(expected)) {
  heic(`${name}: size and picture`, async () => {
    const bytes = read(`heic/${name}`);
    const header = readHeader(bytes, LIMIT);
    assert.equal(
      [header.format, header.width, header.height, header.orientation],
      ['heic', width, height, 1],
    );
    const pixels = await decode(bytes);
    assert.equal([pixels.width, pixels.height, pixels.channels], [width, height, 3]);
    assert.is(pixels.data.length, width * height * 3);
    assertNear(await thumbnail(bytes), rgb8x8, MOST, name);
  });
}

heic('all of them are there', () => {
  const names = readdirSync(fixture('heic')).filter((name) => name.endsWith('.heic'));
  assert.equal(Object.keys(expected).sort(), names.sort());
});

heic('the limit counts pixels as shown, and those of tiles before any is decoded', async () => {
  const bytes = read('heic/plain.heic');
  assert.is(readHeader(bytes, 30_000).width, 200);
  await refused(() => readHeader(bytes, 29_999), 'TOO_MANY_PIXELS', /200 x 150/);
  // Four tiles of 128 x 128 pixels, of which a picture of 150 x 200 is cut. Made smaller, it would be cheap by its size.
  const grid = Buffer.from(read('heic/grid-turned.heic'));
  const size = Buffer.from([0, 0, 0, 200, 0, 0, 0, 150]);
  grid.writeUInt32BE(20, grid.indexOf(size));
  grid.writeUInt32BE(10, grid.indexOf(Buffer.from([0, 0, 0, 20, 0, 0, 0, 150])) + 4);
  await refused(decode(grid, 30_000), 'TOO_MANY_PIXELS', /tiles of 65536 pixels/);
});

heic('a picture of another size than its boxes say is damaged', async () => {
  const bytes = Buffer.from(read('heic/plain.heic'));
  bytes.writeUInt32BE(20, bytes.indexOf('ispe') + 8);
  await refused(decode(bytes), 'DECODE_FAILED', /HEIC/);
});

heic('cut off anywhere, or with a byte changed: a code, and the next picture is right', async () => {
  const whole = read('heic/grid-turned.heic');
  const good = await thumbnail(whole);
  const outcome = (bytes: Uint8Array) =>
    decode(bytes).then(
      () => 'ok',
      (error: unknown) => (error instanceof VisionError ? error.code : String(error)),
    );
  const codes = new Set<string>();
  for (let length = 12; length < whole.length; length += 61)
    codes.add(await outcome(whole.subarray(0, length)));
  for (let at = 0; at < whole.length; at += 17) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] as number) ^ 0xff;
    codes.add(await outcome(changed));
  }
  for (const code of codes) {
    assert.ok(
      ['ok', 'DECODE_FAILED', 'UNSUPPORTED_FORMAT', 'TOO_MANY_PIXELS', 'OUT_OF_MEMORY'].includes(code),
      code,
    );
  }
  assert.equal(await thumbnail(whole), good);
});

heic('alpha is dropped, or kept where a background is asked for', async () => {
  const bytes = read('heic/alpha.heic');
  const options = { autoOrient: true, limitInputPixels: LIMIT, decode: 'exact' } as const;
  const background = 0x000000;
  const target = { width: 64, height: 64 };
  const { data, channels } = await decodePixels(bytes, readHeader(bytes, LIMIT), target, {
    ...options,
    background,
  });
  assert.is(channels, 4);
  const dropped = await decode(bytes);
  let alphas = 0;
  for (let i = 0; i < 200 * 150; i++) {
    assert.equal([...data.subarray(4 * i, 4 * i + 3)], [...dropped.data.subarray(3 * i, 3 * i + 3)]);
    if (data[4 * i + 3] !== 255) alphas++;
  }
  assert.ok(alphas > 10_000);
});

heic('without a still picture: UNSUPPORTED_FORMAT that says HEIC, not damaged', async () => {
  const error = await refused(decode(read('cases/heic-header-only.heic')), 'UNSUPPORTED_FORMAT', /HEIC/);
  assert.not.match(error.message, /damaged/);
});

heic('what lies in a HEIC that is no HEVC is named', async () => {
  const bytes = Buffer.from(read('heic/plain.heic'));
  bytes.write('vvc1', bytes.indexOf('hvc1'), 'latin1');
  await refused(decode(bytes), 'UNSUPPORTED_FORMAT', /"vvc1"/);
});

heic('in a worker', async () => {
  await using vision = await SemanticVision.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1 });
  const { vector } = await vision.embedImage(fixture('heic/grid-turned.heic'));
  assert.is(vector.length, 96);
  await refused(vision.embedImage(read('heic/plain.heic').subarray(0, 1500)), 'DECODE_FAILED');
  assert.equal((await vision.embedImage(fixture('heic/grid-turned.heic'))).vector, vector);
});

heic('an animated AVIF that holds a still picture shows it, as Pillow its first frame', async () => {
  const { width, height, rgb8x8 } = (
    fixtureJson('cases/expected.json') as { images: Record<string, Expected> }
  ).images['avif-sequence.avif']!;
  const bytes = read('cases/avif-sequence.avif');
  const pixels = await decode(bytes);
  assert.equal([pixels.width, pixels.height], [width, height]);
  assertNear(await thumbnail(bytes), rgb8x8, 2, 'avif-sequence.avif');
  // Without the still picture's brand nothing here reads it.
  const tracks = Buffer.from(bytes);
  for (let at = tracks.indexOf('avif'); at >= 0; at = tracks.indexOf('avif'))
    tracks.write('iso6', at, 'latin1');
  await refused(decode(tracks), 'UNSUPPORTED_FORMAT', /animated AVIF/);
});

heic.run();
