// Which decoder is right for which TIFF: the list, and any fields. What @napi-rs/image may see is written here a second time.
import fc from 'fast-check';
import { suite } from 'uvu';
import { provenForTiff } from '../dist/esm/image/proven/tiff.js';
import type { TiffStructure } from '../dist/esm/image/structure/tiff.js';
import { BOTH, MIB, allMet, answers, everyAnswer, mostly, side, type Case } from './helpers/proven.js';

const tiff = suite('proven TIFFs');

const RGB: TiffStructure = {
  big: false,
  orientation: 1,
  width: 40,
  height: 30,
  bits: [8, 8, 8],
  compression: 1,
  photometric: 2,
  fillOrder: 1,
  samples: 3,
  planar: 1,
  predictor: 1,
  tiled: false,
  extraSamples: [],
  sampleFormats: [1, 1, 1],
  inkSet: 1,
  palette: 'short',
  chunks: { offsets: 4, counts: 4 },
  rowsPerStrip: Infinity,
  tile: { width: 0, height: 0 },
  mistyped: false,
  doubled: false,
};
const of = (count: number, bits: number, more: Partial<TiffStructure> = {}): Partial<TiffStructure> => ({
  samples: count,
  bits: new Array<number>(count).fill(bits),
  sampleFormats: new Array<number>(count).fill(1),
  ...more,
});

tiff('by structure', () => {
  const table: Case<TiffStructure>[] = [
    ['RGB', {}, BOTH],
    ['RGB of 16 bits', of(3, 16), BOTH],
    ['RGBA', of(4, 8, { extraSamples: [2] }), BOTH],
    ['grey', of(1, 8, { photometric: 1 }), BOTH],
    ['LZW with a predictor', { compression: 5, predictor: 2 }, ['sharp']],
    ['Deflate', { compression: 8 }, ['sharp']],
    ['PackBits', { compression: 32_773 }, BOTH],
    ['a predictor without a compression that has one', { predictor: 2 }, ['sharp']],
    ['the same with PackBits', { compression: 32_773, predictor: 2 }, ['sharp']],
    ['BigTIFF', { big: true }, ['sharp']],
    ['tiles', { tiled: true, tile: { width: 32, height: 32 } }, ['sharp']],
    ['tiles of odd sides', { tiled: true, tile: { width: 20, height: 32 } }, /tiles of 20 x 32/],
    ['too few tiles', { tiled: true, tile: { width: 16, height: 16 } }, /4 tiles where its size needs 6/],
    ['too few strips', { rowsPerStrip: 7 }, /4 strips where its size needs 5/],
    ['one strip for three planes', { planar: 2, chunks: { offsets: 1, counts: 1 } }, /needs 3/],
    ['strips of nothing', { rowsPerStrip: 0 }, /strips of no rows/],
    ['planes', { planar: 2 }, ['sharp']],
    ['low bits first', { fillOrder: 2 }, ['sharp']],
    ['fewer lengths than strips', { chunks: { offsets: 4, counts: 1 } }, ['sharp']],
    ['white is 0', of(1, 8, { photometric: 0 }), ['sharp']],
    ['bilevel', of(1, 1, { photometric: 1 }), ['sharp']],
    ['group 4', of(1, 1, { photometric: 1, compression: 4 }), ['sharp']],
    ['palette', of(1, 8, { photometric: 3, palette: 'whole' }), ['sharp']],
    ['CMYK', of(4, 8, { photometric: 5 }), ['sharp']],
    ['JPEG', { compression: 7, photometric: 6 }, ['sharp']],
    ['premultiplied alpha', of(4, 8, { extraSamples: [1] }), ['sharp']],
    ['an unspecified sample', of(4, 8, { extraSamples: [0] }), ['sharp']],
    ['a fourth sample without a word', of(4, 8), ['sharp']],
    ['more than the other decoder holds', { width: 9900, height: 9900 }, ['sharp']],
    ['tiled planes', { planar: 2, tiled: true }, /tiled separate planes/],
    ['planes of JPEG', { planar: 2, compression: 7 }, /separate planes/],
    ['premultiplied alpha of 16 bits', of(4, 16, { extraSamples: [1] }), /premultiplied alpha of 16 bits/],
    ['floating point', { sampleFormats: [3, 3, 3] }, /floating point samples/],
    ['an unknown sample format', { sampleFormats: [9, 9, 9] }, /unknown \(9\) samples/],
    ['12 bits', of(3, 12), /12 bits a sample/],
    ['different sizes', { bits: [5, 6, 5] }, /different sizes \(5, 6, 5 bits\)/],
    ['CIELAB', { photometric: 8 }, /CIELAB/],
    ['colours that nobody knows', { photometric: 77 }, /unknown colours \(77\)/],
    ['no word about colours', { photometric: -1 }, /does not say what its colours are/],
    ['RGB of two samples', of(2, 8), /2 samples for RGB/],
    ['a palette of 16 bits', of(1, 16, { photometric: 3 }), /palette of 16 bits/],
    ['a short palette', of(1, 8, { photometric: 3, palette: 'short' }), /palette that is short/],
    ['a palette of bytes', of(1, 8, { photometric: 3, palette: 'of 8 bits' }), /palette that is of 8 bits/],
    ['other inks', of(4, 8, { photometric: 5, inkSet: 2 }), /inks other than CMYK/],
    ['CMYK of 16 bits', of(4, 16, { photometric: 5 }), /CMYK colours of 16 bits/],
    ['YCbCr that is no JPEG', { photometric: 6 }, /YCbCr colours outside JPEG/],
    ['group 4 in colour', { compression: 4 }, /group 4 compression of more than black and white/],
    ['Zstandard', { compression: 50_000 }, /Zstandard/],
    ['old-style JPEG', { compression: 6 }, /old-style JPEG/],
    ['a compression that nobody knows', { compression: 4711 }, /unknown \(4711\) compression/],
    ['the predictor of floats', { compression: 8, predictor: 3 }, /predictor 3/],
    ['planar configuration 3', { planar: 3 }, /planar configuration \(3\)/],
    ['fill order 3', { fillOrder: 3 }, /fill order \(3\)/],
    ['a tag of fractions', { mistyped: true }, /type that does not belong/],
    ['a tag twice', { doubled: true }, /twice/],
  ];
  for (const [why, changes, expected] of table)
    answers(why, () => provenForTiff({ ...RGB, ...changes }), expected);
});

tiff('any fields', () => {
  const structures = mostly(1, 3, 3, 4).chain((samples) => {
    const wanted = Math.min(16, Math.max(1, samples));
    const each = (value: fc.Arbitrary<number>) =>
      fc.oneof(
        { weight: 9, arbitrary: value.map((one) => new Array<number>(wanted).fill(one)) },
        fc.array(value, { minLength: wanted, maxLength: wanted }),
      );
    return fc.record({
      big: fc.constantFrom(false, false, false, true),
      orientation: fc.constantFrom(1, 5),
      width: side,
      height: side,
      bits: each(mostly(8, 8, 16, 1)),
      compression: mostly(1, 5, 8, 32_773, 32_946, 7),
      photometric: mostly(1, 2, 2, 2, 5),
      fillOrder: mostly(1, 1, 1, 2),
      samples: fc.constant(samples),
      planar: mostly(1, 1, 1, 2),
      predictor: mostly(1, 1, 2),
      tiled: fc.constantFrom(false, false, false, true),
      extraSamples: fc.oneof(
        { weight: 3, arbitrary: fc.constant(samples === 4 ? [2] : []) },
        fc.array(mostly(0, 1, 2), { maxLength: 3 }),
      ),
      sampleFormats: each(mostly(1)),
      inkSet: mostly(1),
      palette: fc.constantFrom('whole', 'short', 'of 8 bits'),
      chunks: fc.oneof(
        { weight: 4, arbitrary: fc.constant({ offsets: 3, counts: 3 }) },
        fc.record({ offsets: fc.nat(9), counts: fc.nat(9) }),
      ),
      rowsPerStrip: fc.constantFrom(Infinity, Infinity, Infinity, 20_000, 0),
      tile: fc.constantFrom({ width: 0, height: 0 }, { width: 256, height: 256 }),
      mistyped: fc.constantFrom(false, false, false, false, true),
      doubled: fc.constantFrom(false, false, false, false, true),
    });
  });
  const met = everyAnswer(structures as fc.Arbitrary<TiffStructure>, provenForTiff, (given) => {
    const isAll = (values: number[], ...allowed: number[]) =>
      values.every((value) => value === values[0] && allowed.includes(value));
    const isRgb = given.photometric === 2 && (given.samples === 3 || given.samples === 4);
    const isGrey = given.photometric === 1 && given.samples === 1;
    return (
      (isRgb || isGrey) &&
      given.extraSamples.join() === (given.samples === 4 ? '2' : '') &&
      isAll(given.bits, 8, 16) &&
      isAll(given.sampleFormats, 1) &&
      [1, 32_773].includes(given.compression) &&
      given.predictor === 1 &&
      !given.mistyped &&
      given.fillOrder === 1 &&
      given.planar === 1 &&
      !given.tiled &&
      !given.big &&
      !given.doubled &&
      given.chunks.offsets === given.chunks.counts &&
      given.width * given.height * given.samples * (given.bits[0]! / 8) <= 160 * MIB
    );
  });
  allMet(met);
});

tiff.run();
