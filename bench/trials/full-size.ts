// Trial: a SigLIP model of full size, end to end, against transformers.js with each kind of file that a hub has.
import { SemanticVision } from 'semantic-vision';
import { resizedPhoto } from '../jpegs.js';
import { measure } from '../measure.js';
import { variantFolder, type Variant } from '../models/variants.js';
import { open } from '../peers/transformers-siglip.js';
import { CPUS } from '../subjects.js';
import type { Trial } from '../trial.js';

const OURS = 'semantic-vision, int8';
const EXACT = 'semantic-vision, fp32';
const PEERS = {
  'transformers.js, fp32': 'fp32',
  'transformers.js, q8': 'q8',
  'transformers.js, int8': 'int8',
} as const satisfies Record<string, Variant>;
const LABEL = `640x480 JPEG, ${CPUS} threads`;

/** Encoded bytes in, vector out; nothing is cached but the weights. */
export const fullSize: Trial = {
  name: 'full-size',
  about: 'siglip-base-patch16-224 (random weights), one image after another, encoded bytes in, vector out',
  subjects: [OURS, EXACT, ...Object.keys(PEERS)],
  races: [
    { label: LABEL, subject: OURS, peer: 'transformers.js, fp32', times: 3 },
    { label: LABEL, subject: OURS, peer: 'transformers.js, q8', times: 2 },
    { label: LABEL, subject: OURS, peer: 'transformers.js, int8', times: 1 },
  ],
  async run(name, effort) {
    const image = await resizedPhoto(0, { width: 640, height: 480 });
    const subject =
      name in PEERS
        ? await open(await variantFolder(PEERS[name as keyof typeof PEERS]), CPUS)
        : await openOurs(await variantFolder(name === OURS ? 'ours' : 'fp32'));
    const figure = await measure(LABEL, effort.times(15), () => subject.embed(image));
    await subject.close();
    return [figure];
  },
};

async function openOurs(model: string) {
  const vision = await SemanticVision.create({
    model,
    workers: 1,
    intraOpNumThreads: CPUS,
    cacheMaxBytes: 0,
  });
  return { embed: (image: Uint8Array) => vision.embedImage(image), close: () => vision.close() };
}
