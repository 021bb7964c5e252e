// What decides about a TIFF's decoder is read from its first directory, whatever the byte order and the size of offsets.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readTiffStructure } from '../dist/esm/image/structure/tiff.js';
import { neverThrows, soon } from './helpers/hostile.js';
import { TYPE, short, tiffOf, type TiffForm, type TiffTag } from './helpers/tiff.js';

const FORMS: TiffForm[] = [true, false].flatMap((little) => [true, false].map((big) => ({ little, big })));
const form = fc.constantFrom(...FORMS);

// Tags of one value, by the field that they become.
const SINGLE = {
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  planar: 284,
  predictor: 317,
  inkSet: 332,
} as const;

const structure = suite('readTiffStructure');

structure('an empty directory: the defaults of the specification', () => {
  for (const each of FORMS) {
    assert.equal(readTiffStructure(tiffOf([], each)), {
      big: each.big,
      orientation: 1,
      width: 0,
      height: 0,
      bits: [1],
      compression: 1,
      photometric: -1,
      fillOrder: 1,
      samples: 1,
      planar: 1,
      predictor: 1,
      tiled: false,
      extraSamples: [],
      sampleFormats: [1],
      inkSet: 1,
      palette: 'short',
      chunks: { offsets: 0, counts: 0 },
      rowsPerStrip: Infinity,
      tile: { width: 0, height: 0 },
      mistyped: false,
      doubled: false,
    });
  }
});

structure('every tag of one value, in every type that it may have', () => {
  const type = fc.constantFrom(TYPE.byte, TYPE.short, TYPE.long, TYPE.long8);
  fc.assert(
    fc.property(
      form,
      fc.constantFrom(...Object.entries(SINGLE)),
      type,
      fc.nat(),
      (each, [field, tag], as, n) => {
        const value = as === TYPE.byte ? n & 0xff : as === TYPE.short ? n & 0xffff : n;
        const read = readTiffStructure(tiffOf([{ tag, type: as, values: [value] }], each))!;
        assert.is(read[field as keyof typeof SINGLE], value);
      },
    ),
    { numRuns: 500 },
  );
});

structure('size, orientation, samples, strips', () => {
  const long = fc.nat(0xffffffff);
  fc.assert(
    fc.property(
      form,
      long,
      long,
      fc.nat(20),
      fc.nat(20),
      fc.nat(40),
      (each, width, height, turn, offsets, counts) => {
        const tags = [
          { tag: 256, type: TYPE.long, values: [width] },
          { tag: 257, type: TYPE.long, values: [height] },
          short(274, turn),
          { tag: 273, type: TYPE.long, values: new Array<number>(offsets).fill(8) },
          { tag: 279, type: TYPE.long, values: new Array<number>(counts).fill(9) },
        ];
        const read = readTiffStructure(tiffOf(tags, each))!;
        assert.equal([read.width, read.height], [width, height]);
        assert.is(read.orientation, turn >= 1 && turn <= 8 ? turn : 1);
        assert.equal(read.chunks, { offsets, counts });
        assert.not(read.tiled);
      },
    ),
  );
});

structure('values of each sample: one stands for all, more than 16 samples are not listed', () => {
  const values = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(form, fc.nat(40), values, values, values, (each, samples, bits, formats, extra) => {
      const tags = [short(277, samples), short(258, ...bits), short(339, ...formats), short(338, ...extra)];
      const read = readTiffStructure(tiffOf(tags, each))!;
      assert.is(read.samples, samples);
      const wanted = Math.min(16, Math.max(1, samples));
      const expected = (given: number[]) => Array.from({ length: wanted }, (_, i) => given[i] ?? given[0]);
      assert.equal(read.bits, expected(bits));
      assert.equal(read.sampleFormats, expected(formats));
      assert.equal(read.extraSamples, extra.slice(0, 16));
    }),
  );
});

structure('tiles: by their width or their places; what counts then are tiles', () => {
  const strips = [short(273, 8), short(279, 9)];
  const tiles = [short(324, 1, 2, 3), short(325, 4, 5)];
  assert.equal(readTiffStructure(tiffOf([...strips, short(322, 32), ...tiles]))!.chunks, {
    offsets: 3,
    counts: 2,
  });
  for (const tags of [
    [...strips, short(322, 32)],
    [...strips, ...tiles],
  ]) {
    assert.ok(readTiffStructure(tiffOf(tags))!.tiled);
  }
});

structure('palettes: whole, short, of 8 bits', () => {
  const palette = (bits: number, entries: number, value: number) =>
    readTiffStructure(tiffOf([short(258, bits), short(320, ...new Array<number>(entries).fill(value))]))!
      .palette;
  assert.is(palette(4, 48, 256), 'whole');
  assert.is(palette(4, 48, 255), 'of 8 bits');
  assert.is(palette(4, 48, 0), 'whole', 'all black is black in both');
  assert.is(palette(8, 768, 65_535), 'whole');
  for (const entries of [1, 45, 47, 49, 768]) assert.is(palette(4, entries, 256), 'short');
});

structure('a tag that stands twice: the first counts, and it is told', () => {
  for (const each of FORMS) {
    const read = readTiffStructure(tiffOf([short(259, 5), short(262, 2), short(259, 7)], each))!;
    assert.equal([read.compression, read.doubled], [5, true]);
    const unread = readTiffStructure(tiffOf([short(259, 5), short(305, 1), short(305, 1)], each))!;
    assert.is(unread.doubled, false, 'a tag that is not read here');
  }
});

structure('values that are no whole numbers: told of tags that are read here', () => {
  for (const type of [0, 2, 5, 7, 10, 11, 12, 13, 99]) {
    assert.ok(readTiffStructure(tiffOf([{ tag: 259, type, values: [] }]))!.mistyped, `type ${type}`);
    assert.not(readTiffStructure(tiffOf([{ tag: 305, type, values: [] }]))!.mistyped, `type ${type}`);
  }
  for (const type of [1, 3, 4, 6, 8, 9, 16, 17]) {
    assert.not(readTiffStructure(tiffOf([{ tag: 259, type, values: [] }]))!.mistyped, `type ${type}`);
  }
});

structure('a directory or a value that lies outside: undefined', () => {
  for (const each of FORMS) {
    const whole = tiffOf([short(258, 8, 8, 8, 8, 8), short(277, 5)], each);
    assert.ok(readTiffStructure(whole));
    for (let cut = 1; cut < whole.length; cut++) {
      // The offset of the next directory is not read, but the values behind it are.
      assert.is(readTiffStructure(whole.subarray(0, whole.length - cut)), undefined, `${cut} bytes less`);
    }
    const far = Buffer.from(whole);
    far.fill(0xff, each.big ? 8 : 4, each.big ? 16 : 8);
    assert.is(readTiffStructure(far), undefined);
  }
});

structure('any bytes: an answer', () => {
  for (const each of FORMS) neverThrows(readTiffStructure, tiffOf(SAMPLE, each), 4);
});

const SAMPLE: TiffTag[] = [
  short(256, 5),
  short(257, 7),
  short(258, 8, 8, 8),
  short(259, 5),
  short(262, 2),
  { tag: 273, type: TYPE.long, values: [1, 2, 3, 4, 5, 6, 7] },
  short(277, 3),
  { tag: 320, type: TYPE.short, values: new Array<number>(768).fill(300) },
];

structure('thousands of tags that each name the same 200,000 values are done with soon', () => {
  const count = 4096;
  const values = Buffer.alloc(3 * 65_536, 1);
  const one = tiffOf([{ tag: 320, type: TYPE.byte, values: [1, 2, 3, 4, 5] }]);
  const entry = one.subarray(10, 22);
  entry.writeUInt32LE(values.length, 4);
  entry.writeUInt32LE(10 + 12 * count, 8);
  const head = Buffer.from(one.subarray(0, 10));
  head.writeUInt16LE(count, 8);
  const bytes = Buffer.concat([head, Buffer.alloc(12 * count, entry), values]);
  assert.ok(soon(() => readTiffStructure(bytes))!.doubled);
});

structure('counts of 4 billion values, of which few are there: undefined, soon', () => {
  for (const tag of [258, 320, 338, 339]) {
    const bytes = tiffOf([{ tag, type: TYPE.short, values: [1, 2, 3] }]);
    bytes.writeUInt32LE(0xffffffff, 14);
    assert.is(
      soon(() => readTiffStructure(bytes)),
      undefined,
    );
  }
  const strips = tiffOf([{ tag: 273, type: TYPE.long, values: [1] }]);
  strips.writeUInt32LE(0xffffffff, 14);
  assert.is(readTiffStructure(strips)!.chunks.offsets, 0xffffffff, 'only counted');
});

structure.run();
