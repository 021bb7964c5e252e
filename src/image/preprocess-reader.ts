// Checks the values of a preprocessing configuration, and words what is wrong with them for whoever wrote it.
import { VisionError, describe, type VisionErrorCode } from '../errors.js';
import type { Preprocessing, Resample, Size } from './preprocessing.js';
import { valueTable } from './value-table.js';

const MAX_SIDE = 4096;
const SHOWN_CHARACTERS = 60;

/** Checks values and words the errors for one source of configuration. */
export class ConfigReader {
  /**
   * @param code - of the errors
   * @param where - what is read, for messages
   */
  constructor(
    readonly code: VisionErrorCode,
    readonly where: string,
  ) {}

  /**
   * Checks everything.
   * @param config - the keys in camelCase
   * @returns the configuration with nothing left open
   * @throws the reader's code, naming the key
   */
  resolve(config: Record<string, unknown>): Preprocessing {
    const size = this.#size(config.size);
    const doCenterCrop = this.flag(config.doCenterCrop, 'doCenterCrop', false);
    if ('shortestEdge' in size && !doCenterCrop) {
      throw this.invalid('"doCenterCrop"', 'true together with size.shortestEdge', config.doCenterCrop);
    }
    const doRescale = this.flag(config.doRescale, 'doRescale', true);
    const doNormalize = this.flag(config.doNormalize, 'doNormalize', true);
    const resolved: Preprocessing = {
      size,
      resample: this.#resample(config.resample ?? 3),
      cropSize: 'shortestEdge' in size || doCenterCrop ? this.#cropSize(config.cropSize, size) : size,
      rescaleFactor: doRescale ? this.#factor(config.rescaleFactor ?? 1 / 255) : 1,
      normalize: doNormalize
        ? { mean: this.#triple(config.imageMean, 'imageMean'), std: this.#std(config.imageStd) }
        : undefined,
    };
    if (!valueTable(resolved).every(Number.isFinite)) {
      const keys = '"rescaleFactor", "imageMean" and "imageStd"';
      throw this.invalid(keys, 'values that give finite float32 pixels', config.rescaleFactor);
    }
    return resolved;
  }

  #size(value: unknown): Preprocessing['size'] {
    if (typeof value === 'object' && value !== null) {
      const keys = Object.keys(value).sort().join();
      if (keys === 'shortestEdge') {
        return {
          shortestEdge: this.#side((value as { shortestEdge: unknown }).shortestEdge, 'size.shortestEdge'),
        };
      }
      if (keys === 'height,width') return this.#rectangle(value as Record<keyof Size, unknown>, 'size');
    }
    throw this.invalid('"size"', '{ height, width } or { shortestEdge }', value);
  }

  #cropSize(value: unknown, size: Preprocessing['size']): Size {
    if (typeof value !== 'object' || value === null)
      throw this.invalid('"cropSize"', '{ height, width }', value);
    const crop = this.#rectangle(value as Record<keyof Size, unknown>, 'cropSize');
    const smallest = 'shortestEdge' in size ? { height: size.shortestEdge, width: size.shortestEdge } : size;
    if (crop.height > smallest.height || crop.width > smallest.width) {
      throw this.invalid('"cropSize"', 'no more than "size"', value);
    }
    return crop;
  }

  #rectangle(value: Record<keyof Size, unknown>, name: string): Size {
    return {
      height: this.#side(value.height, `${name}.height`),
      width: this.#side(value.width, `${name}.width`),
    };
  }

  #side(value: unknown, name: string): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_SIDE) return value;
    throw this.invalid(`"${name}"`, `an integer from 1 to ${MAX_SIDE}`, value);
  }

  #resample(value: unknown): Resample {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 5)
      return value as Resample;
    throw this.invalid('"resample"', "Pillow's number of a filter, 0 to 5", value);
  }

  #factor(value: unknown): number {
    if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
    throw this.invalid('"rescaleFactor"', 'a positive number', value);
  }

  /**
   * Checks a switch.
   * @param value - undefined where it is not set
   * @param name - of the key
   * @param fallback - what holds then
   * @returns whether it is on
   * @throws the reader's code
   */
  flag(value: unknown, name: string, fallback: boolean): boolean {
    if (value === undefined) return fallback;
    if (typeof value === 'boolean') return value;
    throw this.invalid(`"${name}"`, 'a boolean', value);
  }

  #triple(value: unknown, name: string): readonly number[] {
    const numbers: readonly unknown[] = Array.isArray(value) ? value : [];
    if (
      numbers.length === 3 &&
      numbers.every((entry) => typeof entry === 'number' && Number.isFinite(entry))
    ) {
      return numbers as number[];
    }
    throw this.invalid(`"${name}"`, 'three numbers', value);
  }

  #std(value: unknown): readonly number[] {
    const std = this.#triple(value, 'imageStd');
    if (std.some((entry) => Math.fround(entry) === 0))
      throw this.invalid('"imageStd"', 'three numbers other than 0', value);
    return std;
  }

  /**
   * Words an error.
   * @param what - the key
   * @param expected - what may stand there
   * @param actual - what does
   * @param advice - what to do
   * @returns the error
   */
  invalid(
    what: string,
    expected: string,
    actual: unknown,
    advice = 'This preprocessing is not supported.',
  ): VisionError {
    const sentence = `Expected ${expected} for ${what} in `;
    return new VisionError(
      this.code,
      `${this.code === 'MODEL_INVALID' ? snakeCased(sentence) : sentence}${this.where} but received ` +
        `${this.#shown(actual)}. ${advice}`,
    );
  }

  // What an object of a file holds says more than its class. One given in code may be no JSON at all.
  #shown(value: unknown): string {
    if (this.code !== 'MODEL_INVALID' || typeof value !== 'object' || value === null) return describe(value);
    const json = snakeCased(JSON.stringify(value));
    return json.length > SHOWN_CHARACTERS ? `${json.slice(0, SHOWN_CHARACTERS - 3)}...` : json;
  }
}

// The file's keys, where the file is what the message is about. Names of classes begin with a capital.
function snakeCased(sentence: string): string {
  return sentence.replace(/\b[a-z]+(?:[A-Z][a-z]+)+\b/g, (key) =>
    key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  );
}
