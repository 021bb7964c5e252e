// How a JPEG is built, read from its markers; complete and truncated files told apart.
import { readFileSync } from 'node:fs';
import { Transformer } from '@napi-rs/image';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readJpegStructure } from '../dist/esm/image/structure/jpeg.js';
import { fixture, photo, photoNames, withTrailingBytes } from './helpers/fixtures.js';
import { neverThrows, soon } from './helpers/hostile.js';

const SMALL = new Transformer(readFileSync(photo('two-dogs'))).resize(64, 48).jpegSync(80);
const EOI = Buffer.from([0xff, 0xd9]);

function segment(code: number, content: Uint8Array): Buffer {
  const head = Buffer.from([0xff, code, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([head, content]);
}

function jpegEndsProperly(bytes: Uint8Array): boolean {
  return readJpegStructure(bytes).complete;
}

/** The small JPEG with more segments right behind its start marker. */
function withSegments(...segments: Uint8Array[]): Buffer {
  return Buffer.concat([SMALL.subarray(0, 2), ...segments, SMALL.subarray(2)]);
}

const structure = suite('jpegEndsProperly');

structure('every photo is complete', () => {
  for (const name of photoNames) assert.ok(jpegEndsProperly(readFileSync(photo(name))), name);
});

structure('every truncation of a JPEG is seen', () => {
  assert.ok(jpegEndsProperly(SMALL));
  for (let length = 0; length < SMALL.length; length++) {
    assert.is(jpegEndsProperly(SMALL.subarray(0, length)), false, `cut to ${length} of ${SMALL.length}`);
  }
});

structure('a photo cut at random is seen', () => {
  const bytes = readFileSync(photo('coffee-cup'));
  fc.assert(fc.property(fc.nat(bytes.length - 1), (length) => !jpegEndsProperly(bytes.subarray(0, length))));
});

structure('bytes behind the end marker are allowed, whatever they are', () => {
  assert.ok(jpegEndsProperly(readFileSync(fixture('jpeg_trailing_garbage.jpg'))));
  for (const tail of [withTrailingBytes(SMALL, 1), Buffer.concat([SMALL, SMALL.subarray(0, 100)])]) {
    assert.ok(jpegEndsProperly(tail));
  }
});

structure('an end marker inside a thumbnail does not count', () => {
  const thumbnail = new Transformer(readFileSync(photo('two-dogs'))).resize(16, 12).jpegSync(50);
  for (const code of [0xe1, 0xe0, 0xed, 0xef]) {
    const whole = withSegments(segment(code, Buffer.concat([Buffer.from('Exif\0\0'), thumbnail])));
    assert.ok(jpegEndsProperly(whole));
    assert.is(jpegEndsProperly(whole.subarray(0, -2)), false);
    assert.is(jpegEndsProperly(whole.subarray(0, 2 + 4 + 6 + thumbnail.length)), false);
  }
});

structure('fill bytes before markers, comments, empty segments', () => {
  assert.ok(
    jpegEndsProperly(withSegments(Buffer.from([0xff, 0xff, 0xff]), segment(0xfe, Buffer.from('comment')))),
  );
  assert.ok(
    jpegEndsProperly(withSegments(segment(0xe5, Buffer.alloc(0)), segment(0xe6, Buffer.alloc(65533, 0xff)))),
  );
  assert.ok(jpegEndsProperly(Buffer.concat([SMALL.subarray(0, -2), Buffer.from([0xff, 0xff]), EOI])));
});

structure('stuffed bytes and restart markers inside a scan are no end', () => {
  const scan = Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xda, Buffer.alloc(10)),
    Buffer.from([1, 0xff, 0x00, 0xd9, 0xff, 0xd0, 2, 0xff, 0xd7, 3]),
  ]);
  assert.is(jpegEndsProperly(scan), false);
  assert.ok(jpegEndsProperly(Buffer.concat([scan, EOI])));
});

structure(
  'an end without a scan, a segment longer than the file, a segment shorter than its own length',
  () => {
    const start = Buffer.from([0xff, 0xd8]);
    assert.is(jpegEndsProperly(Buffer.concat([start, EOI])), false);
    assert.is(jpegEndsProperly(Buffer.concat([start, Buffer.from([0xff, 0xda, 0xff, 0xff]), EOI])), false);
    assert.is(jpegEndsProperly(Buffer.concat([start, Buffer.from([0xff, 0xda, 0, 1]), EOI])), false);
    assert.is(jpegEndsProperly(Buffer.concat([start, Buffer.from([0xff, 0xda, 0, 0]), EOI])), false);
  },
);

structure('anything at all: false or true, never a throw or a hang; views and shared memory', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, start) => {
      if (start) bytes.set([0xff, 0xd8].slice(0, bytes.length));
      assert.type(jpegEndsProperly(bytes), 'boolean');
    }),
    { numRuns: 2000 },
  );
  const shared = new Uint8Array(new SharedArrayBuffer(SMALL.length + 3), 3);
  shared.set(SMALL);
  assert.ok(jpegEndsProperly(shared));
  assert.ok(jpegEndsProperly(Buffer.concat([Buffer.from([0]), SMALL]).subarray(1)));
  assert.is(jpegEndsProperly(new Uint8Array(5_000_000).fill(0xff)), false);
});

structure.run();

const fields = suite('readJpegStructure');

const START = Buffer.from([0xff, 0xd8]);

/** A frame header; each component is its id and both of its sampling factors. */
function frame(
  code: number,
  precision: number,
  components: readonly (readonly [number, number, number])[],
): Buffer {
  const specs = components.flatMap(([id, h, v]) => [id, (h << 4) | v, 0]);
  return segment(code, Buffer.from([precision, 0, 7, 0, 5, components.length, ...specs]));
}

function scan(...ids: number[]): Buffer {
  const header = segment(0xda, Buffer.from([ids.length, ...ids.flatMap((id) => [id, 0]), 0, 63, 0]));
  return Buffer.concat([header, Buffer.from([1, 2, 3])]);
}

function adobe(transform: number, length = 12): Buffer {
  return segment(
    0xee,
    Buffer.from([...Buffer.from('Adobe'), 0, 100, 0, 0, 0, 0, transform, 0]).subarray(0, length),
  );
}

const JFIF = segment(0xe0, Buffer.from('JFIF\0\x01\x01\0\0\x01\0\x01\0\0'));
const TABLES = segment(0xc4, Buffer.alloc(20));
const YCBCR = [
  [1, 2, 2],
  [2, 1, 1],
  [3, 1, 1],
] as const;

function read(...parts: Uint8Array[]) {
  return readJpegStructure(Buffer.concat([START, ...parts, EOI]));
}

fields('frame: process, precision, components, of the first one', () => {
  const byte = fc.nat(255);
  const component = fc.tuple(byte, fc.nat(15), fc.nat(15));
  const process = fc.integer({ min: 0xc0, max: 0xcf }).filter((code) => ![0xc4, 0xc8, 0xcc].includes(code));
  fc.assert(
    fc.property(process, byte, fc.array(component, { maxLength: 10 }), (code, precision, components) => {
      const found = read(frame(code, precision, components), frame(0xc5, 12, YCBCR), scan(1));
      assert.equal(found.frames, [code, 0xc5]);
      assert.is(found.precision, precision);
      assert.equal(
        found.components.map(({ id, h, v }) => [id, h, v]),
        components,
      );
    }),
  );
});

fields('scans: the ids of each, in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 4 }), { maxLength: 20 }), (scans) => {
      const found = read(frame(0xc0, 8, YCBCR), ...scans.map((ids) => scan(...ids)));
      assert.equal(
        found.scans,
        scans.map((ids) => [...ids]),
      );
    }),
  );
});

fields('a frame or a scan that claims more components than it has room for: those that are there', () => {
  const long = frame(0xc0, 8, YCBCR);
  long[9] = 255;
  const wide = scan(1, 2);
  wide[4] = 255;
  const found = read(long, wide);
  assert.is(found.components.length, 3);
  assert.equal(found.scans, [[1, 2, 0]]);
  const empty = read(segment(0xc0, Buffer.alloc(0)), segment(0xda, Buffer.alloc(0)));
  assert.equal([empty.components, empty.scans, empty.precision], [[], [[]], 0]);
});

fields('marks of colour: before the first scan, the last one counts', () => {
  for (const transform of [0, 1, 2, 255]) assert.is(read(adobe(transform), scan(1)).adobe, transform);
  assert.is(read(adobe(1), adobe(2), scan(1)).adobe, 2);
  assert.is(read(adobe(1, 11), scan(1)).adobe, undefined, 'cut off before its transform');
  assert.is(read(segment(0xee, Buffer.from('Adobf\0\x64\0\0\0\0\x01')), scan(1)).adobe, undefined);
  assert.is(read(scan(1), adobe(1)).adobe, undefined, 'behind the first scan');
});

fields('Huffman tables count before the first scan only', () => {
  assert.ok(read(TABLES, scan(1)).huffmanTables);
  assert.not(read(scan(1), TABLES).huffmanTables);
  assert.not(read(segment(0xcc, Buffer.alloc(2)), scan(1)).huffmanTables, 'arithmetic conditioning');
});

fields('the hierarchical process, and markers of extensions', () => {
  for (const code of [0xde, 0xdf]) assert.ok(read(segment(code, Buffer.alloc(2)), scan(1)).hierarchical);
  for (const code of [0xf0, 0xf7, 0xfd, 0xc8, 0x02, 0xbf]) {
    assert.is(read(segment(code, Buffer.alloc(2)), scan(1)).extension, code);
  }
  for (const code of [0xe5, 0xef, 0xfe, 0xdb, 0xdd, 0xc4, 0xcc]) {
    assert.is(read(segment(code, Buffer.alloc(2)), scan(1)).extension, undefined);
  }
});

fields('any bytes: an answer', () => {
  neverThrows(
    readJpegStructure,
    Buffer.concat([START, JFIF, adobe(1), frame(0xc0, 8, YCBCR), TABLES, scan(1, 2, 3), EOI]),
    0,
  );
});

fields('a million segments of each kind are done with soon', () => {
  for (const one of [
    frame(0xc2, 8, YCBCR),
    scan(1),
    adobe(1),
    JFIF,
    TABLES,
    segment(0xe1, Buffer.alloc(0)),
  ]) {
    const bytes = Buffer.concat([START, Buffer.alloc(one.length * 1_000_000, one), EOI]);
    assert.type(soon(() => readJpegStructure(bytes)).complete, 'boolean');
  }
});

fields.run();
