// AbortSignal as the library treats it: a rejection with code ABORTED, the signal's reason as its cause.
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { VisionError } from './errors.js';

/**
 * Throws when a signal has fired.
 * @param signal - may be undefined
 * @throws `ABORTED`
 */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal);
}

/**
 * Follows a promise until a signal fires. What the promise does after that is ignored.
 * @param promise - the work
 * @param signal - may be undefined
 * @param onAbort - called once if the signal fires first
 * @returns the promise's value
 * @throws `ABORTED`, or whatever the promise rejects with
 */
export async function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  onAbort?: () => void,
): Promise<T> {
  if (signal === undefined) return promise;
  expectManyListeners(signal);
  return new Promise<T>((resolve, reject) => {
    const fire = () => {
      reject(aborted(signal));
      onAbort?.();
    };
    const settle = () => signal.removeEventListener('abort', fire);
    promise.then(resolve, reject).finally(settle);
    if (signal.aborted) fire();
    else signal.addEventListener('abort', fire, { once: true });
  });
}

/**
 * Waits.
 * @param ms - how long
 * @param signal - ends the wait at once
 * @throws `ABORTED`
 */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal && { signal }).catch((error: unknown) => {
    throwIfAborted(signal);
    throw error;
  });
}

// Many requests may share one signal, each for as long as it runs: that is no leak to be warned of.
function expectManyListeners(signal: AbortSignal): void {
  try {
    setMaxListeners(0, signal);
  } catch {
    // Where jsdom makes the signals they are none of Node's, and warn of nothing.
  }
}

function aborted(signal: AbortSignal): VisionError {
  return new VisionError('ABORTED', 'The request was aborted by its AbortSignal.', { cause: signal.reason });
}
