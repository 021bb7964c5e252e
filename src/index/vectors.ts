// Vectors on their way in: what a caller gives becomes the Float32Array that the graph holds.
import { describe, expectedButReceived, VisionError } from '../errors.js';
import { isFloat32Array } from '../realm.js';
import type { Embedding } from '../types.js';
import type { IndexSettings, IndexSpace } from './settings.js';

/** A vector as the index takes it: bare, or with the model that made it. */
export type VectorInput = Float32Array | Embedding;

// Beyond this length a dot product of two vectors overflows float32 and can become NaN, which no order survives.
const LONGEST = 1e18;
// A vector this close to length 1 is kept bit for bit; embeddings are normalised already.
const UNIT_TOLERANCE = 1e-6;

/**
 * Checks a vector and makes the copy that is stored or searched for: of length 1 in a `cosine` index, else as given.
 * @param input - as the caller gave it
 * @param what - its name for messages
 * @param settings - of the index
 * @param model - fingerprint of the index's model, if it has one
 * @returns the copy, `dimensions` long, and the model that the input names
 * @throws VisionError `INVALID_ARGUMENT`, `DIMENSION_MISMATCH`, `MODEL_MISMATCH`
 */
export function readVector(
  input: VectorInput,
  what: string,
  settings: IndexSettings,
  model: string | undefined,
): { vector: Float32Array; model: string | undefined } {
  const embedding = isFloat32Array(input) ? undefined : requireEmbedding(input, what);
  const given = isFloat32Array(input) ? input : input.vector;
  if (embedding !== undefined) requireSameModel(embedding.model, model, what);
  if (given.length !== settings.dimensions) {
    throw new VisionError(
      'DIMENSION_MISMATCH',
      `Expected ${settings.dimensions} dimensions for ${what} but received ${given.length}. ` +
        'Use vectors of the model that this index was made for.',
    );
  }
  return { vector: copyOf(given, what, settings.space), model: embedding?.model };
}

function copyOf(given: Float32Array, what: string, space: IndexSpace): Float32Array {
  let squares = 0;
  for (const component of given) squares += component * component;
  if (!Number.isFinite(squares)) {
    const position = given.findIndex((component) => !Number.isFinite(component));
    const actual = `${String(given[position])} at position ${position}`;
    throw new VisionError('INVALID_ARGUMENT', `Expected finite numbers for ${what} but received ${actual}.`);
  }
  const length = Math.sqrt(squares);
  if (space !== 'cosine') {
    if (length <= LONGEST) return Float32Array.from(given);
    const expected = `a length of at most ${LONGEST.toExponential()}`;
    throw new VisionError('INVALID_ARGUMENT', expectedButReceived(what, expected, length));
  }
  if (length === 0) {
    throw new VisionError(
      'INVALID_ARGUMENT',
      `Expected a direction for ${what} but received all zeros: they have no cosine.`,
    );
  }
  if (Math.abs(length - 1) <= UNIT_TOLERANCE) return Float32Array.from(given);
  return Float32Array.from(given, (component) => component / length);
}

/**
 * Compares a query with a stored vector: higher is closer. Both went through {@link readVector}.
 * @param a - one vector
 * @param b - another of the same length
 * @param space - how to compare
 * @returns cosine, dot product, or the squared distance negated
 */
export function similarityOf(a: Float32Array, b: Float32Array, space: IndexSpace): number {
  let sum = 0;
  if (space === 'l2') {
    for (let i = 0; i < a.length; i++) sum -= ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  } else {
    for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  }
  return space === 'cosine' ? clampCosine(sum) : sum;
}

/**
 * Rounding can carry the cosine of two unit vectors past its range.
 * @param value - a computed cosine
 * @returns the same within -1 to 1
 */
export function clampCosine(value: number): number {
  return Math.min(1, Math.max(-1, value));
}

function requireEmbedding(input: unknown, what: string): Embedding {
  const { vector, model } = (input ?? {}) as { vector?: unknown; model?: unknown };
  if (isFloat32Array(vector) && typeof model === 'string' && model !== '') return input as Embedding;
  throw new VisionError(
    'INVALID_ARGUMENT',
    expectedButReceived(what, 'a Float32Array or an embedding ({ vector, model })', input),
  );
}

/**
 * Refuses to mix models. An unknown model on either side is let through: a bare vector names none.
 * @param actual - fingerprint of what came
 * @param expected - fingerprint of the index
 * @param what - name of what came
 * @throws VisionError `MODEL_MISMATCH`
 */
export function requireSameModel(
  actual: string | undefined,
  expected: string | undefined,
  what: string,
): void {
  if (actual === undefined || expected === undefined || actual === expected) return;
  throw new VisionError(
    'MODEL_MISMATCH',
    `Expected model ${describe(expected)} for ${what} but received ${describe(actual)}. ` +
      'Vectors of different models cannot be compared: embed again with the model of the index.',
  );
}
