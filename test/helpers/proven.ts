// How the lists of proven structures are questioned: tables of answers, and any values in every field.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Proven } from '../../dist/esm/image/proven/verdict.js';

/** The decoder that must only see what it is proven for: a panic in it ends the process. */
export const NAPI = '@napi-rs/image';
/** Both, in the order in which they are tried. */
export const BOTH: readonly string[] = ['sharp', NAPI];
/** A mebibyte. */
export const MIB = 1024 * 1024;
/** What any decoder holds. */
export const SIZE = { width: 40, height: 30 };

/** A row of a table: what is different about a file, and its decoders or the words of its refusal. */
export type Case<T> = [why: string, changes: Partial<T>, expected: readonly string[] | RegExp];

/** Sides of pictures; some are too large for one of the decoders. */
export const side = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 5000 }) },
  fc.integer({ min: 1, max: 30_000 }),
);

/**
 * @param known - values of the list
 * @returns one of them or, seldom, any other number
 */
export function mostly<T>(...known: T[]): fc.Arbitrary<T | number> {
  return fc.oneof(
    { weight: 28, arbitrary: fc.constantFrom(...known) },
    { weight: 1, arbitrary: fc.nat(70_000) },
    { weight: 1, arbitrary: fc.nat(300) },
  );
}

/**
 * Asserts the decoders, or the words of the refusal.
 * @param why - what is asked
 * @param ask - the question
 * @param expected - decoders, or what the message must match
 */
export function answers(why: string, ask: () => Proven, expected: readonly string[] | RegExp): void {
  try {
    assert.equal(ask().decoders, expected, why);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code !== 'UNSUPPORTED_FORMAT' || !(expected instanceof RegExp)) throw error;
    assert.match(message, expected, why);
  }
}

/**
 * Asks about any structures: the answer is a list of decoders or a refusal by name, and `@napi-rs/image` is in it only for
 * what a second writing of the list allows.
 * @param structures - what to ask about
 * @param ask - the list under test
 * @param mayBeNapi - the list, written a second time
 * @returns how often each answer was met
 */
export function everyAnswer<T>(
  structures: fc.Arbitrary<T>,
  ask: (structure: T) => Proven,
  mayBeNapi: (structure: T) => boolean,
): { refused: number; sharpOnly: number; napi: number } {
  const met = { refused: 0, sharpOnly: 0, napi: 0 };
  fc.assert(
    fc.property(structures, (structure) => {
      const decoders = decodersOf(() => ask(structure));
      if (decoders === undefined) met.refused++;
      else if (decoders.includes(NAPI)) {
        met.napi++;
        assert.ok(mayBeNapi(structure));
      } else met.sharpOnly++;
    }),
    { numRuns: 20_000 },
  );
  return met;
}

/**
 * Asserts that each answer was met, so that a property says something about all of them.
 * @param met - how often each was
 */
export function allMet(met: Readonly<Record<string, number>>): void {
  assert.ok(Math.min(...Object.values(met)) > 40, JSON.stringify(met));
}

// Undefined for a refusal by name; everything else fails.
function decodersOf(ask: () => Proven): readonly string[] | undefined {
  let proven: Proven;
  try {
    proven = ask();
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    assert.is(code, 'UNSUPPORTED_FORMAT', message);
    assert.not.match(message, /undefined|NaN/);
    return undefined;
  }
  assert.ok(proven.decoders.length > 0 && proven.decoders.every((each) => BOTH.includes(each)));
  assert.not.match(proven.structure, /undefined|NaN/);
  return proven.decoders;
}
