// Trial: the bytes of a JPEG to the tensor that the model takes, in one process without a pool.
import { RawImage } from '@huggingface/transformers';
import sharp from 'sharp';
import type { DecodeMode } from '../../dist/esm/image/decode.js';
import { readHeader } from '../../dist/esm/image/header.js';
import { Preprocessor } from '../../dist/esm/image/preprocess.js';
import { mosaic, resizedPhoto } from '../jpegs.js';
import { freeImages, measure } from '../measure.js';
import { SIDE, SIGLIP, siglipProcessor } from '../siglip.js';
import type { Figure, Trial } from '../trial.js';

const SMALL = { width: 640, height: 480 };
const LARGE = { width: 4032, height: 3024 };
const PHOTO = 21; // mountain-peaks.jpg
const PIXEL_LIMIT = 100_000_000;
const OURS = 'semantic-vision, exact';
const FAST = 'semantic-vision, fast';
const TRANSFORMERS = 'transformers.js';

const INPUTS = [
  { label: '640x480 photo', samples: 100, below: 4, make: () => resizedPhoto(PHOTO, SMALL) },
  { label: '12 MP mosaic of photos', samples: 11, make: () => mosaic(0, LARGE) },
  { label: '12 MP enlarged photo', samples: 11, make: () => resizedPhoto(PHOTO, LARGE) },
];

/** sharp, which transformers.js and `fast` use, gets one thread; so does everything else. */
export const fileToTensor: Trial = {
  name: 'file-to-tensor',
  about: `JPEG bytes (quality 90, 4:2:0) to a ${SIDE}x${SIDE} tensor, bicubic`,
  subjects: [OURS, FAST, TRANSFORMERS],
  races: [
    { label: INPUTS[0]!.label, subject: OURS, peer: TRANSFORMERS, times: 1 },
    ...INPUTS.slice(1).flatMap(({ label }) => [
      { label, subject: OURS, peer: TRANSFORMERS, times: 1 },
      { label, subject: FAST, peer: TRANSFORMERS, times: 2.2 },
    ]),
  ],
  async run(subject, effort) {
    sharp.concurrency(1);
    sharp.cache(false);
    const toTensor = subject === TRANSFORMERS ? theirs() : ours(subject === FAST ? 'fast' : 'exact');
    const figures: Figure[] = [];
    for (const { label, samples, below, make } of INPUTS) {
      const jpeg = await make();
      const figure = await measure(label, effort.times(samples), () => toTensor(jpeg), freeImages);
      figures.push(subject === OURS && below !== undefined ? { ...figure, below } : figure);
    }
    return figures;
  },
};

// What a worker does with an image, without the worker.
function ours(decode: DecodeMode): (jpeg: Uint8Array) => Promise<unknown> {
  const options = { autoOrient: true, limitInputPixels: PIXEL_LIMIT, decode };
  const preprocessor = new Preprocessor(SIGLIP, options);
  return async (jpeg) => {
    preprocessor.write(await preprocessor.decode(jpeg, readHeader(jpeg, PIXEL_LIMIT)));
    return preprocessor.tensor;
  };
}

function theirs(): (jpeg: Uint8Array) => Promise<unknown> {
  const processor = siglipProcessor();
  return async (jpeg): Promise<unknown> => processor([await RawImage.fromBlob(new Blob([jpeg]))]);
}
