// Which decoder is right for which BMP: the list, and any fields. What @napi-rs/image may see is written here a second time.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { provenForBmp } from '../dist/esm/image/proven/bmp.js';
import type { BmpStructure } from '../dist/esm/image/structure/bmp.js';
import { MIB, NAPI, allMet, answers, everyAnswer, mostly, side, type Case } from './helpers/proven.js';

const bmp = suite('proven BMPs');

const BMP: BmpStructure = {
  headerBytes: 40,
  width: 40,
  height: 30,
  topDown: false,
  planes: 1,
  bits: 24,
  compression: 0,
  masks: [],
  palette: { at: 54, entries: 0, entryBytes: 4 },
  dataAt: 54,
};

bmp('by structure', () => {
  const masked = (bits: number, ...masks: number[]) => ({ bits, compression: 3, masks });
  const table: Case<BmpStructure>[] = [
    ...[1, 4, 8, 16, 24, 32].map((bits): Case<BmpStructure> => [`${bits} bits`, { bits }, [NAPI]]),
    ['RLE8', { bits: 8, compression: 1 }, [NAPI]],
    ['RLE4', { bits: 4, compression: 2 }, [NAPI]],
    ['565', masked(16, 0xf800, 0x7e0, 0x1f), [NAPI]],
    ['ARGB', masked(32, 0xff0000, 0xff00, 0xff, 0xff000000), [NAPI]],
    ['BGRA', masked(32, 0xff00, 0xff0000, 0xff000000, 0xff), [NAPI]],
    ['RLE8 of 4 bits', { bits: 4, compression: 1 }, /run-length coded BMP of 4 bits/],
    ['2 bits', { bits: 2 }, /uncompressed BMP of 2 bits/],
    ['run lengths from the top', { bits: 8, compression: 1, topDown: true }, /from top to bottom/],
    ['a JPEG', { bits: 0, compression: 4 }, /JPEG inside/],
    ['a compression that nobody knows', { compression: 99 }, /compression 99/],
    ['two planes', { planes: 2 }, /2 planes/],
    ['pixels that nobody finds', { dataAt: 0 }, /where its pixels begin/],
    ['257 colours', { bits: 8, palette: { at: 54, entries: 257, entryBytes: 4 } }, /257 colours/],
    ["masks in OS/2's header", { headerBytes: 64, ...masked(32, 0xff0000, 0xff00, 0xff, 0) }, /OS\/2/],
    ['masks that overlap', masked(16, 0xf800, 0xf800, 0x1f), /colour masks f800,f800,1f/],
    ['the same byte twice', masked(32, 0xff, 0xff, 0xff00), /colour masks ff,ff,ff00/],
    ['alpha in a byte of a colour', masked(32, 0xff0000, 0xff00, 0xff, 0xff), /colour masks/],
    [
      'more than its decoder holds',
      { width: 11_300, height: 11_300 },
      /11300 x 11300 pixels.*480 MiB.*no option/,
    ],
  ];
  for (const [why, changes, expected] of table)
    answers(why, () => provenForBmp({ ...BMP, ...changes }), expected);
});

bmp('any fields', () => {
  const bytes = [0xff, 0xff00, 0xff0000, 0xff000000];
  const structures = mostly(0, 0, 1, 2, 3, 3).chain((compression) =>
    fc.record({
      headerBytes: fc.constantFrom(12, 40, 52, 56, 64, 108, 124),
      width: side,
      height: side,
      topDown: fc.boolean(),
      planes: mostly(1),
      bits: mostly(1, 4, 8, 16, 24, 32, 32),
      compression: fc.constant(compression),
      masks:
        compression === 3
          ? fc.array(fc.oneof(fc.constantFrom(...bytes), fc.nat(0xffffffff)), { minLength: 3, maxLength: 4 })
          : fc.constant([]),
      palette: fc.record({
        at: fc.constant(54),
        entries: mostly(0, 2, 16, 256),
        entryBytes: fc.constantFrom(3, 4),
      }),
      dataAt: fc.nat(),
    }),
  );
  const met = everyAnswer(structures as fc.Arbitrary<BmpStructure>, provenForBmp, (given) => {
    const { bits, compression, masks, palette, width, height, planes, topDown, headerBytes } = given;
    const used = masks.filter((mask, i) => i < 3 || mask !== 0);
    const kinds: Readonly<Record<number, number[]>> = {
      0: [1, 4, 8, 16, 24, 32],
      1: [8],
      2: [4],
      3: [24, 32],
    };
    const isBytes = used.every((mask) => bytes.includes(mask)) && new Set(used).size === used.length;
    const areMasks =
      compression !== 3 ||
      (bits === 24 ? masks.slice(0, 3).join() === [0xff0000, 0xff00, 0xff].join() : isBytes);
    return (
      kinds[compression]!.includes(bits) &&
      planes === 1 &&
      given.dataAt > 0 &&
      palette.entries <= 256 &&
      !(topDown && (compression === 1 || compression === 2)) &&
      (compression !== 3 || headerBytes !== 64) &&
      areMasks &&
      width * height * 4 <= 480 * MIB
    );
  });
  const { sharpOnly, ...others } = met;
  assert.is(sharpOnly, 0, 'sharp reads no BMPs');
  allMet(others);
});

bmp.run();
