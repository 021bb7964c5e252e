// Trial: how long one image takes, end to end, when nothing else is asked for.
import { readFileSync } from 'node:fs';
import { LARGE_PHOTO, SMALL_PHOTO } from '../inputs.js';
import { measure } from '../measure.js';
import { DEFAULTS, ONE_WORKER, openSubject, ORT_SHARP, TRANSFORMERS } from '../subjects.js';
import type { Trial } from '../trial.js';

/** Sequential, so that single flight has nothing to coalesce. */
export const latency: Trial = {
  name: 'latency',
  about: 'one image after another, encoded bytes in, vector out, no cache',
  subjects: [ONE_WORKER, DEFAULTS, TRANSFORMERS, ORT_SHARP],
  async run(name, effort) {
    const subject = await openSubject(name);
    const [large, small] = [readFileSync(LARGE_PHOTO), readFileSync(SMALL_PHOTO)];
    const figures = [
      await measure('JPEG 800x600, 130 KB', effort.times(25), () => subject.embed(large)),
      await measure('JPEG 640x427, 43 KB', effort.times(25), () => subject.embed(small)),
    ];
    await subject.close();
    return figures;
  },
};
