// EXIF orientation counts only where it is well formed and where the format says that it belongs: as the reference reads it.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { exifOrientation, pngOrientation, webpOrientation } from '../dist/esm/image/exif-orientation.js';
import { readHeader } from '../dist/esm/image/header.js';
import { JPEG_FRAME, app1, exif, jpegWith } from './helpers/exif.js';
import { goldenBytes } from './helpers/golden.js';
import { beginnings } from './helpers/hostile.js';
import { chunk, pngHeader, pngOf } from './helpers/png.js';

const LIMIT = 1e8;
const ALL = [1, 2, 3, 4, 5, 6, 7, 8];

function jpegOrientation(...parts: Uint8Array[]): number {
  return readHeader(Buffer.concat([Buffer.from([0xff, 0xd8]), ...parts]), LIMIT).orientation;
}

const data = suite('exifOrientation');

data('every value, both byte orders, SHORT and LONG', () => {
  for (const value of ALL) {
    for (const little of [true, false]) {
      for (const type of [3, 4]) assert.is(exifOrientation(exif(value, { type, little })), value);
    }
  }
});

data('a byte order mark that is none, or the magic of the other order', () => {
  for (const mark of [
    'IM*\0',
    'MI\0*',
    'II\0*',
    'MM*\0',
    'II+\0',
    'MM\0+',
    'ii*\0',
    '\0\0\0\0',
    'Exif',
    'II* ',
  ]) {
    for (const little of [true, false])
      assert.is(exifOrientation(exif(6, { mark, little })), 1, JSON.stringify(mark));
  }
});

data('another type, another count, another tag', () => {
  for (const type of [0, 1, 2, 5, 6, 7, 8, 9, 11, 12, 13, 255, 256 * 3]) {
    assert.is(exifOrientation(exif(6, { type })), 1, `type ${type}`);
  }
  for (const count of [0, 2, 3, 256, 0xffffffff]) {
    assert.is(exifOrientation(exif(6, { count })), 1, `count ${count}`);
  }
  for (const tag of [0, 0x111, 0x113, 0x1201]) assert.is(exifOrientation(exif(6, { tag })), 1, `tag ${tag}`);
});

data('a value that is none', () => {
  fc.assert(
    fc.property(fc.nat(0xffff), fc.boolean(), (value, little) => {
      const expected = ALL.includes(value) ? value : 1;
      assert.is(exifOrientation(exif(value, { little })), expected);
    }),
  );
  assert.is(exifOrientation(exif(0x10006, { type: 4 })), 1, 'a LONG whose low half would do');
});

data('the first entry counts, also where it is no good', () => {
  const two = (first: Buffer, second: Buffer) => {
    const t = Buffer.concat([first.subarray(0, 22), second.subarray(10)]);
    t.writeUInt16LE(2, 8);
    return t;
  };
  assert.is(exifOrientation(two(exif(6), exif(3))), 6);
  assert.is(exifOrientation(two(exif(6, { type: 2 }), exif(3))), 1);
  assert.is(exifOrientation(two(exif(6, { tag: 0x100 }), exif(3))), 3);
});

data('data that is cut off', () => {
  for (const beginning of beginnings(exif(6))) {
    const orientation = exifOrientation(Buffer.from(beginning));
    assert.is(orientation, beginning.length < 22 ? 1 : 6, `${beginning.length} bytes`);
  }
});

data.run();

const formats = suite('where it may stand');

formats('JPEG: before and behind the frame header, never behind the first scan', () => {
  const scan = Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
  const turned = app1(exif(6));
  assert.is(jpegOrientation(turned, JPEG_FRAME, scan), 6);
  assert.is(jpegOrientation(JPEG_FRAME, turned, scan), 6);
  assert.is(jpegOrientation(JPEG_FRAME, scan, turned), 1);
  assert.is(jpegOrientation(JPEG_FRAME, Buffer.from([0xff, 0xd9]), turned), 1);
});

formats('JPEG: in an APP1 segment behind its prefix, and nowhere else', () => {
  for (const prefix of [
    'exif\0\0',
    'Exif\0\x01',
    'Exif\0',
    '',
    'EXIF\0\0',
    'http://ns.adobe.com/xap/1.0/\0',
  ]) {
    assert.is(jpegOrientation(app1(exif(6), prefix), JPEG_FRAME), 1, JSON.stringify(prefix));
  }
  for (const code of [0xe0, 0xe2, 0xed, 0xfe]) {
    assert.is(jpegOrientation(app1(exif(6), 'Exif\0\0', code), JPEG_FRAME), 1, `marker ${code.toString(16)}`);
  }
  const beyond = app1(exif(6));
  beyond.writeUInt16BE(2 + 6 + 20, 2); // the segment ends before the value does
  assert.is(readHeader(Buffer.concat([jpegWith().subarray(0, 2), beyond, JPEG_FRAME]), LIMIT).orientation, 1);
});

formats('PNG: before and behind the picture data, never behind its end; the first one counts', () => {
  const [header, picture, end] = [pngHeader({}), chunk('IDAT', Buffer.alloc(5)), chunk('IEND')];
  const turned = chunk('eXIf', exif(6));
  assert.is(pngOrientation(pngOf(header, turned, picture, end)), 6);
  assert.is(pngOrientation(pngOf(header, picture, turned, end)), 6);
  assert.is(pngOrientation(pngOf(header, picture, end, turned)), 1);
  assert.is(pngOrientation(pngOf(header, chunk('eXIf', exif(3)), turned, picture, end)), 3);
  const prefixed = chunk('eXIf', Buffer.concat([Buffer.from('Exif\0\0'), exif(6)]));
  assert.is(pngOrientation(pngOf(header, prefixed, picture, end)), 1, 'the prefix belongs to JPEG');
});

formats('WebP: in the extended format, where its flags say so; with and without prefix', () => {
  const bytes = goldenBytes('webp_exif_8.webp');
  assert.is(bytes.toString('latin1', 12, 16), 'VP8X');
  assert.is(webpOrientation(bytes), 8);
  const unsaid = Buffer.from(bytes);
  unsaid[20]! &= ~0x08;
  assert.is(webpOrientation(unsaid), 1, 'without the flag');
  const simple = Buffer.from(bytes);
  simple.write('VP8 ', 12, 'latin1');
  assert.is(webpOrientation(simple), 1, 'not extended');
  for (const prefix of ['', 'Exif\0\0']) {
    const content = Buffer.concat([Buffer.from(prefix), exif(6)]);
    const head = Buffer.from('EXIF\0\0\0\0');
    head.writeUInt32LE(content.length, 4);
    assert.is(webpOrientation(Buffer.concat([bytes.subarray(0, 30), head, content])), 6);
  }
});

formats.run();
