// Long work in short slices: gives the event loop a turn whenever the present slice has taken long enough.
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long one slice may hold the event loop, in ms, give or take the step under way. */
const SLICE_MS = 3;

/**
 * Starts counting the time of slices.
 * @returns a function to ask after each step: undefined while the slice has time left, else a promise to await
 */
export function startSlices(): () => Promise<void> | undefined {
  let started = performance.now();
  return () => {
    if (performance.now() - started < SLICE_MS) return undefined;
    return nextTurn().then(() => {
      started = performance.now();
    });
  };
}
