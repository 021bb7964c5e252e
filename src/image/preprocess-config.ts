// Reads a model's preprocessor_config.json: what is understood becomes a PreprocessConfig, anything else is refused.
import { VisionError, describe } from '../errors.js';

/** Bumped whenever the same bytes and configuration would give another tensor; part of every fingerprint. */
export const PREPROCESSING_VERSION = 1;

const KNOWN_KEYS = new Set([
  'do_resize',
  'size',
  'resample',
  'do_center_crop',
  'crop_size',
  'do_rescale',
  'rescale_factor',
  'do_normalize',
  'image_mean',
  'image_std',
  // These name things without changing a pixel. Images are always RGB here, whatever do_convert_rgb says.
  'do_convert_rgb',
  'image_processor_type',
  'feature_extractor_type',
  'processor_class',
  '_processor_class',
  '_valid_processor_keys',
]);

/** The keys of `preprocessor_config.json` that say how an image becomes a tensor, in camelCase. */
export interface PreprocessConfig {
  /** Squash to exactly this size, or scale so that the shortest edge has this length; pixels. */
  size: { height: number; width: number } | { shortestEdge: number };
  /** Pillow's number of the filter: 2 bilinear, 3 bicubic. */
  resample: 2 | 3;
  /** Cut `cropSize` out of the middle after resizing. */
  doCenterCrop: boolean;
  /** Size of the tensor, in pixels. */
  cropSize: { height: number; width: number };
  /** Factor on the byte values, usually 1/255; 1 when rescaling is off. */
  rescaleFactor: number;
  /** Subtracted from each channel after rescaling; 0 when normalising is off. */
  imageMean: readonly [number, number, number];
  /** Divides each channel after the mean; 1 when normalising is off. */
  imageStd: readonly [number, number, number];
}

/**
 * Interprets a parsed `preprocessor_config.json`.
 * @param json - the parsed file
 * @param file - its name, for messages
 * @returns the configuration
 * @throws `MODEL_INVALID` naming the key that is missing or not understood
 */
export function parsePreprocessConfig(json: unknown, file: string): PreprocessConfig {
  if (typeof json !== 'object' || json === null) throw invalid(file, 'the file', 'an object', json);
  const config = json as Record<string, unknown>;
  if (config.do_resize === false) throw invalid(file, '"do_resize"', 'true', false);
  for (const name of Object.keys(config)) {
    // A key that is off or absent changes nothing, whatever it stands for.
    if (!KNOWN_KEYS.has(name) && config[name] !== false && config[name] !== null) {
      throw invalid(file, `"${name}"`, 'a key that is understood', config[name]);
    }
  }
  const resample = config.resample ?? 3;
  if (resample !== 2 && resample !== 3) {
    throw invalid(file, '"resample"', '2 (bilinear) or 3 (bicubic)', resample);
  }
  const doCenterCrop = flag(config, 'do_center_crop', false, file);
  const size = readSize(config.size, file);
  if ('shortestEdge' in size && !doCenterCrop) {
    throw invalid(file, '"do_center_crop"', 'true together with size.shortest_edge', config.do_center_crop);
  }
  const cropSize = doCenterCrop ? readSquare(config.crop_size, 'crop_size', file) : undefined;
  const smallest = 'shortestEdge' in size ? { height: size.shortestEdge, width: size.shortestEdge } : size;
  if (cropSize !== undefined && (cropSize.height > smallest.height || cropSize.width > smallest.width)) {
    throw invalid(file, '"crop_size"', 'no more than "size"', config.crop_size);
  }
  const doNormalize = flag(config, 'do_normalize', true, file);
  return {
    size,
    resample,
    doCenterCrop,
    cropSize: cropSize ?? (size as { height: number; width: number }),
    rescaleFactor: flag(config, 'do_rescale', true, file)
      ? positive(config.rescale_factor ?? 1 / 255, 'rescale_factor', file)
      : 1,
    imageMean: doNormalize ? triple(config.image_mean, 'image_mean', file) : [0, 0, 0],
    imageStd: doNormalize ? deviations(config.image_std, file) : [1, 1, 1],
  };
}

/** Where an image goes: the size it is resized to, and the window of that which becomes the tensor. */
export interface Geometry {
  width: number;
  height: number;
  left: number;
  top: number;
  cropWidth: number;
  cropHeight: number;
}

/**
 * The geometry for an image of a given (upright) size. The rounding is that of transformers'
 * `get_resize_output_image_size` and `center_crop`.
 * @param config - the model's preprocessing
 * @param width - pixels in a row
 * @param height - rows
 * @returns sizes and offsets in pixels
 */
export function geometryOf(config: PreprocessConfig, width: number, height: number): Geometry {
  const { size, cropSize } = config;
  const crop = { cropWidth: cropSize.width, cropHeight: cropSize.height };
  const resized =
    'shortestEdge' in size
      ? width <= height
        ? { width: size.shortestEdge, height: Math.trunc((size.shortestEdge * height) / width) }
        : { width: Math.trunc((size.shortestEdge * width) / height), height: size.shortestEdge }
      : size;
  return {
    width: resized.width,
    height: resized.height,
    left: Math.floor((resized.width - cropSize.width) / 2),
    top: Math.floor((resized.height - cropSize.height) / 2),
    ...crop,
  };
}

function readSize(value: unknown, file: string): PreprocessConfig['size'] {
  if (typeof value === 'object' && value !== null) {
    const size = value as Record<string, unknown>;
    const keys = Object.keys(size).sort().join();
    if (keys === 'shortest_edge')
      return { shortestEdge: pixels(size.shortest_edge, 'size.shortest_edge', file) };
    if (keys === 'height,width') return readSquare(value, 'size', file);
  }
  if (typeof value === 'number') return { shortestEdge: pixels(value, 'size', file) };
  throw invalid(file, '"size"', '{ height, width } or { shortest_edge }', value);
}

function readSquare(value: unknown, name: string, file: string): { height: number; width: number } {
  const size = (
    typeof value === 'object' && value !== null ? value : { height: value, width: value }
  ) as Record<string, unknown>;
  return {
    height: pixels(size.height, `${name}.height`, file),
    width: pixels(size.width, `${name}.width`, file),
  };
}

function pixels(value: unknown, name: string, file: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 4096) {
    throw invalid(file, `"${name}"`, 'an integer from 1 to 4096', value);
  }
  return value;
}

function positive(value: unknown, name: string, file: string): number {
  if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value)) {
    throw invalid(file, `"${name}"`, 'a positive number', value);
  }
  return value;
}

function flag(config: Record<string, unknown>, name: string, fallback: boolean, file: string): boolean {
  const value = config[name] ?? fallback;
  if (typeof value !== 'boolean') throw invalid(file, `"${name}"`, 'a boolean', value);
  return value;
}

function triple(value: unknown, name: string, file: string): readonly [number, number, number] {
  if (Array.isArray(value) && value.length === 3 && value.every((entry) => Number.isFinite(entry))) {
    return [value[0] as number, value[1] as number, value[2] as number];
  }
  throw invalid(file, `"${name}"`, 'three numbers', value);
}

function deviations(value: unknown, file: string): readonly [number, number, number] {
  const std = triple(value, 'image_std', file);
  if (std.includes(0)) throw invalid(file, '"image_std"', 'three numbers other than 0', value);
  return std;
}

function invalid(file: string, what: string, expected: string, actual: unknown): VisionError {
  return new VisionError(
    'MODEL_INVALID',
    `Expected ${expected} for ${what} in ${file} but found ${describe(actual)}. This preprocessing is not supported.`,
  );
}
