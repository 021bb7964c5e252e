// Trial: what it costs to decode in a child process, as a worker sees it.
import { SemanticVision } from 'semantic-vision';
import { mosaic, resizedPhoto } from '../jpegs.js';
import { measure, quartiles } from '../measure.js';
import type { Figure, Trial } from '../trial.js';

const NONE = "isolation: 'none'";
const PROCESS = "isolation: 'process'";
const PHOTO = 21; // mountain-peaks.jpg
const INPUTS = [
  { label: '640x480 photo', samples: 100, make: () => resizedPhoto(PHOTO, { width: 640, height: 480 }) },
  { label: '12 MP mosaic of photos', samples: 15, make: () => mosaic(0, { width: 4032, height: 3024 }) },
];

/** The stages are timed by the worker: bytes that it has been handed to a tensor, ways to the child process included. */
export const isolation: Trial = {
  name: 'isolation',
  about:
    'JPEG bytes to tensor in the worker, and to vector through the whole library; at most 1 ms and 15 % more',
  subjects: [NONE, PROCESS],
  async run(subject, effort) {
    const figures: Figure[] = [];
    for (const { label, samples, make } of INPUTS) {
      const jpeg = await make();
      const vision = await SemanticVision.create({
        workers: 1,
        cacheMaxBytes: 0,
        isolation: subject === PROCESS ? 'process' : 'none',
      });
      const toTensor: number[] = [];
      let before = 0;
      const whole = await measure(`${label}, to vector`, effort.times(samples), async () => {
        await vision.embedImage(jpeg);
        const { decode, preprocess } = vision.stats().timings;
        const total = decode.totalMs + preprocess.totalMs;
        toTensor.push(total - before);
        before = total;
      });
      // The first ones are the warm-up's.
      const timed = toTensor.slice(-effort.times(samples));
      figures.push({ label: `${label}, to tensor`, unit: 'ms', ...quartiles(timed) }, whole);
      await vision.close();
    }
    return figures;
  },
};
