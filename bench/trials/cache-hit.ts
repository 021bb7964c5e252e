// Trial: how long an image takes whose vector is known.
import { readFileSync } from 'node:fs';
import { SemanticVision } from 'semantic-vision';
import { LARGE_PHOTO } from '../inputs.js';
import { measure } from '../measure.js';
import { DEFAULTS } from '../subjects.js';
import type { Trial } from '../trial.js';

/** The bytes are copied and hashed each time; a path is also opened and read. */
export const cacheHit: Trial = {
  name: 'cache-hit',
  about: 'embedImage of a 130 KB JPEG that was embedded before',
  subjects: [DEFAULTS],
  async run(_, effort) {
    await using vision = await SemanticVision.create();
    const bytes = readFileSync(LARGE_PHOTO);
    const hit = async (image: Uint8Array | string) => {
      const { cached } = await vision.embedImage(image);
      if (!cached) throw new Error('Expected a cache hit.');
    };
    await vision.embedImage(bytes);
    return [
      { ...(await measure('as Buffer', effort.times(2000), () => hit(bytes))), below: 0.3 },
      { ...(await measure('as path', effort.times(2000), () => hit(LARGE_PHOTO))), below: 0.3 },
    ];
  },
};
