// Reads and checks single options: the one voice of what is said about them.
import { COLOUR_FORM, parseColour } from './colour.js';
import { VisionError, expectedButReceived } from './errors.js';
import { ownSignal } from './realm.js';

/**
 * The error for an option that is not what it should be.
 * @param name - of the option
 * @param expected - what would have been right
 * @param actual - what came
 * @returns an `INVALID_OPTION`
 */
export function invalidOption(name: string, expected: string, actual: unknown): VisionError {
  return new VisionError('INVALID_OPTION', expectedButReceived(`option "${name}"`, expected, actual));
}

/**
 * Checks that options are an object of known names.
 * @param options - what the caller gave
 * @param known - names that may be there
 * @throws `INVALID_OPTION`
 */
export function checkNames(options: unknown, known: ReadonlySet<string>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new VisionError('INVALID_OPTION', expectedButReceived('options', 'an object', options));
  }
  const unknown = Object.keys(options).find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new VisionError(
      'INVALID_OPTION',
      `Unknown option "${unknown}". Known are: ${[...known].join(', ')}.`,
    );
  }
}

/**
 * Reads single options; each reader throws `INVALID_OPTION` for a value of the wrong kind and gives undefined for none.
 */
export class OptionReader<Options extends object> {
  readonly #options: Options;

  /** @param options - what the caller gave; an object */
  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Reads an integer.
   * @param name - of the option
   * @param min - least value
   * @param max - greatest value
   * @returns the value
   */
  integer(name: keyof Options & string, min: number, max: number): number | undefined {
    const value: unknown = this.#options[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw invalidOption(name, `an integer from ${min} to ${max}`, value);
    }
    return value;
  }

  /**
   * Reads a string that is not empty.
   * @param name - of the option
   * @returns the value
   */
  text(name: keyof Options & string): string | undefined {
    const value: unknown = this.#options[name];
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw invalidOption(name, 'a non-empty string', value);
    }
    return value;
  }

  /**
   * Reads a boolean.
   * @param name - of the option
   * @returns the value
   */
  boolean(name: keyof Options & string): boolean | undefined {
    const value: unknown = this.#options[name];
    if (value !== undefined && typeof value !== 'boolean') throw invalidOption(name, 'a boolean', value);
    return value;
  }

  /**
   * Reads one of several words.
   * @param name - of the option
   * @param values - the words
   * @returns the value
   */
  oneOf<T extends string>(name: keyof Options & string, values: readonly T[]): T | undefined {
    const value: unknown = this.#options[name];
    if (value !== undefined && !values.includes(value as T)) {
      throw invalidOption(name, values.map((each) => `"${each}"`).join(' or '), value);
    }
    return value as T | undefined;
  }

  /**
   * Reads a colour.
   * @param name - of the option
   * @returns 0xRRGGBB
   */
  colour(name: keyof Options & string): number | undefined {
    const value: unknown = this.#options[name];
    if (value === undefined) return undefined;
    const colour = parseColour(value);
    if (colour === undefined) throw invalidOption(name, COLOUR_FORM, value);
    return colour;
  }

  /**
   * Reads a function.
   * @param name - of the option
   * @returns the value
   */
  callback<Name extends keyof Options & string>(name: Name): Options[Name] | undefined {
    const value = this.#options[name];
    if (value !== undefined && typeof value !== 'function') throw invalidOption(name, 'a function', value);
    return value;
  }

  /**
   * Reads an AbortSignal.
   * @param name - of the option
   * @returns the value
   */
  signal(name: keyof Options & string): AbortSignal | undefined {
    const value: unknown = this.#options[name];
    if (value === undefined) return undefined;
    const signal = ownSignal(value);
    if (signal === undefined) throw invalidOption(name, 'an AbortSignal', value);
    return signal;
  }
}
