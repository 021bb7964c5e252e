// Which decoder is right for which JPEG: the list, and any fields. What @napi-rs/image may see is written here a second time.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { provenForJpeg } from '../dist/esm/image/proven/jpeg.js';
import type { JpegComponent, JpegStructure } from '../dist/esm/image/structure/jpeg.js';
import { BOTH, MIB, SIZE, allMet, answers, everyAnswer, mostly, side, type Case } from './helpers/proven.js';

const jpeg = suite('proven JPEGs');

const BASELINE: JpegStructure = {
  complete: true,
  frames: [0xc0],
  precision: 8,
  components: [
    { id: 1, h: 2, v: 2 },
    { id: 2, h: 1, v: 1 },
    { id: 3, h: 1, v: 1 },
  ],
  scans: [[1, 2, 3]],
  adobe: undefined,
  huffmanTables: true,
  hierarchical: false,
  extension: undefined,
};
const [LUMA, CB, CR] = BASELINE.components as [JpegComponent, JpegComponent, JpegComponent];

jpeg('by structure', () => {
  const INKS = [
    { id: 1, h: 1, v: 1 },
    { id: 2, h: 1, v: 1 },
    { id: 3, h: 1, v: 1 },
    { id: 4, h: 1, v: 1 },
  ];
  const cmyk = { components: INKS, scans: [[1, 2, 3, 4]] };
  const grey = { components: [{ id: 1, h: 2, v: 2 }], scans: [[1]] };
  const table: Case<JpegStructure>[] = [
    ['baseline 4:2:0', {}, BOTH],
    ['extended', { frames: [0xc1] }, BOTH],
    ['progressive of several scans', { frames: [0xc2], scans: [[1, 2, 3], [1], [2], [3]] }, BOTH],
    ['grey', grey, BOTH],
    ['CMYK', { ...cmyk, adobe: 0 }, BOTH],
    ['YCCK', { ...cmyk, adobe: 2 }, BOTH],
    ['four components with a transform that is none', { ...cmyk, adobe: 7 }, ['sharp']],
    ['four components said to be YCbCr', { ...cmyk, adobe: 1 }, ['sharp']],
    ['one scan a component', { scans: [[1], [2], [3]] }, ['sharp']],
    ['a progressive whose first scan lacks one', { frames: [0xc2], scans: [[1, 2], [3]] }, ['sharp']],
    ['components in another order in the scan', { scans: [[1, 3, 2]] }, ['sharp']],
    ['the same id twice', { components: [LUMA, { ...CB, id: 1 }, CR], scans: [[1, 1, 3]] }, ['sharp']],
    [
      'luma coarser than chroma',
      {
        components: [
          { ...LUMA, h: 1, v: 1 },
          { ...CB, h: 2 },
          { ...CR, h: 2 },
        ],
      },
      ['sharp'],
    ],
    ['chroma of different sizes', { components: [LUMA, { ...CB, h: 2 }, CR] }, ['sharp']],
    ['factors of 4', { components: [{ ...LUMA, h: 4, v: 1 }, CB, CR] }, ['sharp']],
    ['Adobe transform 0', { adobe: 0 }, ['sharp']],
    [
      'ids R, G, B',
      {
        components: [
          { ...LUMA, id: 82 },
          { ...CB, id: 71 },
          { ...CR, id: 66 },
        ],
        scans: [[82, 71, 66]],
      },
      ['sharp'],
    ],
    ['no Huffman tables', { huffmanTables: false }, ['sharp']],
    ['arithmetic-coded', { frames: [0xc9] }, ['sharp']],
    ['progressive arithmetic-coded', { frames: [0xca] }, ['sharp']],
    ['lossless', { frames: [0xc3] }, ['sharp']],
    ['differential', { frames: [0xc5] }, /of the differential process/],
    ['hierarchical', { hierarchical: true }, /of the hierarchical process/],
    ['two frames', { frames: [0xc0, 0xc0] }, /of the hierarchical process/],
    ['no frame', { frames: [] }, /of the unknown process/],
    ['JPEG-LS', { extension: 0xf7 }, /JPEG-LS.*ff f7/],
    ['another extension', { extension: 0x02 }, /extension.*ff 02/],
    ['12 bits', { precision: 12 }, /12 bits a sample/],
    ['two components', { components: [LUMA, CB] }, /2 components/],
    [
      'fractional factors',
      { components: [{ ...LUMA, h: 3 }, { ...CB, h: 2 }, CR] },
      /sampling factors.*3x2, 2x1, 1x1/,
    ],
    ['factors of 0', { components: [LUMA, { ...CB, h: 0 }, CR] }, /sampling factors/],
  ];
  for (const [why, changes, expected] of table) {
    answers(why, () => provenForJpeg({ ...BASELINE, ...changes }, SIZE), expected);
  }
  const large = { width: 12_000, height: 12_000 };
  assert.equal(provenForJpeg(BASELINE, large).decoders, ['sharp'], 'more than the other decoder holds');
});

jpeg('any fields', () => {
  const factor = fc.oneof({ weight: 8, arbitrary: fc.constantFrom(1, 1, 2) }, fc.nat(15));
  const component = fc.record({ id: mostly(1, 2, 3, 4), h: factor, v: factor });
  const components = fc.array(component, { minLength: 1, maxLength: 5 }).chain((all) => {
    const usual = all.map((each, i) => ({ ...each, id: i + 1, ...(i % 3 === 0 ? {} : { h: 1, v: 1 }) }));
    return fc.constantFrom(all, usual, usual);
  });
  const structures = components.chain((all) =>
    fc.record({
      complete: fc.boolean(),
      frames: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(0xc0, 0xc1, 0xc2, 0xc9).map((code) => [code]) },
        fc.array(fc.nat(255)),
      ),
      precision: mostly(8),
      components: fc.constant(all),
      scans: fc.oneof(
        { weight: 4, arbitrary: fc.constant<number[][]>([all.map(({ id }) => id)]) },
        fc.array(fc.array(fc.nat(4), { maxLength: 4 }), { maxLength: 4 }),
      ),
      adobe: mostly<number | undefined>(undefined, undefined, 0, 1, 2),
      huffmanTables: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.boolean()),
      hierarchical: fc.constant(false),
      extension: fc.oneof({ weight: 20, arbitrary: fc.constant(undefined) }, fc.nat(255)),
    }),
  );
  const met = everyAnswer<[JpegStructure, { width: number; height: number }]>(
    fc.tuple(structures, fc.record({ width: side, height: side })),
    ([structure, size]) => provenForJpeg(structure, size),
    ([{ frames, precision, components: all, scans, adobe, huffmanTables, extension }, { width, height }]) => {
      const [first, ...others] = all.map(({ h, v }) => `${h}x${v}`);
      const isSampled = ['1x1', '2x1', '1x2', '2x2'].includes(first!);
      const colours =
        all.length === 1 ||
        (all.length === 3 && [undefined, 1].includes(adobe) && others.join() === '1x1,1x1') ||
        (all.length === 4 && [undefined, 0, 2].includes(adobe) && others.join() === `1x1,1x1,${first}`);
      return (
        frames.length === 1 &&
        [0xc0, 0xc1, 0xc2].includes(frames[0]!) &&
        precision === 8 &&
        isSampled &&
        colours &&
        huffmanTables &&
        extension === undefined &&
        (frames[0] === 0xc2 || scans.length === 1) &&
        scans[0]!.join() === all.map(({ id }) => id).join() &&
        width * height * 4 <= 480 * MIB
      );
    },
  );
  allMet(met);
});

jpeg.run();
