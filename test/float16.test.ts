// float32 to float16 and back, against arithmetic that a reader believes: exact values, and the nearer of two neighbours.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromFloat16, toFloat16 } from '../dist/esm/inference/float16.js';

const ALL = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);
const VALUES = fromFloat16(ALL);

function rounded(value: number): number {
  const bits = new Uint16Array(1);
  toFloat16(Float32Array.of(value), bits);
  return bits[0]!;
}

/** Looks through all finite values for the nearest, the even one of two. Beyond the largest, half a step leads to infinity. */
function nearest(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  let [low, high] = [0, 0x7bff];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (VALUES[middle]! <= magnitude) low = middle;
    else high = middle - 1;
  }
  if (low === 0x7bff) return sign | low;
  const [below, above] = [magnitude - VALUES[low]!, VALUES[low + 1]! - magnitude];
  return sign | (below < above || (below === above && low % 2 === 0) ? low : low + 1);
}

const float16 = suite('float16');

float16('every bit pattern comes back, but for the payload of NaN', () => {
  const back = new Uint16Array(ALL.length);
  toFloat16(VALUES, back);
  for (const bits of ALL) {
    const isNaN = (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;
    if (isNaN) assert.ok(Number.isNaN(VALUES[bits]) && (back[bits]! & 0x7e00) === 0x7e00);
    else assert.is(back[bits], bits, bits.toString(16));
  }
});

float16('known values', () => {
  const known: [number, number][] = [
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519.996, 0x7bff],
    [65520, 0x7c00],
    [-Infinity, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * 1.0001, 0x0001],
    [2 ** -25 * 3, 0x0002],
    [-0, 0x8000],
    [1e-45, 0x0000],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [Number.NaN, 0x7e00],
  ];
  for (const [value, bits] of known) assert.is(rounded(value), bits, String(value));
});

float16('any float32 goes to the nearest, ties to even', () => {
  const near = fc
    .tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: -3, max: 3 }), fc.boolean())
    .map(([bits, steps, half]) => {
      // Around the values of float16 and around the middle of two of them, by single bits of float32.
      const middle = half ? (VALUES[bits]! + VALUES[Math.min(bits + 1, 0xffff)]!) / 2 : VALUES[bits]!;
      const words = new Uint32Array(Float32Array.of(middle).buffer);
      words[0]! += steps;
      return new Float32Array(words.buffer)[0]!;
    });
  const any = fc.integer({ min: 0, max: 0xffffffff }).map((word) => {
    return new Float32Array(Uint32Array.of(word).buffer)[0]!;
  });
  fc.assert(
    fc.property(fc.oneof(near, any, fc.float()), (value) => {
      if (Number.isNaN(value)) assert.is(rounded(value) & 0x7e00, 0x7e00);
      else assert.is(rounded(value), nearest(value), `${value}`);
    }),
    { numRuns: 20_000 },
  );
});

float16('only the view that is given is read', () => {
  const memory = Float32Array.of(9, 1, 2, 9);
  const bits = new Uint16Array(2);
  toFloat16(memory.subarray(1, 3), bits);
  assert.equal([...fromFloat16(bits)], [1, 2]);
});

float16.run();
