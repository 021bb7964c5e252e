// Models in memory, opened by ONNX Runtime, and what the tests feed them.
import { withActivationOutputs, type ActivationStats } from '../../dist/esm/optimize/quantize.js';
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { OnnxModel } from '../../dist/esm/optimize/onnx/model.js';
import { fixture } from './fixtures.js';
import { bytesOf } from './onnx.js';

/** Outputs of one run, by name. */
export type Outputs = Record<string, Tensor>;

/** A session over a model. */
export interface OpenModel {
  run: (feeds: Record<string, Tensor>) => Promise<Outputs>;
  release: () => Promise<void>;
}

/**
 * @param model - any
 * @param options - of the session; one thread, as all tests run
 * @returns a session of the model as it is now
 */
export async function openModel(
  model: OnnxModel,
  options: InferenceSession.SessionOptions = {},
): Promise<OpenModel> {
  const session = await InferenceSession.create(bytesOf(model), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    ...options,
  });
  return {
    run: async (feeds) => await session.run(feeds),
    release: () => session.release(),
  };
}

/**
 * @param model - any
 * @param inputs - feeds, one run each
 * @param output - which of its outputs; must be float32
 * @returns the output of each run
 */
export async function runModel(
  model: OnnxModel,
  inputs: readonly Record<string, Tensor>[],
  output: string,
): Promise<Float32Array[]> {
  const session = await openModel(model);
  const results: Float32Array[] = [];
  for (const feeds of inputs) results.push((await session.run(feeds))[output]!.data as Float32Array);
  await session.release();
  return results;
}

/**
 * The golden images at 64 x 64 as SigLIP's processor gives them.
 * @returns feeds for an image tower of 64 pixels, one image each
 */
export function goldenFeeds(): Record<string, Tensor>[] {
  return readdirSync(fixture('golden/pixels'))
    .filter((name) => name.endsWith('.bicubic64.rgb.gz'))
    .sort()
    .map((name) => imageFeed(gunzipSync(readFileSync(fixture(`golden/pixels/${name}`))), 64));
}

/**
 * @param rgb - interleaved bytes of a square picture
 * @param side - its pixels a side
 * @returns feeds for an image tower
 */
export function imageFeed(rgb: Uint8Array, side: number): Record<string, Tensor> {
  const plane = side * side;
  const values = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++)
    for (let channel = 0; channel < 3; channel++)
      values[channel * plane + i] = (rgb[3 * i + channel] as number) / 127.5 - 1;
  return { pixel_values: new Tensor('float32', values, [1, 3, side, side]) };
}

/**
 * @param count - how many
 * @param length - tokens
 * @param vocabulary - ids are below
 * @returns feeds for a text tower, one made-up text each
 */
export function textFeeds(count: number, length: number, vocabulary: number): Record<string, Tensor>[] {
  return Array.from({ length: count }, (_, text) => {
    const words = 3 + ((text * 5) % (length - 3));
    const ids = BigInt64Array.from({ length }, (_, i) =>
      BigInt(i < words ? (text * 131 + i * 37 + 2) % vocabulary : 1),
    );
    return { input_ids: new Tensor('int64', ids, [1, length]) };
  });
}

/**
 * @param a - a vector
 * @param b - another
 * @returns the cosine between them
 */
export function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/**
 * @param model - in float32
 * @param feeds - inputs
 * @returns the largest magnitude of each channel that goes into each layer
 */
export async function collectStats(
  model: OnnxModel,
  feeds: readonly Record<string, Tensor>[],
): Promise<ActivationStats> {
  const { model: observed, outputs } = withActivationOutputs(model);
  const session = await openModel(observed);
  const stats: Record<string, Float32Array> = {};
  for (const feed of feeds) {
    const results = await session.run(feed);
    for (const [layer, output] of outputs) {
      const maxima = results[output]!.data as Float32Array;
      const known = (stats[layer] ??= new Float32Array(maxima.length));
      maxima.forEach((value, i) => (known[i] = Math.max(known[i]!, value)));
    }
  }
  await session.release();
  return stats;
}

/**
 * @param a - vectors
 * @param b - as many
 * @returns the mean of the cosines of each with its like
 */
export function meanCosine(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  return a.reduce((sum, vector, i) => sum + cosine(vector, b[i]!), 0) / a.length;
}
