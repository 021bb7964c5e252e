// Running totals of where the time goes.
import type { StageTimes } from './pool/protocol.js';
import type { StageTiming, VisionStats } from './types.js';

const STAGES = ['decode', 'preprocess', 'inference'] as const;

/** Sums the stage times of all images. */
export class StageClock {
  readonly #stages = {
    decode: { count: 0, totalMs: 0, maxMs: 0 },
    preprocess: { count: 0, totalMs: 0, maxMs: 0 },
    inference: { count: 0, totalMs: 0, maxMs: 0 },
  };

  /**
   * Adds one image.
   * @param times - ms in each stage
   */
  add(times: StageTimes): void {
    for (const name of STAGES) {
      const stage = this.#stages[name];
      stage.count++;
      stage.totalMs += times[name];
      stage.maxMs = Math.max(stage.maxMs, times[name]);
    }
  }

  /**
   * The totals so far.
   * @returns for {@link VisionStats.timings}
   */
  timings(): VisionStats['timings'] {
    const of = (name: (typeof STAGES)[number]): StageTiming => {
      const { count, totalMs, maxMs } = this.#stages[name];
      return { count, totalMs, meanMs: count === 0 ? 0 : totalMs / count, maxMs };
    };
    return { decode: of('decode'), preprocess: of('preprocess'), inference: of('inference') };
  }
}
