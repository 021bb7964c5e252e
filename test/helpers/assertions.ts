// Assertions that several test files share.
import * as assert from 'uvu/assert';
import { VisionError, type VisionErrorCode } from '../../dist/esm/errors.js';

/**
 * Asserts that work is refused with a code, by a throw or a rejection.
 * @param work - what is expected to fail
 * @param code - the expected code
 * @param message - pattern that the message must match
 * @returns the error
 */
export async function refused(
  work: Promise<unknown> | (() => unknown),
  code: VisionErrorCode,
  message?: RegExp,
): Promise<VisionError> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    if (!(error instanceof VisionError)) throw error;
    assert.is(error.code, code, error.message);
    if (message !== undefined) assert.match(error.message, message);
    return error;
  }
  assert.unreachable(`expected ${code} but nothing failed`);
  throw new Error('unreachable');
}

/**
 * Asserts that two vectors are the same to the last bit.
 * @param actual - a vector
 * @param expected - another
 * @param message - what is being compared
 */
export function sameBits(actual: Float32Array, expected: Float32Array, message = ''): void {
  assert.is(actual.length, expected.length, message);
  assert.ok(bytesOf(actual).equals(bytesOf(expected)), `${message} differs`);
}

/**
 * @param vector - any vector
 * @returns its Euclidean length
 */
export function lengthOf(vector: Float32Array): number {
  return Math.hypot(...vector);
}

/**
 * Waits for a condition, turn by turn of the event loop.
 * @param condition - what to wait for
 * @param what - named when it never comes
 * @param guardMs - hang guard
 */
export async function until(condition: () => boolean, what: string, guardMs = 20_000): Promise<void> {
  const end = Date.now() + guardMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/**
 * Guards a promise against never settling.
 * @param promise - what must settle
 * @param what - named when it does not
 * @param guardMs - hang guard
 * @returns its value
 */
export async function settles<T>(promise: Promise<T>, what: string, guardMs = 20_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`never settled: ${what}`)), guardMs);
  });
  return Promise.race([promise, hang]).finally(() => clearTimeout(timer));
}

function bytesOf(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}
