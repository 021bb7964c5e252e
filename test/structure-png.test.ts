// What decides about a PNG's decoder: the fields of its header, and which chunks stand where.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readPngStructure } from '../dist/esm/image/structure/png.js';
import { goldenBytes, goldenFiles } from './helpers/golden.js';
import { neverThrows, soon } from './helpers/hostile.js';
import { PNG_SIGNATURE, chunk, pngHeader, pngOf } from './helpers/png.js';

const PALETTE = chunk('PLTE', Buffer.alloc(9));
const DATA = chunk('IDAT', Buffer.alloc(4));
const TEXT = chunk('tEXt', Buffer.alloc(3));
const END = chunk('IEND');
const transparency = (length: number) => chunk('tRNS', Buffer.alloc(length));

function read(...chunks: Uint8Array[]) {
  return readPngStructure(pngOf(pngHeader({ width: 5, height: 7, depth: 8, colourType: 2 }), ...chunks))!;
}

const structure = suite('readPngStructure');

structure('every field of the header, whatever it says', () => {
  const size = fc.nat(0xffffffff);
  const byte = fc.nat(255);
  fc.assert(
    fc.property(size, size, byte, byte, byte, byte, byte, (width, height, depth, colourType, ...rest) => {
      const [compression, filter, interlace] = rest;
      const fields = { width, height, depth, colourType, compression, filter, interlace };
      assert.equal(readPngStructure(pngOf(pngHeader(fields), DATA, END)), {
        ...fields,
        unknownCritical: undefined,
        complete: true,
        regular: true,
      });
    }),
  );
});

structure('golden images are regular', () => {
  for (const name of goldenFiles.filter((each) => each.endsWith('.png'))) {
    assert.equal(
      [readPngStructure(goldenBytes(name))!.regular, readPngStructure(goldenBytes(name))!.unknownCritical],
      [true, undefined],
      name,
    );
  }
});

structure('the order of chunks', () => {
  for (const chunks of [
    [DATA, END],
    [TEXT, DATA, DATA, DATA, TEXT, END],
    [PALETTE, DATA, END],
    [PALETTE, TEXT, transparency(3), TEXT, DATA, END],
    [transparency(6), DATA, END],
    [DATA, END, DATA, PALETTE], // what follows the end is no part of the picture
  ]) {
    assert.is(read(...chunks).regular, true, `${chunks.length} chunks`);
  }
  for (const [why, chunks] of Object.entries({
    'no picture data': [END],
    'no end': [DATA],
    'picture data in two places': [DATA, TEXT, DATA, END],
    'a palette behind the data': [DATA, PALETTE, END],
    'two palettes': [PALETTE, PALETTE, DATA, END],
    'transparency before the palette': [transparency(3), PALETTE, DATA, END],
    'transparency behind the data': [DATA, transparency(2), END],
    'transparency twice': [transparency(2), transparency(2), DATA, END],
    'two headers': [chunk('IHDR', Buffer.alloc(13)), DATA, END],
    'a palette of no colours': [chunk('PLTE'), DATA, END],
    'a palette of a third of a colour': [chunk('PLTE', Buffer.alloc(10)), DATA, END],
    'a palette of 257 colours': [chunk('PLTE', Buffer.alloc(771)), DATA, END],
    'no transparency in its chunk': [transparency(0), DATA, END],
    'more transparency than six bytes': [transparency(7), DATA, END],
    'more transparency than colours': [chunk('PLTE', Buffer.alloc(21)), transparency(8), DATA, END],
  })) {
    assert.is(read(...chunks).regular, false, why);
  }
  assert.ok(read(chunk('PLTE', Buffer.alloc(768)), transparency(256), DATA, END).regular);
});

structure('complete: the end is there, whatever else is', () => {
  for (const chunks of [[END], [DATA, END], [DATA, PALETTE, END, DATA]]) assert.ok(read(...chunks).complete);
  for (const chunks of [[DATA], [DATA, END.subarray(0, 7)]]) assert.not(read(...chunks).complete);
});

structure('the first critical chunk that nobody knows', () => {
  assert.is(read(chunk('FDAT'), chunk('XYZA'), DATA, END).unknownCritical, 'FDAT');
  assert.is(read(chunk('fDAT'), DATA, END).unknownCritical, undefined, 'an ancillary one');
  assert.is(read(DATA, END, chunk('FDAT')).unknownCritical, undefined, 'behind the end');
});

structure('no header in its place: undefined', () => {
  assert.is(readPngStructure(pngOf(DATA, pngHeader({}), END)), undefined);
  assert.is(readPngStructure(pngOf(pngHeader({})).subarray(0, 8 + 24)), undefined);
  assert.is(readPngStructure(PNG_SIGNATURE), undefined);
  assert.is(readPngStructure(pngOf(chunk('CgBI', Buffer.alloc(4)))), undefined);
});

structure('any bytes: an answer', () => {
  const whole = pngOf(pngHeader({}), TEXT, PALETTE, transparency(2), DATA, END);
  neverThrows(readPngStructure, whole, PNG_SIGNATURE.length);
  neverThrows(readPngStructure, pngOf(chunk('CgBI', Buffer.alloc(4)), pngHeader({}), DATA, END), 16);
});

structure('a million chunks of each kind are done with soon, and are not regular', () => {
  for (const one of [TEXT, PALETTE, chunk('IDAT'), chunk('ABCD')]) {
    const many = Buffer.alloc(one.length * 1_000_000, one);
    assert.not(soon(() => read(many, DATA, END)).regular);
  }
});

structure.run();
