// SigLIP's preprocessing at 224 x 224, for the library and for transformers.js.
import { SiglipImageProcessor } from '@huggingface/transformers';
import { resolvePreprocessConfig } from '../dist/esm/image/preprocess-config.js';

/** Side of the tensor. */
export const SIDE = 224;

const SIZE = { width: SIDE, height: SIDE };
const HALF = [0.5, 0.5, 0.5];

/** For the library. */
export const SIGLIP = resolvePreprocessConfig({ size: SIZE, resample: 3, imageMean: HALF, imageStd: HALF });

/** @returns transformers.js's processor with the same settings */
export function siglipProcessor(): SiglipImageProcessor {
  return new SiglipImageProcessor({
    do_resize: true,
    do_rescale: true,
    do_normalize: true,
    resample: 3,
    rescale_factor: 1 / 255,
    image_mean: HALF,
    image_std: HALF,
    size: SIZE,
  });
}
