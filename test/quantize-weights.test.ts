// Rounding weights to bytes: how far off, in which layout, and with factors.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  channelMaxima,
  roundWeight,
  scaleWeight,
  type Matrix,
  type Scaling,
} from '../dist/esm/optimize/quantize/weights.js';

// The smallest scale that is used, times 127: what is smaller becomes 0.
const VANISHING = 127 * 2 ** -126;

const sizes = fc.integer({ min: 1, max: 24 });
const matrices: fc.Arbitrary<Matrix> = fc
  .record({ inputs: sizes, outputs: sizes, transposed: fc.boolean() })
  .chain(({ inputs, outputs, transposed }) => {
    const length = inputs * outputs;
    const usual = fc.double({ min: -4, max: 4, noNaN: true });
    const any = fc.float({ noNaN: true, noDefaultInfinity: true });
    return fc
      .array(fc.oneof({ weight: 9, arbitrary: usual }, { weight: 1, arbitrary: any }), {
        minLength: length,
        maxLength: length,
      })
      .map((values) => ({ values: Float32Array.from(values), inputs, outputs, transposed }));
  });
const factors = (length: number) =>
  fc
    .array(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), { minLength: length, maxLength: length })
    .map((values) => Float32Array.from(values));
const scaled = matrices.chain((matrix) =>
  fc.record({
    matrix: fc.constant(matrix),
    scaling: fc.record<Required<Scaling>>({
      inputs: factors(matrix.inputs),
      outputs: factors(matrix.outputs),
    }),
  }),
);

function at({ values, inputs, outputs, transposed }: Matrix, i: number, j: number): number {
  return values[transposed ? j * inputs + i : i * outputs + j]!;
}

const weights = suite('quantize: weights');

weights('a weight is off by at most half a step of its column; the largest one is 127', () => {
  fc.assert(
    fc.property(matrices, (matrix) => {
      const { inputs, outputs } = matrix;
      const rounded = roundWeight(matrix)!;
      for (let j = 0; j < outputs; j++) {
        const column = Array.from({ length: inputs }, (_, i) => at(matrix, i, j));
        const largest = Math.max(...column.map(Math.abs));
        const bytes = column.map((_, i) => rounded.values[i * outputs + j]!);
        column.forEach((value, i) => {
          const apart = Math.abs(value - bytes[i]! * rounded.scales[j]!);
          assert.ok(apart <= (largest / 254) * (1 + 1e-5) + VANISHING, `${value} is off by ${apart}`);
        });
        if (largest > VANISHING) assert.is(Math.max(...bytes.map(Math.abs)), 127);
        assert.ok(rounded.scales[j]! > 0 && rounded.scales[j]! < Infinity);
      }
    }),
  );
});

weights('never -128: the range is symmetric', () => {
  fc.assert(fc.property(matrices, (matrix) => !roundWeight(matrix)!.values.includes(-128)));
});

weights('factors of rows and columns are as good as multiplying first', () => {
  fc.assert(
    fc.property(scaled, ({ matrix, scaling }) => {
      const { inputs, outputs } = matrix;
      const direct = scaleWeight(matrix, scaling);
      if (!direct.every(Number.isFinite)) return;
      const product: Matrix = { ...matrix, values: direct };
      const rounded = roundWeight(matrix, scaling)!;
      const maxima = channelMaxima(product, 'outputs');
      channelMaxima(matrix, 'outputs', scaling).forEach((value, j) =>
        assert.ok(Math.abs(value - maxima[j]!) <= 1e-6 * maxima[j]! + VANISHING),
      );
      for (let i = 0; i < inputs; i++) {
        for (let j = 0; j < outputs; j++) {
          const apart = Math.abs(at(product, i, j) - rounded.values[i * outputs + j]! * rounded.scales[j]!);
          assert.ok(apart <= (maxima[j]! / 254) * (1 + 1e-5) + 1e3 * VANISHING, `off by ${apart}`);
        }
      }
    }),
  );
});

weights('largest magnitudes of rows and columns', () => {
  fc.assert(
    fc.property(matrices, (matrix) => {
      const { inputs, outputs } = matrix;
      const all = (count: number) => Array.from({ length: count }, (_, i) => i);
      const rows = all(inputs).map((i) => Math.max(...all(outputs).map((j) => Math.abs(at(matrix, i, j)))));
      const columns = all(outputs).map((j) =>
        Math.max(...all(inputs).map((i) => Math.abs(at(matrix, i, j)))),
      );
      assert.equal([...channelMaxima(matrix, 'inputs')], rows);
      assert.equal([...channelMaxima(matrix, 'outputs')], columns);
    }),
  );
});

weights('what is not finite is not rounded', () => {
  for (const bad of [Number.NaN, Infinity, -Infinity]) {
    for (const place of [0, 3, 5]) {
      const values = Float32Array.of(1, 2, 3, 4, 5, 6);
      values[place] = bad;
      assert.is(roundWeight({ values, inputs: 2, outputs: 3, transposed: false }), undefined);
      assert.is(roundWeight({ values, inputs: 3, outputs: 2, transposed: true }), undefined);
    }
  }
});

weights.run();
