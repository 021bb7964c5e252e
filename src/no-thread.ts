// The errors for threads and processes that the system does not grant.
import { VisionError, messageOf } from './errors.js';

const ADVICE =
  'The user or the container is at its limit of threads and processes (RLIMIT_NPROC, "ulimit -u"; the pids limit, ' +
  '"--pids-limit" or pids.max): raise it, or ask for fewer workers.';

// What Node, glib, ONNX Runtime and the system itself call it.
const NO_THREAD = /\bEAGAIN\b|Resource temporarily unavailable|pthread_create failed/;

/**
 * Whether an error says that no thread or process could be started.
 * @param cause - anything that was thrown
 * @returns true if its message does
 */
export function saysNoThread(cause: unknown): boolean {
  return NO_THREAD.test(messageOf(cause));
}

/**
 * The error for a thread or process that could not be started because there are too many.
 * @param what - such as "A thread"
 * @param cause - what was thrown
 * @returns a `WORKER_FAILED` that names the limits
 */
export function noThread(what: string, cause: unknown): VisionError {
  return new VisionError('WORKER_FAILED', `${what} could not be started: ${messageOf(cause)}. ${ADVICE}`, {
    cause,
  });
}
