// How a model wants its images: preprocessor_config.json or the same keys in camelCase, validated; the rest is refused.
import { VisionError, describe, type VisionErrorCode } from '../errors.js';
import type { PreprocessConfig, Preprocessing, Resample, Size } from './preprocessing.js';
import { valueTable } from './value-table.js';

/** Bumped whenever the same bytes and configuration would give another tensor; part of every fingerprint. */
export const PREPROCESSING_VERSION = 2;

// The file's keys and ours. Keys that name things without changing a pixel are allowed and not read; images are always
// RGB here, whatever do_convert_rgb says.
const FILE_KEYS: Readonly<Record<string, keyof PreprocessConfig | undefined>> = {
  size: 'size',
  resample: 'resample',
  do_center_crop: 'doCenterCrop',
  crop_size: 'cropSize',
  do_rescale: 'doRescale',
  rescale_factor: 'rescaleFactor',
  do_normalize: 'doNormalize',
  image_mean: 'imageMean',
  image_std: 'imageStd',
  do_resize: undefined,
  do_convert_rgb: undefined,
  image_processor_type: undefined,
  feature_extractor_type: undefined,
  processor_class: undefined,
  _processor_class: undefined,
  _valid_processor_keys: undefined,
};
const OWN_KEYS = new Set<string | undefined>(Object.values(FILE_KEYS));
const MAX_SIDE = 4096;

/**
 * Interprets a parsed `preprocessor_config.json`.
 * @param json - the parsed file
 * @param file - its name, for messages
 * @returns the configuration
 * @throws `MODEL_INVALID` naming the key that is missing or not understood
 */
export function parsePreprocessConfig(json: unknown, file: string): Preprocessing {
  const reader = new Reader('MODEL_INVALID', file);
  if (typeof json !== 'object' || json === null) throw reader.invalid('the content', 'an object', json);
  const config: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(json)) {
    // A key that is off or empty changes nothing, whatever it stands for.
    if (value === null || (value === false && !(key in FILE_KEYS))) continue;
    if (!(key in FILE_KEYS)) throw reader.invalid(`"${key}"`, 'only keys that are understood', value);
    const name = FILE_KEYS[key];
    if (name !== undefined) config[name] = value;
  }
  if ('do_resize' in json && json.do_resize === false) throw reader.invalid('"do_resize"', 'true', false);
  config.size = fileSize(config.size);
  if (typeof config.cropSize === 'number') config.cropSize = fileSquare(config.cropSize);
  return reader.resolve(config);
}

/**
 * Validates a configuration given in code.
 * @param config - the keys in camelCase
 * @returns the configuration
 * @throws `INVALID_ARGUMENT` naming the key
 */
export function resolvePreprocessConfig(config: PreprocessConfig): Preprocessing {
  const reader = new Reader('INVALID_ARGUMENT', 'config');
  const given: unknown = config;
  if (typeof given !== 'object' || given === null) throw reader.invalid('config', 'an object', given);
  const unknown = Object.keys(given).find((key) => !OWN_KEYS.has(key));
  if (unknown !== undefined) throw reader.invalid(`"${unknown}"`, 'only keys that are understood', unknown);
  return reader.resolve(given as Record<string, unknown>);
}

// Older files say 224 for the shortest edge, and name it in snake case.
function fileSize(size: unknown): unknown {
  if (typeof size === 'number') return { shortestEdge: size };
  if (typeof size !== 'object' || size === null || !('shortest_edge' in size)) return size;
  const { shortest_edge: shortestEdge, ...rest } = size;
  return { shortestEdge, ...rest };
}

function fileSquare(side: number): Size {
  return { height: side, width: side };
}

/** Checks values and words the errors for one source of configuration. */
class Reader {
  constructor(
    readonly code: VisionErrorCode,
    readonly where: string,
  ) {}

  resolve(config: Record<string, unknown>): Preprocessing {
    const size = this.size(config.size);
    const doCenterCrop = this.flag(config.doCenterCrop, 'doCenterCrop', false);
    if ('shortestEdge' in size && !doCenterCrop) {
      throw this.invalid('"doCenterCrop"', 'true together with size.shortestEdge', config.doCenterCrop);
    }
    const doRescale = this.flag(config.doRescale, 'doRescale', true);
    const doNormalize = this.flag(config.doNormalize, 'doNormalize', true);
    const resolved: Preprocessing = {
      size,
      resample: this.resample(config.resample ?? 3),
      cropSize: 'shortestEdge' in size || doCenterCrop ? this.cropSize(config.cropSize, size) : size,
      rescaleFactor: doRescale ? this.factor(config.rescaleFactor ?? 1 / 255) : 1,
      normalize: doNormalize
        ? { mean: this.triple(config.imageMean, 'imageMean'), std: this.std(config.imageStd) }
        : undefined,
    };
    if (!valueTable(resolved).every(Number.isFinite)) {
      const keys = '"rescaleFactor", "imageMean" and "imageStd"';
      throw this.invalid(keys, 'values that give finite float32 pixels', config.rescaleFactor);
    }
    return resolved;
  }

  size(value: unknown): Preprocessing['size'] {
    if (typeof value === 'object' && value !== null) {
      const keys = Object.keys(value).sort().join();
      if (keys === 'shortestEdge') {
        return {
          shortestEdge: this.side((value as { shortestEdge: unknown }).shortestEdge, 'size.shortestEdge'),
        };
      }
      if (keys === 'height,width') return this.rectangle(value as Record<keyof Size, unknown>, 'size');
    }
    throw this.invalid('"size"', '{ height, width } or { shortestEdge }', value);
  }

  cropSize(value: unknown, size: Preprocessing['size']): Size {
    if (typeof value !== 'object' || value === null)
      throw this.invalid('"cropSize"', '{ height, width }', value);
    const crop = this.rectangle(value as Record<keyof Size, unknown>, 'cropSize');
    const smallest = 'shortestEdge' in size ? fileSquare(size.shortestEdge) : size;
    if (crop.height > smallest.height || crop.width > smallest.width) {
      throw this.invalid('"cropSize"', 'no more than "size"', value);
    }
    return crop;
  }

  rectangle(value: Record<keyof Size, unknown>, name: string): Size {
    return {
      height: this.side(value.height, `${name}.height`),
      width: this.side(value.width, `${name}.width`),
    };
  }

  side(value: unknown, name: string): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_SIDE) return value;
    throw this.invalid(`"${name}"`, `an integer from 1 to ${MAX_SIDE}`, value);
  }

  resample(value: unknown): Resample {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 5)
      return value as Resample;
    throw this.invalid('"resample"', "Pillow's number of a filter, 0 to 5", value);
  }

  factor(value: unknown): number {
    if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
    throw this.invalid('"rescaleFactor"', 'a positive number', value);
  }

  flag(value: unknown, name: string, fallback: boolean): boolean {
    if (value === undefined) return fallback;
    if (typeof value === 'boolean') return value;
    throw this.invalid(`"${name}"`, 'a boolean', value);
  }

  triple(value: unknown, name: string): readonly number[] {
    const numbers: readonly unknown[] = Array.isArray(value) ? value : [];
    if (
      numbers.length === 3 &&
      numbers.every((entry) => typeof entry === 'number' && Number.isFinite(entry))
    ) {
      return numbers as number[];
    }
    throw this.invalid(`"${name}"`, 'three numbers', value);
  }

  std(value: unknown): readonly number[] {
    const std = this.triple(value, 'imageStd');
    if (std.some((entry) => Math.fround(entry) === 0))
      throw this.invalid('"imageStd"', 'three numbers other than 0', value);
    return std;
  }

  invalid(what: string, expected: string, actual: unknown): VisionError {
    const sentence = `Expected ${expected} for ${what} in `;
    return new VisionError(
      this.code,
      `${this.code === 'MODEL_INVALID' ? snakeCased(sentence) : sentence}${this.where} but received ` +
        `${describe(actual)}. This preprocessing is not supported.`,
    );
  }
}

// The file's keys, where the file is what the message is about.
function snakeCased(sentence: string): string {
  return sentence.replace(
    /([a-z])([A-Z])/g,
    (_, before: string, after: string) => `${before}_${after.toLowerCase()}`,
  );
}
