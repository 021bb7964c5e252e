// Records the intervals that are started, so that a test need not wait an hour for one.

/** An interval that was started. */
export interface RecordedTimer {
  ms: number;
  /** Does what it would do when its time comes. */
  tick: () => void;
  /** @returns whether it was ended */
  isCleared: () => boolean;
}

/** @returns the intervals that are started from now on, and what ends the recording */
export function recordTimers(): { started: RecordedTimer[]; restore: () => void } {
  const { setInterval: original } = globalThis;
  const started: RecordedTimer[] = [];
  const recording = (tick: () => void, ms: number) => {
    const timer = original(tick, ms);
    // Node's own mark of a timer that will not fire any more.
    const isCleared = () => (timer as unknown as { _destroyed: boolean })._destroyed;
    started.push({ ms, tick, isCleared });
    return timer;
  };
  globalThis.setInterval = recording as typeof setInterval;
  return { started, restore: () => (globalThis.setInterval = original) };
}
