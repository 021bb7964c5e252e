// Bytes that no sound writer leaves: cut, scribbled over, or many times the same; and a guard against slow answers.
import fc from 'fast-check';
import * as assert from 'uvu/assert';

// A hang guard, far above what any of these take.
const HANG_MS = 10_000;

/**
 * Asserts that work is done with soon: a guard against time that grows faster than the input.
 * @param work - what to do
 * @returns its result
 */
export function soon<T>(work: () => T): T {
  const start = performance.now();
  const result = work();
  const took = performance.now() - start;
  assert.ok(took < HANG_MS, `took ${took} ms`);
  return result;
}

/**
 * @param bytes - a file
 * @yields every beginning of it, the empty one first, in memory of its own
 */
export function* beginnings(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length++) yield Uint8Array.from(bytes.subarray(0, length));
}

/**
 * Files with a few bytes of noise in them, and cut anywhere.
 * @param bytes - a sound file
 * @returns the arbitrary
 */
export function scribbled(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const value = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255));
  const places = fc.array(fc.tuple(fc.nat(bytes.length - 1), value), { maxLength: 12 });
  return fc.tuple(places, fc.nat(bytes.length)).map(([changes, cut]) => {
    const changed = Uint8Array.from(bytes);
    for (const [at, byte] of changes) changed[at] = byte;
    // Half of them stay whole.
    return cut % 2 === 0 ? changed : changed.slice(0, cut);
  });
}

/**
 * Asserts that a reader answers, whatever it is given: cut files, scribbled ones, noise behind a true beginning.
 * @param read - the reader under test
 * @param bytes - a sound file
 * @param signature - how many of its first bytes are what the reader is chosen by, and always there
 */
export function neverThrows(
  read: (bytes: Uint8Array) => unknown,
  bytes: Uint8Array,
  signature: number,
): void {
  for (const beginning of beginnings(bytes)) if (beginning.length >= signature) read(beginning);
  fc.assert(
    fc.property(scribbled(bytes.subarray(signature)), (rest) => {
      read(Buffer.concat([bytes.subarray(0, signature), rest]));
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (rest) => {
      read(Buffer.concat([bytes.subarray(0, signature), rest]));
    }),
    { numRuns: 2000 },
  );
}
