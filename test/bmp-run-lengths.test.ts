// Run lengths of BMPs written out: the picture that the codes draw, or nothing where they leave it.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { expandRuns } from '../dist/esm/image/structure/bmp-pixels.js';
import { readBmpStructure } from '../dist/esm/image/structure/bmp.js';
import { bmpOf } from './helpers/bmp.js';
import { soon } from './helpers/hostile.js';
import { plainOf, shows } from './helpers/plain-bmp.js';
import { drawn, paletteColour, runBytes, type RunCode } from './reference/bmp.js';

const side = fc.integer({ min: 1, max: 9 });
const byte = fc.nat(255);

const runs = suite('run lengths');

/** Codes that draw a whole picture: rows of runs, literal values, jumps and early ends. */
function soundCodes(width: number, height: number, nibbles: boolean): fc.Arbitrary<RunCode[]> {
  const most = nibbles ? 15 : 255;
  const piece = fc.record({ kind: fc.constantFrom('run', 'absolute', 'delta'), length: side, value: byte });
  const row = fc.tuple(fc.array(piece, { maxLength: 5 }), fc.boolean());
  return fc.array(row, { minLength: height, maxLength: height }).map((rows) =>
    rows.flatMap(([pieces, isFilled], y) => {
      const codes: RunCode[] = [];
      let left = width;
      for (const { kind, length, value } of pieces) {
        const count = Math.min(left, length);
        // Two values or fewer mean something else.
        if (kind === 'absolute' && count < 3) continue;
        if (count === 0) break;
        if (kind === 'run') codes.push({ kind, count, value });
        else if (kind === 'delta') codes.push({ kind, dx: count, dy: 0 });
        else
          codes.push({
            kind: 'absolute',
            values: Array.from({ length: count }, (_, i) => (value + i) & most),
          });
        left -= count;
      }
      if (left > 0 && (isFilled || y === height - 1)) codes.push({ kind: 'run', count: left, value: 0x5a });
      codes.push({ kind: 'line' });
      return codes;
    }),
  );
}

/** Any codes in any order. */
const anyCodes = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('run' as const), count: side, value: byte }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('absolute' as const),
        values: fc.array(fc.nat(15), { minLength: 3, maxLength: 7 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('line' as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('delta' as const), dx: fc.nat(4), dy: fc.nat(2) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const) }) },
  ),
  { maxLength: 14 },
);

function runLengthBmp(codes: readonly RunCode[], width: number, height: number, nibbles: boolean) {
  const bits = nibbles ? 4 : 8;
  const palette = Array.from({ length: 2 ** bits }, (_, i) => [i, (i * 7) & 255, 255 - i] as const);
  const pixels = runBytes(codes, nibbles);
  return bmpOf({ width, height, bits, compression: nibbles ? 2 : 1, palette, pixels });
}

function indicesOf(bytes: Uint8Array, width: number): number[][] | undefined {
  const found = expandRuns(bytes, readBmpStructure(bytes)!);
  if (found === undefined) return undefined;
  const stride = Math.ceil(width / 4) * 4;
  return Array.from({ length: found.length / stride }, (_, y) => [
    ...found.subarray(y * stride, y * stride + width),
  ]);
}

runs('codes that draw a whole picture: that picture', () => {
  const picture = fc
    .tuple(side, side, fc.boolean())
    .chain(([width, height, nibbles]) =>
      fc.tuple(fc.constant({ width, height, nibbles }), soundCodes(width, height, nibbles)),
    );
  fc.assert(
    fc.property(picture, ([size, codes]) => {
      const { width, height, nibbles } = size;
      const bytes = runLengthBmp(codes, width, height, nibbles);
      const expected = drawn(codes, size)!;
      assert.ok(expected);
      assert.equal(indicesOf(bytes, width), expected);
      const bmp = readBmpStructure(bytes)!;
      shows(bytes, expected.map((row) => row.map((index) => paletteColour(bytes, bmp, index))).reverse());
    }),
    { numRuns: 500 },
  );
});

runs('any codes: the picture they draw, or undefined where they leave it or break off', () => {
  let whole = 0;
  fc.assert(
    fc.property(
      anyCodes,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      (...all) => {
        const [codes, width, height, nibbles] = all;
        const expected = drawn(codes, { width, height, nibbles });
        if (expected !== undefined) whole++;
        assert.equal(indicesOf(runLengthBmp(codes, width, height, nibbles), width), expected);
      },
    ),
    { numRuns: 3000 },
  );
  assert.ok(whole > 100, `${whole} drew a picture`);
});

runs('every beginning of the codes is too short; the last line needs no end', () => {
  const codes: RunCode[] = [
    { kind: 'absolute', values: [1, 2, 3] },
    { kind: 'line' },
    { kind: 'line' }, // an empty row
    { kind: 'delta', dx: 2, dy: 0 },
    { kind: 'run', count: 1, value: 0x77 },
  ];
  for (const nibbles of [true, false]) {
    const whole = runLengthBmp(codes, 3, 3, nibbles);
    const dataAt = readBmpStructure(whole)!.dataAt;
    assert.equal(indicesOf(whole, 3), [
      [1, 2, 3],
      [0, 0, 0],
      [0, 0, nibbles ? 7 : 0x77],
    ]);
    for (let length = dataAt; length < whole.length; length++) {
      assert.is(plainOf(whole.subarray(0, length)), undefined, `${length - dataAt} bytes`);
    }
  }
});

runs('a hundred million codes that draw nothing are done with soon', () => {
  for (const code of [
    [0, 2, 0, 0],
    [0, 0, 0, 0],
  ]) {
    const head = bmpOf({
      width: 5,
      height: 60_000,
      bits: 8,
      compression: 1,
      pixels: Buffer.alloc(0),
      offset: 54,
    });
    head.writeUInt32LE(1, 46); // one colour
    const bytes = Buffer.concat([head, Buffer.alloc(4), Buffer.alloc(20_000_000, Buffer.from(code))]);
    soon(() => plainOf(bytes));
  }
});

runs.run();
