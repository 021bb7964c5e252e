// Which decoder is right for which AVIF: the list, and any fields. What @napi-rs/image may see is written here a second time.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { provenForAvif } from '../dist/esm/image/proven/avif.js';
import type { AvifStructure } from '../dist/esm/image/structure/avif.js';
import { MIB, NAPI, allMet, answers, everyAnswer, mostly, side, type Case } from './helpers/proven.js';

const avif = suite('proven AVIFs');

const AVIF: AvifStructure = {
  width: 40,
  height: 30,
  orientation: 1,
  items: ['av01'],
  streams: [{ bits: 8, chroma: '4:2:0' }],
  emptySequence: false,
  cropped: false,
  premultiplied: false,
  matrix: 6,
};

avif('by structure', () => {
  const grey = { streams: [{ bits: 8 as const, chroma: '4:0:0' as const }] };
  const table: Case<AvifStructure>[] = [
    ['4:2:0', {}, [NAPI]],
    ['a grid with metadata', { items: ['grid', 'av01', 'Exif', 'mime'] }, [NAPI]],
    ['grey', grey, [NAPI]],
    ['grey of the matrix for RGB', { ...grey, matrix: 0 }, [NAPI]],
    ['RGB', { matrix: 0, streams: [{ bits: 8, chroma: '4:4:4' }] }, [NAPI]],
    ['RGB with samples left out', { matrix: 0 }, /some are left out/],
    ['a matrix that nobody knows', { matrix: 3 }, /colour matrix 3/],
    ['another kind of item', { items: ['av01', 'tmap'] }, /"tmap"/],
    ['a part', { cropped: true }, /clean aperture/],
    ['premultiplied alpha', { premultiplied: true }, /premultiplied alpha/],
    ['more than its decoder holds', { width: 11_300, height: 11_300 }, /480 MiB.*no option/],
  ];
  for (const [why, changes, expected] of table)
    answers(why, () => provenForAvif({ ...AVIF, ...changes }), expected);
});

avif('any fields', () => {
  const stream = fc.record({
    bits: fc.constantFrom(8 as const, 10 as const, 12 as const),
    chroma: fc.constantFrom('4:4:4' as const, '4:2:2' as const, '4:2:0' as const, '4:0:0' as const),
  });
  const matrices = [undefined, 0, 1, 2, 4, 5, 6, 7, 8, 9, 12];
  const structures = fc.record({
    width: side,
    height: side,
    orientation: fc.constant(1 as const),
    items: fc.array(fc.constantFrom('av01', 'grid', 'Exif', 'mime', 'av01', 'hvc1'), { maxLength: 3 }),
    streams: fc.array(stream, { maxLength: 3 }),
    emptySequence: fc.constant(false),
    cropped: fc.constantFrom(false, false, false, true),
    premultiplied: fc.constantFrom(false, false, false, true),
    matrix: mostly(...matrices),
  });
  const met = everyAnswer<AvifStructure>(structures, provenForAvif, (given) => {
    return (
      matrices.includes(given.matrix) &&
      (given.matrix !== 0 || given.streams.every(({ chroma }) => ['4:4:4', '4:0:0'].includes(chroma))) &&
      !given.items.includes('hvc1') &&
      !given.cropped &&
      !given.premultiplied &&
      given.width * given.height * 4 <= 480 * MIB
    );
  });
  const { sharpOnly, ...others } = met;
  assert.is(sharpOnly, 0);
  allMet(others);
});

avif.run();
