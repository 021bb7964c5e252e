// Trial: how many images a second, when many are wanted.
import { allPhotos } from '../inputs.js';
import { measure } from '../measure.js';
import { DEFAULTS, openSubject, ORT_SHARP, TRANSFORMERS } from '../subjects.js';
import type { Trial } from '../trial.js';

/** The library by its stream; the peers with as many requests under way as the stream has. */
export const throughput: Trial = {
  name: 'throughput',
  about: 'all photos of examples/photos as fast as possible, no cache',
  subjects: [DEFAULTS, TRANSFORMERS, ORT_SHARP],
  async run(name, effort) {
    const subject = await openSubject(name);
    const photos = allPhotos();
    const rate = (ms: number) => (1000 * photos.length) / ms;
    const { value, p25, p75 } = await measure('pass', effort.times(4), () => subject.embedAll(photos));
    await subject.close();
    return [
      {
        label: `${photos.length} JPEGs`,
        unit: 'images/s',
        value: rate(value),
        p25: rate(p75!),
        p75: rate(p25!),
      },
    ];
  },
};
