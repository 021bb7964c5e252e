// Which decoder is right for which PNG: the list, and any fields. What @napi-rs/image may see is written here a second time.
import fc from 'fast-check';
import { suite } from 'uvu';
import { provenForPng } from '../dist/esm/image/proven/png.js';
import type { PngStructure } from '../dist/esm/image/structure/png.js';
import { BOTH, MIB, allMet, answers, everyAnswer, mostly, side, type Case } from './helpers/proven.js';

const png = suite('proven PNGs');

const DEPTHS: Readonly<Record<number, number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
const PNG: PngStructure = {
  width: 40,
  height: 30,
  depth: 8,
  colourType: 2,
  compression: 0,
  filter: 0,
  interlace: 0,
  unknownCritical: undefined,
  complete: true,
  regular: true,
};

png('by structure', () => {
  for (let colourType = 0; colourType < 8; colourType++) {
    for (const depth of [0, 1, 2, 3, 4, 8, 12, 16, 32]) {
      for (const interlace of [0, 1]) {
        const isKnown = DEPTHS[colourType]?.includes(depth) === true;
        const expected = isKnown ? BOTH : DEPTHS[colourType] ? /standard/ : /unknown colour type/;
        answers(
          `${colourType}, ${depth}`,
          () => provenForPng({ ...PNG, colourType, depth, interlace }),
          expected,
        );
      }
    }
  }
  const table: Case<PngStructure>[] = [
    ['irregular', { regular: false }, ['sharp']],
    ['90 MP of 16 bits', { width: 9480, height: 9480, depth: 16 }, ['sharp']],
    ['a critical chunk', { unknownCritical: 'ABCD' }, /"ABCD"/],
    ['another compression', { compression: 1 }, /unknown compression/],
    ['another filter', { filter: 64 }, /unknown compression, filter or interlace \(0, 64, 0\)/],
    ['another interlace', { interlace: 2 }, /unknown compression, filter or interlace \(0, 0, 2\)/],
  ];
  for (const [why, changes, expected] of table)
    answers(why, () => provenForPng({ ...PNG, ...changes }), expected);
});

png('any fields', () => {
  const structures = fc.record({
    width: side,
    height: side,
    depth: mostly(1, 2, 4, 8, 8, 16),
    colourType: mostly(0, 2, 3, 4, 6),
    compression: mostly(0),
    filter: mostly(0),
    interlace: mostly(0, 1),
    unknownCritical: fc.constantFrom(undefined, undefined, undefined, 'ABCD'),
    complete: fc.constant(true),
    regular: fc.constantFrom(true, true, true, false),
  });
  const met = everyAnswer<PngStructure>(structures, provenForPng, (given) => {
    const { depth, colourType, compression, filter, interlace } = given;
    return (
      DEPTHS[colourType]!.includes(depth) &&
      compression === 0 &&
      filter === 0 &&
      interlace <= 1 &&
      given.regular &&
      given.unknownCritical === undefined &&
      given.width * given.height * (depth === 16 ? 8 : 4) <= 480 * MIB
    );
  });
  allMet(met);
});

png.run();
