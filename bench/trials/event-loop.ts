// Trial: how long everything else in the process waits while images are being embedded.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { distinctImages } from '../inputs.js';
import { DEFAULTS, openSubject, ORT_SHARP, TRANSFORMERS } from '../subjects.js';
import type { Figure, Trial } from '../trial.js';

const IMAGES = 64;
const NS_PER_MS = 1e6;

/** The monitor samples with a timer of 1 ms, so an idle loop shows a little over 1 ms: it is printed beside. */
export const eventLoop: Trial = {
  name: 'event-loop',
  about: `event-loop delay while ${IMAGES} different images are embedded, no cache; ratios of the p99`,
  subjects: [DEFAULTS, TRANSFORMERS, ORT_SHARP],
  async run(name) {
    const subject = await openSubject(name);
    const images = distinctImages(IMAGES + 1);
    await subject.embed(images.pop()!);
    let took = 0;
    const atOnce = async () => {
      const start = performance.now();
      await Promise.all(images.map((image) => subject.embed(image)));
      took = performance.now() - start;
    };
    // The kindest way to use a peer that blocks: the loop runs between two images.
    const oneByOne = async () => {
      for (const image of images) await subject.embed(image);
    };
    const figures: Figure[] = [
      await delayDuring('nothing asked for', () => sleep(1000)),
      { ...(await delayDuring(`${IMAGES} images at once`, atOnce)), below: 5 },
      { label: `${IMAGES} images at once: all done after`, unit: 'ms', value: took },
      await delayDuring(`${IMAGES} images one after another`, oneByOne),
    ];
    await subject.close();
    return figures;
  },
};

async function delayDuring(label: string, work: () => Promise<unknown>): Promise<Figure> {
  const monitor = monitorEventLoopDelay({ resolution: 1 });
  monitor.enable();
  // A delay is recorded when the monitor's timer fires after it: let it fire before and after.
  await sleep(20);
  monitor.reset();
  await work();
  await sleep(20);
  monitor.disable();
  const at = (percentile: number) => monitor.percentile(percentile) / NS_PER_MS;
  // The tail is what the rest of the process feels.
  const quarters = { value: at(50), p25: at(25), p75: at(75) };
  return { label, unit: 'ms', ...quarters, p99: at(99), max: monitor.max / NS_PER_MS, judgedBy: 'p99' };
}
