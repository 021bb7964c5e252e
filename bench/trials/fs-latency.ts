// Trial: how long the program's own file reads wait while many large images are decoded: sharp works in libuv's threads too.
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { SemanticVision } from 'semantic-vision';
import sharp from 'sharp';
import { mosaic } from '../jpegs.js';
import { quantile, quartiles } from '../measure.js';
import type { Figure, Trial } from '../trial.js';

const LARGE = { width: 4032, height: 3024 };
const AT_ONCE = 4; // as many as libuv has threads
const OURS = `semantic-vision (${AT_ONCE} workers)`;
const BY_HAND = `sharp by hand, ${AT_ONCE} at once`;
const PAUSE_MS = 2;

/** A `stat` of an existing file, every few milliseconds. */
export const fsLatency: Trial = {
  name: 'fs-latency',
  about: `fs.stat while ${AT_ONCE} 12-megapixel JPEGs are decoded at a time; ratios of the p99`,
  subjects: [OURS, BY_HAND],
  async run(subject, effort) {
    const images = await Promise.all([0, 7, 14, 21].map((first) => mosaic(first, LARGE)));
    const rounds = effort.times(20, 4);
    const idle = await statsDuring('nothing else', () => sleep(1000));
    const busy = subject === OURS ? await ours(images) : byHand(images);
    const during = async () => {
      for (let round = 0; round < rounds; round++) await busy.decodeAll();
    };
    await busy.decodeAll();
    const figures = [idle, await statsDuring(`${AT_ONCE} images at a time`, during)];
    await busy.close();
    return figures;
  },
};

interface Busy {
  decodeAll: () => Promise<unknown>;
  close: () => Promise<void>;
}

async function ours(images: readonly Uint8Array[]): Promise<Busy> {
  const vision = await SemanticVision.create({ workers: AT_ONCE, intraOpNumThreads: 1, cacheMaxBytes: 0 });
  return {
    decodeAll: () => Promise.all(images.map((image) => vision.embedImage(image))),
    close: () => vision.close(),
  };
}

function byHand(images: readonly Uint8Array[]): Busy {
  return {
    decodeAll: () => Promise.all(images.map((image) => sharp(image).raw().toBuffer())),
    close: () => Promise.resolve(),
  };
}

async function statsDuring(label: string, work: () => Promise<unknown>): Promise<Figure> {
  const times: number[] = [];
  let working = true;
  const watch = async () => {
    while (working) {
      const start = performance.now();
      await stat(process.execPath);
      times.push(performance.now() - start);
      await sleep(PAUSE_MS);
    }
  };
  const watching = watch();
  await work();
  working = false;
  await watching;
  const [p99, max] = [quantile(times, 0.99), Math.max(...times)];
  return { label: `stat, ${label}`, unit: 'ms', ...quartiles(times), p99, max, judgedBy: 'p99' };
}
