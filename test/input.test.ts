// Everything that may come in and is no image: each has its code, nothing hangs, and the pool goes on.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision, type ImageInput, type VisionErrorCode } from '../dist/esm/index.js';
import { openFile } from '../dist/esm/input-file.js';
import { loadInput } from '../dist/esm/input.js';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { refused, sameBits, settles } from './helpers/assertions.js';
import { TINY_MODEL, fixture, noise, photo, withTrailingBytes } from './helpers/fixtures.js';

const vision = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1 });
const good = await vision.embedImage(photo('two-dogs'));
const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-input-'));
const DOGS = readFileSync(photo('two-dogs'));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Refused with the code, soon; afterwards the pool computes the same as ever. */
async function refusedAndGoesOn(input: unknown, code: VisionErrorCode, message?: RegExp): Promise<void> {
  await settles(
    refused(vision.embedImage(input as ImageInput), code, message),
    `${code} for ${String(input)}`,
  );
  const { vector } = await settles(vision.embedImage(withTrailingBytes(DOGS, ++trailing)), 'the next image');
  sameBits(vector, good.vector);
}
let trailing = 0;

const files = suite('files');

files('an empty file', async () => {
  await refusedAndGoesOn(file('empty.jpg', ''), 'INPUT_EMPTY', /empty\.jpg/);
});

files('a folder, with and without a slash, as path and URL', async () => {
  for (const input of [folder, `${folder}/`, pathToFileURL(folder), `${pathToFileURL(folder).href}/`]) {
    await refused(vision.embedImage(input), 'INPUT_UNREADABLE', /folder/);
  }
  await refusedAndGoesOn('.', 'INPUT_UNREADABLE');
});

files('a missing path', async () => {
  const missing = join(folder, 'no-such.jpg');
  const inputs = [
    missing,
    pathToFileURL(missing),
    pathToFileURL(missing).href,
    join(photo('two-dogs'), 'x.jpg'),
  ];
  symlinkSync(missing, join(folder, 'dangling.jpg'));
  for (const input of [...inputs, join(folder, 'dangling.jpg')]) {
    await refused(vision.embedImage(input), 'INPUT_NOT_FOUND', /nothing exists/);
  }
  await refusedAndGoesOn(missing, 'INPUT_NOT_FOUND');
});

files('a named pipe does not hang and holds no thread', async () => {
  const pipe = join(folder, 'pipe.jpg');
  execFileSync('mkfifo', [pipe]);
  // More than libuv has threads.
  await settles(
    Promise.all(Array.from({ length: 12 }, () => refused(vision.embedImage(pipe), 'INPUT_UNREADABLE'))),
    'pipes',
  );
  await refusedAndGoesOn(pipe, 'INPUT_UNREADABLE', /not a regular file/);
});

files('devices', async () => {
  for (const device of ['/dev/zero', '/dev/null', '/dev/urandom']) {
    await settles(refused(vision.embedImage(device), 'INPUT_UNREADABLE'), device);
  }
  await refusedAndGoesOn('/dev/zero', 'INPUT_UNREADABLE');
});

files('a file that says it is empty but is not (procfs)', async () => {
  await refusedAndGoesOn('/proc/self/status', 'INPUT_EMPTY');
});

files('a file without permission', async () => {
  const path = file('secret.jpg', DOGS);
  chmodSync(path, 0);
  try {
    readFileSync(path);
    assert.ok(process.getuid?.() === 0); // root reads everything: nothing to test
  } catch {
    await refusedAndGoesOn(path, 'INPUT_UNREADABLE', /secret\.jpg/);
  }
});

files('too long a name, too many links', async () => {
  await refused(vision.embedImage(join(folder, 'x'.repeat(5000))), 'INPUT_UNREADABLE');
  symlinkSync('loop', join(folder, 'loop'));
  await refused(vision.embedImage(join(folder, 'loop')), 'INPUT_UNREADABLE');
});

files('a link to a photo is that photo', async () => {
  symlinkSync(photo('two-dogs'), join(folder, 'link.jpg'));
  assert.is((await vision.embedImage(join(folder, 'link.jpg'))).imageHash, good.imageHash);
});

files('names with spaces, percent signs, umlauts and a colon', async () => {
  for (const name of ['a b%20c.jpg', 'für élise ☃.jpg', 'c:d.jpg', '#?.jpg']) {
    const path = file(name, DOGS);
    assert.is((await vision.embedImage(path)).imageHash, good.imageHash, name);
    assert.is((await vision.embedImage(pathToFileURL(path).href)).imageHash, good.imageHash, name);
  }
});

files('a name that is no UTF-8, by its URL', async () => {
  const url = `${pathToFileURL(folder).href}/caf%E9%20%25.jpg`;
  await refused(vision.embedImage(url), 'INPUT_NOT_FOUND', /caf%E9%20%25\.jpg/);
  try {
    writeFileSync(
      Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.of(0xe9), Buffer.from(' %.jpg')]),
      DOGS,
    );
  } catch {
    console.log('skipped: names on this file system are UTF-8');
    return;
  }
  for (const each of [url, new URL(url)])
    assert.is((await vision.embedImage(each)).imageHash, good.imageHash);
  // Its limits hold as for any other file.
  const limited = { limitInputBytes: 1000, limitInputPixels: 1e8 };
  const hasher = new Hasher();
  await refused(loadInput(url, limited, hasher), 'TOO_MANY_BYTES', /caf%E9%20%25\.jpg holds \d+/);
  await hasher.close();
  for (const wrong of [
    'file:///caf%E9%zz.jpg',
    'file:///caf%E9%2.jpg',
    'file:///caf%E9%00.jpg',
    'file:///caf%E9%2F.jpg',
  ])
    await refused(vision.embedImage(wrong), 'INVALID_ARGUMENT');
});

files('a file that shrinks while it is read', async () => {
  const path = file('shrinking.jpg', DOGS);
  const opened = await openFile(path);
  try {
    truncateSync(path, 1000);
    await refused(opened.readInto(new Uint8Array(opened.size)), 'INPUT_UNREADABLE', /shrank to 1000/);
  } finally {
    await opened.close();
  }
});

files('leave no open handle behind, whatever happens', async () => {
  const { readdirSync } = await import('node:fs');
  const before = readdirSync('/proc/self/fd').length;
  const inputs = [folder, '/dev/zero', file('empty2.jpg', ''), photo('two-dogs'), fixture('bad/text.jpg')];
  for (let i = 0; i < 10; i++) await Promise.allSettled(inputs.map((input) => vision.embedImage(input)));
  assert.ok(readdirSync('/proc/self/fd').length <= before + 2);
});

files.run();

const names = suite('paths and URLs');

names('an empty path, a NUL byte', async () => {
  await refusedAndGoesOn('', 'INVALID_ARGUMENT');
  await refusedAndGoesOn('photo\0.jpg', 'INVALID_ARGUMENT', /NUL/);
  await refused(vision.embedImage('file:///tmp/photo%00.jpg'), 'INVALID_ARGUMENT');
});

names('URLs that name no file', async () => {
  for (const url of [
    'http://example.com/a.jpg',
    'HTTPS://example.com/a.jpg',
    'data:image/png;base64,AAAA',
    'blob:nodedata:1234',
  ]) {
    await refused(vision.embedImage(url), 'INVALID_ARGUMENT', /file: URL/);
    await refused(vision.embedImage(new URL(url)), 'INVALID_ARGUMENT');
  }
  await refused(vision.embedImage('file://otherhost/a.jpg'), 'INVALID_ARGUMENT');
  await refused(vision.embedImage('file:///a%2Fb.jpg'), 'INVALID_ARGUMENT');
  await refusedAndGoesOn('http://example.com/a.jpg', 'INVALID_ARGUMENT');
});

names('a message never holds a whole data: URL', async () => {
  const error = await refused(
    vision.embedImage(`data:image/png;base64,${'A'.repeat(100_000)}`),
    'INVALID_ARGUMENT',
  );
  assert.ok(error.message.length < 1000);
});

names.run();

const content = suite('bytes that are no image');

content('text, HTML and noise under an image name: UNSUPPORTED_FORMAT', async () => {
  for (const name of ['bad/text.jpg', 'bad/html.png', 'bad/random.webp']) {
    await refusedAndGoesOn(fixture(name), 'UNSUPPORTED_FORMAT', /JPEG/);
  }
});

content('formats that are not decoded: UNSUPPORTED_FORMAT', async () => {
  await refusedAndGoesOn(fixture('bad/vector.svg'), 'UNSUPPORTED_FORMAT', /SVG/);
});

// What is wrong is in the name; index.json says more.
const BAD: Record<string, VisionErrorCode> = {
  'bomb_2g.png': 'TOO_MANY_PIXELS',
  'bomb_full.png': 'TOO_MANY_PIXELS',
  'bomb_header.png': 'TOO_MANY_PIXELS',
  'corrupt_idat.png': 'DECODE_FAILED',
  'crc_idat.png': 'DECODE_FAILED',
  'crc_ihdr.png': 'DECODE_FAILED',
  'empty.jpg': 'INPUT_EMPTY',
  'empty.png': 'INPUT_EMPTY',
  'gif_frame_too_big.gif': 'DECODE_FAILED',
  'gif_screen_huge.gif': 'TOO_MANY_PIXELS',
  'gif_screen_smaller.gif': 'DECODE_FAILED',
  'html.png': 'UNSUPPORTED_FORMAT',
  'huge_dims.jpg': 'TOO_MANY_PIXELS',
  'huge_dims_65535.jpg': 'TOO_MANY_PIXELS',
  'missing_eoi.jpg': 'DECODE_FAILED',
  'random.webp': 'UNSUPPORTED_FORMAT',
  'text.jpg': 'UNSUPPORTED_FORMAT',
  'truncated.avif': 'DECODE_FAILED',
  'truncated.gif': 'DECODE_FAILED',
  'truncated.jpg': 'DECODE_FAILED',
  'truncated.png': 'DECODE_FAILED',
  'truncated.tif': 'DECODE_FAILED',
  'truncated.webp': 'DECODE_FAILED',
  'truncated_header.jpg': 'DECODE_FAILED',
  'truncated_lossy.webp': 'DECODE_FAILED',
  'vector.svg': 'UNSUPPORTED_FORMAT',
  'zero_dims.jpg': 'DECODE_FAILED',
  'zero_width.png': 'DECODE_FAILED',
};

content('every bad golden image has its code, by path and by bytes, and the pool goes on', async () => {
  const names = readdirSync(fixture('golden/images/bad')).filter((name) => name !== 'png_named.jpg');
  assert.equal(names.sort(), Object.keys(BAD).sort());
  for (const [name, code] of Object.entries(BAD)) {
    const path = fixture(`golden/images/bad/${name}`);
    await refusedAndGoesOn(path, code);
    await refused(vision.embedImage(readFileSync(path)), code);
  }
  assert.is((await vision.embedImage(fixture('golden/images/bad/png_named.jpg'))).dimensions, 768);
  assert.is(vision.stats().workerFailures, 0);
});

content('a few bytes: UNSUPPORTED_FORMAT', async () => {
  for (const bytes of ['h', 'hi', 'hello', '\0\0\0\0', 'hello world, this is text']) {
    await refused(vision.embedImage(Buffer.from(bytes)), 'UNSUPPORTED_FORMAT');
  }
});

content('a PNG named .jpg is a PNG', async () => {
  assert.is((await vision.embedImage(fixture('bad/png_named.jpg'))).dimensions, 768);
});

content('a JPEG with more bytes behind its end is fine', async () => {
  assert.is((await vision.embedImage(fixture('jpeg_trailing_garbage.jpg'))).dimensions, 768);
});

content('truncated files: DECODE_FAILED', async () => {
  for (const extension of ['jpg', 'png', 'webp', 'avif', 'tif']) {
    await refusedAndGoesOn(fixture(`bad/truncated.${extension}`), 'DECODE_FAILED');
  }
  for (const name of ['truncated_lossy.webp', 'truncated_header.jpg', 'missing_eoi.jpg']) {
    await refused(vision.embedImage(fixture(`bad/${name}`)), 'DECODE_FAILED');
  }
});

content('a photo cut anywhere: DECODE_FAILED, or UNSUPPORTED_FORMAT in its first bytes', async () => {
  for (const part of [0.0001, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999]) {
    const cut = DOGS.subarray(0, Math.max(1, Math.floor(DOGS.length * part)));
    await refused(vision.embedImage(cut), cut.length < 12 ? 'UNSUPPORTED_FORMAT' : 'DECODE_FAILED');
  }
  await refusedAndGoesOn(DOGS.subarray(0, -1), 'DECODE_FAILED', /truncated/);
});

content('damaged headers and pixels: DECODE_FAILED', async () => {
  for (const name of ['crc_ihdr.png', 'corrupt_idat.png', 'zero_dims.jpg', 'zero_width.png']) {
    await refusedAndGoesOn(fixture(`bad/${name}`), 'DECODE_FAILED');
  }
});

content('a header that claims too many pixels: TOO_MANY_PIXELS, before anything is decoded', async () => {
  const before = vision.stats().timings.decode.count;
  for (const name of ['bomb_header.png', 'bomb_2g.png', 'huge_dims.jpg']) {
    await refused(vision.embedImage(fixture(`bad/${name}`)), 'TOO_MANY_PIXELS', /limitInputPixels/);
  }
  assert.is(vision.stats().timings.decode.count, before);
  await refusedAndGoesOn(fixture('bad/bomb_header.png'), 'TOO_MANY_PIXELS', /30000 x 30000/);
});

content(
  'photos with bytes flipped at random: an embedding or DECODE_FAILED, never anything else',
  async () => {
    const small = await import('@napi-rs/image').then(({ Transformer }) =>
      new Transformer(DOGS).resize(96, 72),
    );
    const encoded = [small.jpegSync(60), small.pngSync(), small.webpSync(60)];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...encoded),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        async (image, flips) => {
          const bytes = Buffer.from(image);
          for (const [at, value] of flips) bytes[at % bytes.length] = value;
          try {
            const { vector } = await settles(vision.embedImage(bytes), 'a damaged image');
            assert.ok(vector.every(Number.isFinite));
          } catch (error) {
            const { code } = error as { code?: string };
            assert.ok(
              ['DECODE_FAILED', 'UNSUPPORTED_FORMAT', 'TOO_MANY_PIXELS'].includes(code ?? ''),
              `${String(code)}: ${String(error)}`,
            );
          }
        },
      ),
      { numRuns: 100 },
    );
    assert.is(vision.stats().workerFailures, 0);
  },
);

content('a JPEG of very many tiny segments does not hold up the event loop', async () => {
  const segments = 20_000;
  const hostile = new Uint8Array(4 + segments * 6 + 20 * 1024 * 1024);
  hostile.set([0xff, 0xd8]);
  for (let i = 0; i < segments; i++) hostile.set([0xff, 0xe1, 0, 4, 0, 0], 2 + i * 6);
  let longest = 0;
  let last = performance.now();
  const beat = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  await refused(vision.embedImage(hostile), 'DECODE_FAILED');
  clearInterval(beat);
  assert.ok(longest < 2000, `blocked for ${longest} ms`); // a hang guard: it was 5.8 s
});

content('a strip one pixel wide is embedded without growing beyond all bounds', async () => {
  const length = 20_000;
  const data = new Uint8Array(length * 3).map((_, i) => i & 255);
  for (const [width, height] of [
    [1, length],
    [length, 1],
  ] as const) {
    await settles(
      vision.embedImage({ data, width, height, channels: 3 }).then(
        ({ vector }) => assert.ok(vector.every(Number.isFinite)),
        (error: unknown) => assert.is((error as { code?: string }).code, 'TOO_MANY_PIXELS'),
      ),
      'a strip',
    );
  }
  assert.is(vision.stats().workerFailures, 0);
});

content.run();

const memory = suite('bytes in memory');

memory('zero bytes: INPUT_EMPTY', async () => {
  for (const input of [Buffer.alloc(0), new Uint8Array(0), new ArrayBuffer(0), new Blob([])]) {
    await refusedAndGoesOn(input, 'INPUT_EMPTY');
  }
});

memory('detached buffers are refused with a code', async () => {
  const detached = new Uint8Array(1000);
  const { buffer } = detached;
  structuredClone(buffer, { transfer: [buffer] });
  for (const input of [buffer, detached]) {
    try {
      await vision.embedImage(input);
      assert.unreachable();
    } catch (error) {
      const { code } = error as { code?: string };
      assert.ok(code === 'INVALID_ARGUMENT' || code === 'INPUT_EMPTY', `${String(code)}: ${String(error)}`);
    }
  }
  await refusedAndGoesOn({ data: detached, width: 1, height: 1, channels: 3 }, 'INVALID_ARGUMENT');
});

memory('shared memory is read like any other', async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(DOGS.length));
  shared.set(DOGS);
  assert.is((await vision.embedImage(shared)).imageHash, good.imageHash);
});

memory('what is no image at all: INVALID_ARGUMENT that names what came', async () => {
  const inputs: [unknown, RegExp][] = [
    [undefined, /undefined/],
    [null, /null/],
    [1, /number/],
    [true, /boolean/],
    [10n, /bigint/],
    [Symbol('x'), /symbol/],
    [{}, /Object/],
    [[1, 2, 3], /array/],
    [() => 1, /function/],
    [new Uint16Array(4), /Uint16Array/],
    [new Float32Array(4), /Float32Array/],
    [new DataView(new ArrayBuffer(4)), /DataView/],
    [Promise.resolve('x'), /Promise/],
    [Object.create(null), /object/],
  ];
  for (const [input, message] of inputs) {
    await refused(vision.embedImage(input as ImageInput), 'INVALID_ARGUMENT', message);
  }
  await refusedAndGoesOn({}, 'INVALID_ARGUMENT');
});

memory('pixels of the wrong length, size, kind', async () => {
  const { data, width, height, channels } = noise(1, 8);
  const good = { data, width, height, channels };
  const bad: Record<string, unknown>[] = [
    { data: data.subarray(1) },
    { data: Buffer.concat([data, Buffer.alloc(1)]) },
    { data: new Uint8Array(0) },
    { data: [...data] },
    { data: new Uint16Array(data) },
    { data: new Float32Array(data) },
    { data: data.buffer },
    { data: undefined },
    { data: null },
    { data: 'pixels' },
    { channels: 4 },
    { channels: 1 },
    { channels: '3' },
    { channels: undefined },
    { width: 0 },
    { width: -8, height: -8 },
    { width: 7.5 },
    { width: NaN },
    { width: Infinity },
    { width: '8' },
    { width: undefined },
    { height: 9 },
  ];
  for (const change of bad) {
    await refused(vision.embedImage({ ...good, ...change }), 'INVALID_ARGUMENT', /image\./);
  }
  await refused(vision.embedImage({ data } as unknown as ImageInput), 'INVALID_ARGUMENT');
  await refused(vision.embedImage({ ...good, width: 2 ** 31, height: 2 ** 31 }), 'TOO_MANY_PIXELS');
  await refusedAndGoesOn({ ...good, height: 9 }, 'INVALID_ARGUMENT', /192.*|216/);
});

memory('one pixel is enough', async () => {
  const { vector } = await vision.embedImage({
    data: Uint8Array.of(1, 2, 3),
    width: 1,
    height: 1,
    channels: 3,
  });
  assert.ok(vector.every(Number.isFinite));
});

memory('pixels whose buffer is transferred right after the call are complete or refused', async () => {
  // Large enough to be copied in several slices.
  const { data, width, height } = noise(3, 1200);
  const [expected] = await Promise.all([
    vision.embedImage({ data: data.slice(), width, height, channels: 3 }),
  ]);
  const moved = data.slice();
  const request = vision.embedImage({ data: moved, width, height, channels: 3 });
  structuredClone(moved.buffer, { transfer: [moved.buffer] });
  try {
    assert.is((await request).imageHash, expected.imageHash);
  } catch (error) {
    assert.is((error as { code?: string }).code, 'INVALID_ARGUMENT', String(error));
  }
});

memory.run();

const limits = suite('limits');

limits('limitInputBytes and limitInputPixels: as many are allowed, one more is not', async () => {
  const { length } = DOGS;
  const exact = await SemanticVision.create({
    model: TINY_MODEL,
    workers: 1,
    limitInputBytes: length,
    limitInputPixels: 64,
  });
  const longer = Buffer.concat([DOGS, Buffer.alloc(1)]);
  for (const input of [longer, new Blob([longer]), file('longer.jpg', longer)]) {
    await refused(
      exact.embedImage(input),
      'TOO_MANY_BYTES',
      new RegExp(`${length}.*limitInputBytes.*${length + 1}`),
    );
  }
  await refused(exact.embedImage(DOGS), 'TOO_MANY_PIXELS');
  await exact.embedImage(noise(1, 8));
  await refused(exact.embedImage(noise(1, 9)), 'TOO_MANY_PIXELS', /64.*limitInputPixels.*9 x 9/);
  await exact.close();
});

limits('a huge sparse file is refused without being read', async () => {
  const path = file('huge.jpg', '');
  truncateSync(path, 2 ** 33);
  await refusedAndGoesOn(path, 'TOO_MANY_BYTES');
});

limits('the hash is that of node:crypto on both sides of the way to the hashing thread', async () => {
  const hasher = new Hasher();
  const bounds = { limitInputBytes: 2 ** 30, limitInputPixels: 1e8 };
  const KIB = 1024;
  for (const size of [1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 1024 * KIB, 1024 * KIB + 1, 3333 * KIB]) {
    const bytes = Buffer.alloc(size, `${size}`);
    const expected = createHash('sha256').update(bytes).digest('hex');
    const path = file(`hash-${size}`, bytes);
    for (const input of [bytes, Uint8Array.from(bytes).buffer, new Blob([bytes]), path]) {
      assert.is((await loadInput(input, bounds, hasher)).hash, expected, `${size}`);
    }
    const pixels = { data: bytes.subarray(0, size - (size % 3)), height: 1, channels: 3 as const };
    const width = pixels.data.length / 3;
    if (width === 0) continue;
    const raw = createHash('sha256').update(`raw:${width}x1x3\n`).update(pixels.data).digest('hex');
    assert.is((await loadInput({ ...pixels, width }, bounds, hasher)).hash, raw);
  }
  await hasher.close();
});

limits.after(async () => {
  await vision.close();
  rmSync(folder, { recursive: true });
});
limits.run();
