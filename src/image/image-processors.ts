// What the image processor classes of transformers do where a file leaves it open, and which of their keys touch no pixel.
import type { PreprocessConfig } from './preprocessing.js';

/** A class of transformers. */
export interface ImageProcessorClass {
  /** Whether a size that is one number means a square; otherwise it is the shortest edge (`default_to_square`). */
  square: boolean;
  /** What holds where the file says nothing, or null. */
  defaults: PreprocessConfig;
}

// transformers/image_utils.py, alike in 4 and 5: IMAGENET_STANDARD_*, IMAGENET_DEFAULT_* and OPENAI_CLIP_*.
const HALF = { imageMean: [0.5, 0.5, 0.5], imageStd: [0.5, 0.5, 0.5] };
const IMAGENET = { imageMean: [0.485, 0.456, 0.406], imageStd: [0.229, 0.224, 0.225] };
const CLIP = {
  imageMean: [0.48145466, 0.4578275, 0.40821073],
  imageStd: [0.26862954, 0.26130258, 0.27577711],
};
const SQUARE = { height: 224, width: 224 };

// transformers/models/*/image_processing_*.py of 4.57.6 and 5.18.0. The slow and the fast class of a name (4), and its PIL
// and torchvision backend (5), have the same defaults.
const SHORTEST_EDGE: ImageProcessorClass = {
  square: false,
  defaults: { size: { shortestEdge: 224 }, resample: 3, doCenterCrop: true, cropSize: SQUARE, ...CLIP },
};
const CLASSES: ReadonlyMap<string, ImageProcessorClass> = new Map([
  // SigLIP 2 of fixed resolution has this class too, and a bilinear filter in its files.
  ['SiglipImageProcessor', { square: false, defaults: { size: SQUARE, resample: 3, ...HALF } }],
  ['CLIPImageProcessor', SHORTEST_EDGE],
  ['ViTImageProcessor', { square: true, defaults: { size: SQUARE, resample: 2, ...HALF } }],
  // DINOv2, whose files have ImageNet's mean.
  ['BitImageProcessor', SHORTEST_EDGE],
  ['DINOv3ViTImageProcessor', { square: true, defaults: { size: SQUARE, resample: 2, ...IMAGENET } }],
]);

/**
 * Keys that say who wrote the file, in what form tensors come and go, or on which device and in which order images are
 * worked on. Every image is RGB here, whatever `do_convert_rgb` says, and every tensor has the channels first.
 */
export const HARMLESS_KEYS: ReadonlySet<string> = new Set([
  '_processor_class',
  '_valid_kwargs_names',
  '_valid_processor_keys',
  'auto_map',
  'backend',
  'device',
  'disable_grouping',
  'do_convert_rgb',
  'feature_extractor_type',
  'image_processor_type',
  'image_seq_length',
  'input_data_format',
  'processor_class',
  'return_tensors',
  'use_fast',
]);

/**
 * The class that a file was written by.
 * @param json - the file's keys
 * @returns its name without what tells slow from fast; undefined where the file does not say
 */
export function classNameOf(json: Readonly<Record<string, unknown>>): string | undefined {
  const name = json.image_processor_type ?? json.feature_extractor_type;
  if (typeof name !== 'string') return undefined;
  // Before 4.25 image processors were called feature extractors; transformers maps the names in the same way.
  return name.replace(/(Fast|Pil)$/, '').replace('FeatureExtractor', 'ImageProcessor');
}

/**
 * What is known of a class.
 * @param name - as {@link classNameOf} gives it
 * @returns undefined for one that is not known here
 */
export function imageProcessorClass(name: string | undefined): ImageProcessorClass | undefined {
  return name === undefined ? undefined : CLASSES.get(name);
}
