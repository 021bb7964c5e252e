// Headers: size, format and orientation of every golden image, and hostile structures that must be done with soon.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readHeader } from '../dist/esm/image/header.js';
import { refused } from './helpers/assertions.js';
import { FTYP, avifOf, box, ispe } from './helpers/avif.js';
import { exif, jpegWith } from './helpers/exif.js';
import { golden, goldenBytes, goldenFiles, goldenOrientation } from './helpers/golden.js';
import { chunk } from './helpers/png.js';

const LIMIT = 1e8;
const MIB = 1024 * 1024;
// A hang guard, far above what any of these take.
const HANG_MS = 10_000;
const FORMATS: Record<string, string> = { jpg: 'jpeg', tif: 'tiff' };

/** Runs and guards against quadratic time. */
async function soon(work: () => unknown): Promise<void> {
  const start = performance.now();
  await work();
  const took = performance.now() - start;
  assert.ok(took < HANG_MS, `took ${took} ms`);
}

function repeated(head: Uint8Array, unit: Uint8Array, count: number, tail: Uint8Array = Buffer.alloc(0)) {
  const middle = Buffer.alloc(unit.length * count, unit);
  return Buffer.concat([head, middle, tail]);
}

const images = suite('golden images');

for (const name of goldenFiles) {
  images(name, () => {
    const extension = name.slice(name.lastIndexOf('.') + 1);
    const header = readHeader(goldenBytes(name), LIMIT);
    const orientation = goldenOrientation(name);
    const expected = golden[name]!;
    // Of TIFF the reference only tells the upright size.
    const swapped = extension === 'tif' && orientation >= 5;
    assert.is(header.format, FORMATS[extension] ?? extension);
    assert.is(header.width, swapped ? expected.height : expected.width);
    assert.is(header.height, swapped ? expected.width : expected.height);
    assert.is(header.orientation, orientation);
  });
}

images('all of them, and all kinds of orientation', () => {
  assert.is(goldenFiles.length, 59);
  const turned = goldenFiles.filter((name) => goldenOrientation(name) !== 1);
  assert.is(turned.length, 10);
  assert.is(Object.keys(golden).filter((key) => key.endsWith('#exif')).length, 9, 'and TIFF');
});

images('the pixel limit is that of the product', async () => {
  const bytes = goldenBytes('jpeg_444.jpg'); // 400 x 267
  assert.is(readHeader(bytes, 400 * 267).width, 400);
  await refused(() => readHeader(bytes, 400 * 267 - 1), 'TOO_MANY_PIXELS', /400 x 267/);
});

images('a view into a larger buffer', () => {
  for (const name of goldenFiles) {
    const bytes = goldenBytes(name);
    const view = Buffer.concat([Buffer.alloc(3, 0xff), bytes]).subarray(3);
    assert.equal(readHeader(view, LIMIT), readHeader(bytes, LIMIT), name);
  }
});

images.run();

const orientation = suite('orientation');

orientation('both byte orders, SHORT and LONG', () => {
  for (const value of [1, 2, 3, 4, 5, 6, 7, 8]) {
    for (const little of [true, false]) {
      for (const type of [3, 4]) {
        assert.is(readHeader(jpegWith(exif(value, { type, little })), LIMIT).orientation, value);
      }
    }
  }
});

orientation('damaged metadata counts as 1 and never refuses the image', () => {
  const good = exif(6);
  for (const value of [0, 9, 255, 65_535]) assert.is(readHeader(jpegWith(exif(value)), LIMIT).orientation, 1);
  for (let length = 0; length < 20; length++) {
    assert.is(readHeader(jpegWith(good.subarray(0, length)), LIMIT).orientation, 1, `${length} bytes`);
  }
  for (const directory of [0, 25, 26, 1000, 0xffffffff]) {
    const far = Buffer.from(good);
    far.writeUInt32LE(directory, 4);
    assert.is(readHeader(jpegWith(far), LIMIT).orientation, 1, `directory at ${directory}`);
  }
  const many = Buffer.from(good);
  many.writeUInt16LE(65_535, 8);
  assert.is(readHeader(jpegWith(many), LIMIT).orientation, 6);
});

orientation('a second EXIF segment does not turn what the first has turned', () => {
  assert.is(readHeader(jpegWith(exif(6), exif(3)), LIMIT).orientation, 6);
});

orientation('AVIF: irot and imir, alone and together, as the reference maps them', () => {
  const rotated = (turns: number) => box('irot', Buffer.from([turns]));
  const mirrored = (axis: number) => box('imir', Buffer.from([axis]));
  const read = (...boxes: Uint8Array[]) => readHeader(avifOf([ispe(4, 3), ...boxes]), LIMIT).orientation;
  assert.equal(
    [0, 1, 2, 3].map((turns) => read(rotated(turns))),
    [1, 8, 3, 6],
  );
  assert.equal(
    [0, 1, 2, 3].map((turns) => read(rotated(turns), mirrored(0))),
    [4, 5, 2, 7],
  );
  assert.equal(
    [0, 1, 2, 3].map((turns) => read(rotated(turns), mirrored(1))),
    [2, 7, 4, 5],
  );
  assert.is(read(), 1);
});

orientation('AVIF: the largest item counts, not its thumbnail', () => {
  const { width, height } = readHeader(avifOf([ispe(40, 30), ispe(400, 300), ispe(50, 20)]), LIMIT);
  assert.equal([width, height], [400, 300]);
});

orientation.run();

const hostile = suite('hostile structures');

hostile('20 MB of JPEG segments, with and without a frame at their end', async () => {
  const frame = jpegWith().subarray(2);
  for (const segment of [
    [0xff, 0xe1, 0, 2],
    [0xff, 0xfe, 0, 0],
    [0xff, 0xff, 0xff, 0xff],
    [0xff, 0xd0, 0xff, 0xd0],
  ]) {
    const head = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 2]);
    const bytes = repeated(head, Buffer.from(segment), 5 * MIB, frame);
    await soon(() => {
      try {
        assert.is(readHeader(bytes, LIMIT).width, 5); // fill bytes are legal
      } catch (error) {
        assert.is((error as { code?: string }).code, 'DECODE_FAILED');
      }
    });
  }
});

hostile('segments whose length leads back or past the end: DECODE_FAILED', async () => {
  for (const length of [0, 1, 0xffff]) {
    const bytes = Buffer.concat([
      Buffer.from([0xff, 0xd8, 0xff, 0xe0, length >> 8, length & 255]),
      Buffer.alloc(64),
    ]);
    await refused(() => readHeader(bytes, LIMIT), 'DECODE_FAILED');
  }
  const whole = jpegWith(exif(6));
  const enough = whole.length - 19 + 9; // up to the width
  for (let length = 12; length < enough; length++) {
    await refused(() => readHeader(whole.subarray(0, length), LIMIT), 'DECODE_FAILED');
  }
  assert.is(readHeader(whole.subarray(0, enough), LIMIT).orientation, 6);
});

hostile('2 MB of AVIF boxes, on every level', async () => {
  const empty = repeated(Buffer.alloc(0), box('free'), MIB / 4);
  const properties = repeated(Buffer.alloc(0), ispe(9, 9), 100_000);
  for (const bytes of [
    Buffer.concat([FTYP, empty]),
    Buffer.concat([FTYP, box('meta', Buffer.alloc(4), empty)]),
    Buffer.concat([FTYP, box('meta', Buffer.alloc(4), box('iprp', empty))]),
    avifOf([empty]),
  ]) {
    await soon(() => refused(() => readHeader(bytes, LIMIT), 'DECODE_FAILED'));
  }
  await soon(() => assert.is(readHeader(avifOf([properties]), LIMIT).width, 9));
});

hostile('a PNG of 100,000 chunks: the orientation counts only where a writer could have put it', async () => {
  const png = goldenBytes('png_rgb.png').subarray(0, 33);
  const empty = chunk('teXt', Buffer.alloc(0));
  const turned = chunk('eXIf', exif(6));
  await soon(() => {
    assert.is(readHeader(repeated(png, empty, 1000, turned), LIMIT).orientation, 6);
    assert.is(readHeader(repeated(png, empty, 100_000, turned), LIMIT).orientation, 1);
  });
});

hostile('a chunk of 4 GB, and one that ends behind the file', () => {
  const png = goldenBytes('png_rgb.png').subarray(0, 33);
  for (const length of [0xffffffff, 0x7fffffff, 1000]) {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(length);
    head.write('eXIf', 4);
    assert.is(readHeader(Buffer.concat([png, head, exif(6)]), LIMIT).orientation, 6);
    head.write('teXt', 4);
    assert.is(readHeader(Buffer.concat([png, head, exif(6)]), LIMIT).orientation, 1);
  }
});

hostile('a WebP of 100,000 chunks and a TIFF of 20 MB of tags', async () => {
  const webp = goldenBytes('webp_exif_8.webp');
  assert.is(webp.toString('latin1', 12, 16), 'VP8X');
  const chunks = repeated(webp.subarray(0, 30), Buffer.from('JUNK\0\0\0\0'), 100_000, webp.subarray(30));
  await soon(() => assert.is(readHeader(chunks, LIMIT).orientation, 1));
  const tag = Buffer.from([1, 1, 3, 0, 1, 0, 0, 0, 9, 0, 0, 0]);
  const tiff = repeated(Buffer.from([0x49, 0x49, 42, 0, 8, 0, 0, 0, 0xff, 0xff]), tag, (20 * MIB) / 12);
  await soon(() => refused(() => readHeader(tiff, LIMIT), 'DECODE_FAILED'));
});

hostile('every prefix of every header: a header or a code, nothing else', () => {
  for (const name of goldenFiles) {
    const bytes = goldenBytes(name);
    for (let length = 0; length < Math.min(bytes.length, 300); length++) {
      try {
        readHeader(new Uint8Array(bytes.subarray(0, length)), LIMIT); // memory of its own, as in the pipeline
      } catch (error) {
        const { code } = error as { code?: string };
        assert.ok(
          code === 'DECODE_FAILED' || code === 'UNSUPPORTED_FORMAT',
          `${name}, ${length}: ${String(error)}`,
        );
      }
    }
  }
});

hostile.run();
