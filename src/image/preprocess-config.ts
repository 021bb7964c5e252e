// How a model wants its images: preprocessor_config.json or the same keys in camelCase, validated; the rest is refused.
import {
  HARMLESS_KEYS,
  classNameOf,
  imageProcessorClass,
  type ImageProcessorClass,
} from './image-processors.js';
import { ConfigReader } from './preprocess-reader.js';
import type { PreprocessConfig, Preprocessing } from './preprocessing.js';

/** Bumped whenever the same bytes and configuration would give another tensor; part of every fingerprint. */
export const PREPROCESSING_VERSION = 3;

type Json = Readonly<Record<string, unknown>>;

// The file's keys that are ours in another spelling.
const FILE_KEYS: ReadonlyMap<string, keyof PreprocessConfig> = new Map([
  ['size', 'size'],
  ['resample', 'resample'],
  ['do_center_crop', 'doCenterCrop'],
  ['crop_size', 'cropSize'],
  ['do_rescale', 'doRescale'],
  ['rescale_factor', 'rescaleFactor'],
  ['do_normalize', 'doNormalize'],
  ['image_mean', 'imageMean'],
  ['image_std', 'imageStd'],
]);
// In every version null is Python's None: a switch that is off. Sizes, filters, means and deviations of None are the class's
// own, or an error.
const SWITCHES = new Set<string>([
  'doCenterCrop',
  'doRescale',
  'doNormalize',
] satisfies (keyof PreprocessConfig)[]);
const OWN_KEYS = new Set<string>(FILE_KEYS.values());
// Read by checkSteps.
const STEP_KEYS = new Set(['do_resize', 'do_pad', 'pad_size', 'data_format', 'default_to_square']);

const FIXED_SIZE = 'Choose a model of a fixed image size, such as google/siglip2-base-patch16-224.';
const NOT_A_STEP =
  'If the model’s images are the same without it, take it out of the file; otherwise this preprocessing is not supported.';

/**
 * Interprets a parsed `preprocessor_config.json`, or the `processor_config.json` of transformers 5, which holds the same
 * keys under `image_processor`. Every key means what it means to the class of transformers that the file names.
 * @param json - the parsed file
 * @param file - its name, for messages
 * @returns the configuration
 * @throws `MODEL_INVALID` naming the key that is missing or not understood
 */
export function parsePreprocessConfig(json: unknown, file: string): Preprocessing {
  const reader = new ConfigReader('MODEL_INVALID', file);
  const given = keysOf(json, file, reader);
  const name = classNameOf(given);
  if (name === 'Siglip2ImageProcessor' || 'max_num_patches' in given) {
    const what = '"max_num_patches"';
    throw reader.invalid(
      what,
      'no such key: NaFlex models take images of any size',
      given.max_num_patches,
      FIXED_SIZE,
    );
  }
  const known = imageProcessorClass(name);
  const config: Record<string, unknown> = { ...known?.defaults };
  for (const [key, value] of Object.entries(given)) {
    const own = FILE_KEYS.get(key);
    // A step that is off changes nothing, whatever it is.
    const isOff = value === null || value === undefined || (value === false && /^(do|use)_/.test(key));
    if (own !== undefined) {
      if (value === null && SWITCHES.has(own)) config[own] = false;
      else if (value !== null && value !== undefined) config[own] = value;
    } else if (!isOff && !HARMLESS_KEYS.has(key) && !STEP_KEYS.has(key)) {
      throw reader.invalid(`"${key}"`, 'only keys that are understood', value, NOT_A_STEP);
    }
  }
  if (name !== undefined && known === undefined) checkUnknown(name, given, reader);
  config.size = fileSize(config.size, isSquare(given, known, reader));
  // A crop has no shortest edge.
  config.cropSize = fileSize(config.cropSize, true);
  const resolved = reader.resolve(config);
  checkSteps(given, resolved, reader);
  return resolved;
}

/**
 * Validates a configuration given in code.
 * @param config - the keys in camelCase
 * @returns the configuration
 * @throws `INVALID_ARGUMENT` naming the key
 */
export function resolvePreprocessConfig(config: PreprocessConfig): Preprocessing {
  const reader = new ConfigReader('INVALID_ARGUMENT', 'config');
  const given: unknown = config;
  if (typeof given !== 'object' || given === null) throw reader.invalid('config', 'an object', given);
  const unknown = Object.keys(given).find((key) => !OWN_KEYS.has(key));
  if (unknown !== undefined) throw reader.invalid(`"${unknown}"`, 'only keys that are understood', unknown);
  return reader.resolve(given as Record<string, unknown>);
}

function keysOf(json: unknown, file: string, reader: ConfigReader): Json {
  if (typeof json !== 'object' || json === null) throw reader.invalid('the content', 'an object', json);
  const nested = 'image_processor' in json ? json.image_processor : undefined;
  if (typeof nested === 'object' && nested !== null) return nested as Json;
  // Version 4 wrote files of that name which say nothing about images.
  if (nested !== undefined || /(^|[\\/])processor_config\.json$/.test(file)) {
    const advice = 'Add the preprocessor_config.json that the model was trained with.';
    throw reader.invalid('"image_processor"', 'an object', nested, advice);
  }
  return json as Json;
}

// A class that is not known here may have any defaults: its file has to leave nothing open.
function checkUnknown(name: string, given: Json, reader: ConfigReader): void {
  const why = `(the defaults of ${name} are not known here)`;
  const { size, resample, do_pad: pad } = given;
  if (typeof size === 'number')
    throw reader.invalid('"size"', `{ height, width } or { shortestEdge } ${why}`, size);
  if (resample === undefined || resample === null) {
    throw reader.invalid('"resample"', `Pillow's number of a filter, 0 to 5 ${why},`, resample);
  }
  if (pad === true) throw reader.invalid('"do_pad"', `false ${why}`, pad, NOT_A_STEP);
}

function isSquare(given: Json, known: ImageProcessorClass | undefined, reader: ConfigReader): boolean {
  return reader.flag(given.default_to_square ?? undefined, 'defaultToSquare', known?.square ?? false);
}

// The steps that this library always takes, or never.
function checkSteps(given: Json, { cropSize }: Preprocessing, reader: ConfigReader): void {
  const { do_resize: resize, do_pad: pad, pad_size: padSize, data_format: format } = given;
  if (!reader.flag(resize === null ? false : resize, 'doResize', true)) {
    throw reader.invalid(
      '"do_resize"',
      'true',
      resize,
      'Say in "size" and "resample" how the model wants its images.',
    );
  }
  if ((format ?? 'channels_first') !== 'channels_first') {
    throw reader.invalid(
      '"data_format"',
      '"channels_first"',
      format,
      'Export the model with channels first.',
    );
  }
  // Images of a batch are filled up to the largest of it, and here all have the same size.
  if (reader.flag(pad ?? undefined, 'doPad', false) && padSize !== undefined && padSize !== null) {
    const { height, width } = (fileSize(padSize, true) ?? {}) as { height?: unknown; width?: unknown };
    if (height !== cropSize.height || width !== cropSize.width) {
      throw reader.invalid('"pad_size"', 'the size of the tensor, or null,', padSize, NOT_A_STEP);
    }
  }
}

// Older files have a number, and two in brackets whose order depends on the version; newer ones have snake case.
function fileSize(size: unknown, square: boolean): unknown {
  if (typeof size === 'number') return square ? { height: size, width: size } : { shortestEdge: size };
  if (Array.isArray(size)) {
    const [height, width] = size as unknown[];
    return size.length === 2 && height === width ? { height, width } : size;
  }
  if (typeof size !== 'object' || size === null) return size;
  // Version 5 writes every key that a size can have.
  const given = Object.entries(size).filter(([, value]) => value !== null);
  return Object.fromEntries(
    given.map(([key, value]) => [key === 'shortest_edge' ? 'shortestEdge' : key, value]),
  );
}
