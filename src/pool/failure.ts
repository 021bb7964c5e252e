// Errors as data and back: their class, code and cause do not survive the way between threads and processes.
import { VisionError, messageOf } from '../errors.js';
import { isError } from '../realm.js';
import type { Failure } from './protocol.js';

/**
 * What is left of an error on the way.
 * @param error - anything that was thrown
 * @returns its code, `WORKER_FAILED` for what has none, its message, and that of the error underneath
 */
export function failureOf(error: unknown): Failure {
  const code = error instanceof VisionError ? error.code : 'WORKER_FAILED';
  const cause = isError(error) && isError(error.cause) ? error.cause.message : undefined;
  return { ok: false, code, message: messageOf(error), cause };
}

/**
 * The error again, where the failure has arrived.
 * @param failure - from {@link failureOf}
 * @returns to be thrown
 */
export function errorOf({ code, message, cause }: Failure): VisionError {
  return new VisionError(code, message, cause === undefined ? undefined : { cause: new Error(cause) });
}
