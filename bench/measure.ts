// Times a function that can be repeated, with tinybench.
import { Bench } from 'tinybench';
import { reclaim } from '../dist/esm/pool/reclaim.js';
import type { Figure } from './trial.js';

/**
 * Calls `work` `samples` times, one after another, after a warm-up.
 * @param label - name of the figure
 * @param samples - how many calls are timed
 * @param work - what to time
 * @param between - runs after each call, not timed
 * @returns the figure, in ms
 */
export async function measure(
  label: string,
  samples: number,
  work: () => Promise<unknown>,
  between: () => Promise<void> = () => Promise.resolve(),
): Promise<Figure> {
  const cpuTimes: number[] = [];
  let before = process.cpuUsage();
  const bench = new Bench({
    time: 0,
    iterations: samples,
    warmupTime: 0,
    warmupIterations: Math.max(2, Math.ceil(samples / 10)),
    retainSamples: true,
    throws: true,
  });
  bench.add(label, work, {
    async: true,
    beforeEach: () => {
      before = process.cpuUsage();
    },
    afterEach: async () => {
      const { user, system } = process.cpuUsage(before);
      cpuTimes.push((user + system) / 1000);
      await between();
    },
  });
  await bench.run();
  const result = bench.getTask(label)!.result;
  if (result.state !== 'completed')
    throw new Error(`The task "${label}" ended in the state ${result.state}.`);
  const { samples: times, max } = result.latency;
  if (times === undefined) throw new Error(`The task "${label}" kept no samples.`);
  const cpu = quantile(cpuTimes.slice(-samples), 0.5); // the first ones are the warm-up's
  return { label, unit: 'ms', ...quartiles(times), p99: quantile(times, 0.99), max, cpu };
}

/**
 * For `between`: frees the large native buffers of the call before, whose finalizers need a turn of the event loop.
 * Without it some subjects would hold gigabytes after forty images.
 */
export async function freeImages(): Promise<void> {
  await reclaim(Infinity);
}

/**
 * @param values - in any order
 * @returns the median as `value`, and the middle half around it
 */
export function quartiles(values: readonly number[]): { value: number; p25: number; p75: number } {
  return { value: quantile(values, 0.5), p25: quantile(values, 0.25), p75: quantile(values, 0.75) };
}

/**
 * @param values - at least one, in any order
 * @param q - 0 to 1
 * @returns the quantile, interpolated between neighbours
 */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = q * (sorted.length - 1);
  const below = sorted[Math.floor(position)]!;
  return below + (sorted[Math.ceil(position)]! - below) * (position - Math.floor(position));
}
