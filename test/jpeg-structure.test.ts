// Complete and truncated JPEGs told apart by their markers.
import { readFileSync } from 'node:fs';
import { Transformer } from '@napi-rs/image';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readJpegStructure } from '../dist/esm/image/structure/jpeg.js';
import { fixture, photo, photoNames, withTrailingBytes } from './helpers/fixtures.js';

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
