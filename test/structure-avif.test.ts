// What decides about an AVIF's decoder, read from its boxes.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readAvifStructure } from '../dist/esm/image/structure/avif.js';
import { FTYP, avifOf, box, fullBox, ispe } from './helpers/avif.js';
import { goldenBytes } from './helpers/golden.js';
import { neverThrows, soon } from './helpers/hostile.js';

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}

const av1C = (flags: number) => box('av1C', Buffer.from([0x81, 0, flags, 0]));
const nclx = (matrix: number, full: boolean) =>
  box('colr', Buffer.from('nclx'), u16(1), u16(13), u16(matrix), Buffer.from([full ? 0x80 : 0]));

const structure = suite('readAvifStructure');

structure('no properties: undefined; nothing in them: what the boxes do not say', () => {
  assert.is(readAvifStructure(FTYP), undefined);
  assert.is(readAvifStructure(Buffer.concat([FTYP, fullBox('meta', 0)])), undefined);
  assert.is(readAvifStructure(Buffer.concat([FTYP, fullBox('meta', 0, box('iprp'))])), undefined);
  assert.equal(readAvifStructure(avifOf([])), {
    width: 0,
    height: 0,
    orientation: 1,
    items: [],
    streams: [],
    emptySequence: false,
    cropped: false,
    premultiplied: false,
    matrix: undefined,
  });
});

structure('a sequence is empty where the brand says that there is one and no box holds it', () => {
  const sequence = avifOf([]);
  sequence.write('avis', 8, 'latin1');
  assert.ok(readAvifStructure(sequence)!.emptySequence);
  assert.not(readAvifStructure(Buffer.concat([sequence, box('moov')]))!.emptySequence);
});

structure('kinds of samples: every value of the byte that says it', () => {
  for (let flags = 0; flags < 256; flags++) {
    // Tier, high bit depth, twelve bit, monochrome, subsampling in x and in y, position of chroma (2 bits).
    const [high, twelve, grey, x, y] = [6, 5, 4, 3, 2].map((bit) => Math.floor(flags / 2 ** bit) % 2 === 1);
    const bits = !high ? 8 : twelve ? 12 : 10;
    const chroma = grey ? '4:0:0' : x && y ? '4:2:0' : x ? '4:2:2' : '4:4:4';
    assert.equal(readAvifStructure(avifOf([av1C(flags)]))!.streams, [{ bits, chroma }]);
  }
  const both = readAvifStructure(avifOf([av1C(0x0c), av1C(0x10)]))!;
  assert.equal(
    both.streams.map(({ chroma }) => chroma),
    ['4:2:0', '4:0:0'],
  );
});

structure('colours: the first nclx box counts, a profile says nothing', () => {
  fc.assert(
    fc.property(fc.nat(0xffff), fc.boolean(), (matrix, full) => {
      const profile = box('colr', Buffer.from('prof'), Buffer.alloc(40, 9));
      const read = readAvifStructure(avifOf([profile, nclx(matrix, full), nclx(matrix ^ 1, !full)]))!;
      assert.is(read.matrix, matrix);
    }),
  );
});

structure('size of the largest item; clean aperture', () => {
  const read = readAvifStructure(avifOf([ispe(10, 20), ispe(300, 200), ispe(200, 299)]))!;
  assert.equal([read.width, read.height, read.cropped], [300, 200, false]);
  assert.ok(readAvifStructure(avifOf([box('clap', Buffer.alloc(32))]))!.cropped);
});

structure('items in every version of their boxes; premultiplied alpha', () => {
  const item = (version: number, id: number, type: string) =>
    fullBox(
      'infe',
      version,
      version >= 3 ? Buffer.from([0, 0, 0, id]) : u16(id),
      u16(0),
      Buffer.from(`${type}\0`),
    );
  for (const version of [0, 1]) {
    for (const infe of [2, 3]) {
      const infos = [item(infe, 1, 'av01'), item(infe, 2, 'Exif'), item(infe, 3, 'av01')];
      const count = version === 0 ? u16(3) : Buffer.from([0, 0, 0, 3]);
      const bytes = avifOf([], fullBox('iinf', version, count, ...infos));
      assert.equal(readAvifStructure(bytes)!.items, ['av01', 'Exif']);
    }
  }
  const reference = (type: string) => fullBox('iref', 0, box(type, u16(1), u16(1), u16(2)));
  assert.ok(readAvifStructure(avifOf([], reference('prem')))!.premultiplied);
  assert.not(readAvifStructure(avifOf([], reference('auxl')))!.premultiplied);
});

structure('what libavif writes', () => {
  const { width, height, items, streams } = readAvifStructure(goldenBytes('avif_lossy.avif'))!;
  assert.ok(width > 0 && height > 0 && items.includes('av01'));
  assert.is(streams[0]!.bits, 8);
});

structure('any bytes: an answer', () => {
  const read = (bytes: Uint8Array) => readAvifStructure(Buffer.from(bytes));
  const item = fullBox('infe', 2, u16(1), u16(0), Buffer.from('av01\0'));
  const meta = [fullBox('iinf', 0, u16(1), item), fullBox('iref', 0, box('prem', u16(1)))];
  const properties = [ispe(4, 3), av1C(0x0c), nclx(1, true), fullBox('auxC', 0, Buffer.from('alpha'))];
  neverThrows(read, avifOf([...properties, box('irot', Buffer.from([1]))], ...meta), 12);
});

structure('a million boxes, on every level, are done with soon', () => {
  for (const one of [box('free'), box('irot'), av1C(0), nclx(1, false)]) {
    const many = Buffer.alloc(one.length * 1_000_000, one);
    soon(() => readAvifStructure(avifOf([many])));
    soon(() => readAvifStructure(avifOf([], many)));
    soon(() => readAvifStructure(avifOf([], fullBox('iinf', 0, u16(9), many))));
    soon(() => readAvifStructure(Buffer.concat([FTYP, many])));
  }
});

structure.run();
