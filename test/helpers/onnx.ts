// Models in memory, run as they are: ONNX Runtime's own optimiser is off, so that ours alone is seen.
import * as assert from 'uvu/assert';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { encodeModel } from '../../dist/esm/optimize/onnx/encode.js';
import type { OnnxModel } from '../../dist/esm/optimize/onnx/model.js';
import type { PassReport } from '../../dist/esm/optimize/passes/report.js';

/**
 * @param model - any
 * @returns its file
 */
export function bytesOf(model: OnnxModel): Buffer {
  return Buffer.concat(encodeModel(model).model.map((piece) => piece.bytes()));
}

/**
 * @param model - any
 * @param feeds - its inputs
 * @returns all its outputs
 */
export async function run(model: OnnxModel, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await InferenceSession.create(bytesOf(model), {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/**
 * @param shape - dimensions
 * @param seed - the same for the same values
 * @returns float32 values of about a normal distribution's size, no two alike
 */
export function floats(shape: readonly number[], seed = 1): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from(
    { length: count },
    (_, i) => 1.5 * Math.sin(seed + i * 0.7 + i * i * 1e-3),
  );
  return new Tensor('float32', values, shape);
}

/**
 * @param shape - dimensions
 * @param limit - all are below
 * @returns int64 values
 */
export function ids(shape: readonly number[], limit: number): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = BigInt64Array.from({ length: count }, (_, i) => BigInt((i * 37 + 5) % limit));
  return new Tensor('int64', values, shape);
}

/**
 * Asserts that two tensors are of one shape and nearly of the same values.
 * @param actual - a float tensor
 * @param expected - another
 * @param limit - largest difference, relative to values above 1
 * @param what - is compared
 */
export function near(
  actual: Tensor | undefined,
  expected: Tensor | undefined,
  limit: number,
  what = '',
): void {
  assert.equal(actual?.dims, expected?.dims, `${what}: shape`);
  const found = actual?.data as Float32Array;
  (expected?.data as Float32Array).forEach((value, i) => {
    const other = found[i] as number;
    if (Object.is(value, other) || (Number.isNaN(value) && Number.isNaN(other))) return;
    const difference = Math.abs(value - other) / Math.max(1, Math.abs(value));
    assert.ok(difference <= limit, `${what}: ${other} instead of ${value} at ${i}`);
  });
}

/**
 * @param reports - of passes
 * @returns how often each found its pattern
 */
export function found(reports: readonly PassReport[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { name, found: count } of reports) counts[name] = (counts[name] ?? 0) + count;
  return counts;
}
