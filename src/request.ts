// What single requests are given: validated at the edge, in one place.
import { VisionError, expectedButReceived, messageOf } from './errors.js';
import { isFloat32Array, ownSignal } from './realm.js';
import type { EmbedOptions, Embedding, Priority } from './types.js';

/** Options of one request, validated. */
export interface Request {
  priority: Priority;
  signal: AbortSignal | undefined;
  /** Streams bound themselves: `maxQueue` does not apply to them. */
  bounded: boolean;
}

/**
 * Validates the options of a request.
 * @param options - what the caller gave
 * @param lane - the priority when none is given
 * @returns the request
 * @throws `INVALID_ARGUMENT`
 */
export function requestOf(options: EmbedOptions = {}, lane: Priority): Request {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) {
    throw invalidArgument('options', 'an object', given);
  }
  const { priority } = options;
  const signal: unknown = options.signal;
  if (priority !== undefined && !['interactive', 'bulk'].includes(priority)) {
    throw invalidArgument('priority', '"interactive" or "bulk"', priority);
  }
  const own = ownSignal(signal);
  if (signal !== undefined && own === undefined) {
    throw invalidArgument('option "signal"', 'an AbortSignal', signal);
  }
  return { priority: priority ?? lane, signal: own, bounded: true };
}

/**
 * The error for an argument that is not what it should be.
 * @param what - of the argument
 * @param expected - what would have been right
 * @param actual - what came
 * @returns an `INVALID_ARGUMENT`
 */
export function invalidArgument(what: string, expected: string, actual: unknown): VisionError {
  return new VisionError('INVALID_ARGUMENT', expectedButReceived(what, expected, actual));
}

/**
 * Checks a positive integer.
 * @param value - what the caller gave
 * @param what - its name
 * @throws `INVALID_ARGUMENT`
 */
export function requirePositive(value: number, what: string): void {
  if (!Number.isInteger(value) || value < 1) throw invalidArgument(what, 'a positive integer', value);
}

/** How much of a text is looked at, in UTF-16 units: a model reads a few dozen tokens, tokenizers overflow at much more. */
export const MAX_TEXT_CHARACTERS = 10_000;

/**
 * The part of a text that can reach a model.
 * @param text - any text
 * @returns its beginning, at most {@link MAX_TEXT_CHARACTERS} long, no character cut in two
 */
export function beginningOf(text: string): string {
  if (text.length <= MAX_TEXT_CHARACTERS) return text;
  const last = text.charCodeAt(MAX_TEXT_CHARACTERS - 1);
  const isHalf = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, isHalf ? MAX_TEXT_CHARACTERS - 1 : MAX_TEXT_CHARACTERS);
}

/**
 * Checks a text to embed.
 * @param value - what the caller gave
 * @param what - its name
 * @throws `INVALID_ARGUMENT` for what is no string
 */
export function requireText(value: unknown, what: string): asserts value is string {
  if (typeof value !== 'string') throw invalidArgument(what, 'a string', value);
}

/**
 * Checks an array of strings.
 * @param value - what the caller gave
 * @param what - its name
 * @throws `INVALID_ARGUMENT`
 */
export function requireStrings(value: unknown, what: string): asserts value is readonly string[] {
  if (!Array.isArray(value)) throw invalidArgument(what, 'an array of strings', value);
  const wrong = value.findIndex((each) => typeof each !== 'string');
  if (wrong >= 0) throw invalidArgument(`${what}[${wrong}]`, 'a string', value[wrong]);
}

/**
 * Tells embeddings from image inputs.
 * @param value - anything
 * @returns whether it is an embedding
 */
export function isEmbedding(value: unknown): value is Embedding {
  return typeof value === 'object' && value !== null && 'vector' in value && isFloat32Array(value.vector);
}

/**
 * The vector of an embedding, or a bare one.
 * @param value - what the caller gave
 * @param name - of the argument
 * @returns the vector, with its model's fingerprint if it is known
 * @throws `INVALID_ARGUMENT`
 */
export function vectorOf(
  value: Embedding | Float32Array,
  name: string,
): { vector: Float32Array; model?: string } {
  if (isFloat32Array(value)) return { vector: value };
  if (isEmbedding(value)) return value;
  throw invalidArgument(name, 'an embedding or a Float32Array', value);
}

/**
 * Makes a VisionError of whatever was thrown while a stream was read.
 * @param error - the thrown value
 * @returns itself, if it is one
 */
export function toVisionError(error: unknown): VisionError {
  if (error instanceof VisionError) return error;
  return new VisionError('INVALID_ARGUMENT', messageOf(error), { cause: error });
}
