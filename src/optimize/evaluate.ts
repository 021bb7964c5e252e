// How far the embeddings of one graph are from those of another, in the terms of what embeddings are used for.

/** What a quantised graph must keep of the float32 graph's embeddings. */
export interface AccuracyTarget {
  /** Least mean cosine between the embeddings of an image, -1 to 1. */
  mean: number;
  /** Least cosine of any image, -1 to 1. */
  min: number;
}

/** How close embeddings are to those of the float32 graph, over all images. */
export interface Accuracy {
  /** Between the two embeddings of an image. */
  meanCosine: number;
  minCosine: number;
  /** Share of each image's nearest neighbours (10, or all others if there are fewer) that stay so, 0 to 1. */
  neighbourOverlap: number;
  /** By how much the cosine of two images changes, over all pairs. */
  similarityChange: { mean: number; max: number };
}

/** How many neighbours are compared. */
export const NEIGHBOURS = 10;
// Of the mean's distance from 1: what a single image may have. 0.999 allows 0.995.
const WORST_SHARE = 5;

/** What is asked for unless the caller says otherwise. */
export const DEFAULT_TARGET: AccuracyTarget = targetOf(0.999);

/**
 * @param mean - least mean cosine
 * @returns the target, with the least cosine that goes with it
 */
export function targetOf(mean: number): AccuracyTarget {
  // Decimal fractions a person can read, in place of 0.9949999999999999.
  return { mean, min: Number((1 - WORST_SHARE * (1 - mean)).toFixed(9)) };
}

/**
 * @param a - a vector
 * @param b - another of the same length
 * @returns their cosine; 0 where one of them is zero or not finite
 */
export function cosineOf(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  const cosine = dot / Math.sqrt(aa * bb);
  return Number.isFinite(cosine) ? cosine : 0;
}

/**
 * @param reference - embeddings of the float32 graph, one an image; at least one
 * @param candidate - of the other graph, for the same images
 * @returns how close they are
 */
export function compareEmbeddings(
  reference: readonly Float32Array[],
  candidate: readonly Float32Array[],
): Accuracy {
  const cosines = reference.map((vector, i) => cosineOf(vector, candidate[i] as Float32Array));
  const [before, after] = [similarities(reference), similarities(candidate)];
  const changes = before.flatMap((row, i) =>
    row.slice(0, i).map((value, j) => Math.abs(value - (after[i]?.[j] as number))),
  );
  const overlaps = before.map((row, i) => overlap(nearest(row, i), nearest(after[i] as number[], i)));
  return {
    meanCosine: mean(cosines),
    minCosine: Math.min(...cosines),
    neighbourOverlap: mean(overlaps),
    similarityChange: { mean: mean(changes), max: Math.max(0, ...changes) },
  };
}

/**
 * @param accuracy - of a graph
 * @param target - what is asked for
 * @returns whether the graph is as good
 */
export function holds(accuracy: Accuracy, target: AccuracyTarget): boolean {
  return accuracy.meanCosine >= target.mean && accuracy.minCosine >= target.min;
}

/**
 * Tells from a part of the images that a graph misses: candidates that fail cost a few runs only.
 * @param cosines - of the images so far
 * @param total - how many there will be
 * @param target - what is asked for
 * @returns whether no cosine of the others could make up for these
 */
export function surelyMisses(cosines: readonly number[], total: number, target: AccuracyTarget): boolean {
  const best = cosines.reduce((sum, cosine) => sum + cosine, total - cosines.length) / total;
  return best < target.mean || cosines.some((cosine) => cosine < target.min);
}

function similarities(vectors: readonly Float32Array[]): number[][] {
  return vectors.map((a) => vectors.map((b) => cosineOf(a, b)));
}

function nearest(row: readonly number[], self: number): Set<number> {
  const others = [...row.keys()].filter((i) => i !== self);
  return new Set(others.sort((i, j) => (row[j] as number) - (row[i] as number)).slice(0, NEIGHBOURS));
}

function overlap(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  return a.size === 0 ? 1 : [...a].filter((i) => b.has(i)).length / a.size;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
