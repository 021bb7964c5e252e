// Trial: where the time of an image goes.
import { allPhotos } from '../inputs.js';
import { DEFAULTS, ONE_WORKER, openVision } from '../subjects.js';
import type { Trial } from '../trial.js';

/** One image after another; `rest` is what the stages do not explain: copying, hashing, two hops between threads. */
export const stages: Trial = {
  name: 'stages',
  about: 'mean time of each stage over the photos, one after another, no cache',
  subjects: [ONE_WORKER, DEFAULTS],
  async run(name, effort) {
    await using vision = await openVision(name);
    const photos = allPhotos();
    const passes = effort.times(2);
    const start = performance.now();
    for (let pass = 0; pass < passes; pass++) {
      for (const photo of photos) await vision.embedImage(photo);
    }
    const total = (performance.now() - start) / (passes * photos.length);
    const { decode, preprocess, inference } = vision.stats().timings;
    const means = {
      decode: decode.meanMs,
      'preprocess (resize + normalise)': preprocess.meanMs,
      inference: inference.meanMs,
      rest: total - decode.meanMs - preprocess.meanMs - inference.meanMs,
      total,
    };
    return Object.entries(means).map(([label, value]) => ({ label: `${label} (mean)`, unit: 'ms', value }));
  },
};
