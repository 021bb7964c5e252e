// Turns a model's output into a unit vector.

/**
 * L2-normalises into a new array. The norm is summed in double precision, left to right, so that it does not depend on
 * who computes it.
 * @param values - the model's output
 * @returns a vector of length 1, or undefined when the norm is zero or not finite
 */
export function l2Normalize(values: Float32Array): Float32Array | undefined {
  let sum = 0;
  for (const value of values) sum += value * value;
  const norm = Math.sqrt(sum);
  if (!(norm > 0) || !Number.isFinite(norm)) return undefined;
  return values.map((value) => value / norm);
}

/**
 * Cosine of the angle between two vectors.
 * @param a - any length
 * @param b - the same length
 * @returns -1 to 1; 0 when either is all zeros
 */
export function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (aa === 0 || bb === 0) return 0;
  return Math.max(-1, Math.min(1, dot / Math.sqrt(aa * bb)));
}
