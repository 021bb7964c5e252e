// The one error class of the library and the table of its codes.
import { flagFor } from './node-flags.js';
import { isError } from './realm.js';

/**
 * Every code a {@link VisionError} can carry, with what it means. Codes are part of the public contract: a code is
 * never renamed or reused, and callers are meant to match on it rather than on the message.
 */
export const ERROR_CODES = {
  INVALID_ARGUMENT: 'An argument has the wrong type or value.',
  INVALID_OPTION: 'An option is unknown, has the wrong type, or is out of its range.',
  INPUT_NOT_FOUND: 'The path or file URL names nothing that exists.',
  INPUT_UNREADABLE:
    'The input exists but its bytes cannot be read (a folder, missing permission, I/O error).',
  INPUT_EMPTY: 'The input holds zero bytes.',
  UNSUPPORTED_FORMAT: 'The bytes are not an image in a supported format.',
  DECODE_FAILED: 'The bytes claim to be an image but cannot be decoded (truncated or damaged).',
  TOO_MANY_PIXELS: 'The image has, or claims to have, more pixels than limitInputPixels.',
  TOO_MANY_BYTES: 'The input has more bytes than limitInputBytes.',
  TEXT_NOT_UNDERSTOOD: 'The text holds no word that the model knows, so it has no embedding.',
  TEXT_UNSUPPORTED: 'The model has no text tower, or one of a family that is not known.',
  ZERO_SHOT_UNSUPPORTED: 'The scale and bias that turn similarities into probabilities are not known.',
  MODEL_NOT_FOUND: 'The model, or one of its files, is not where it was looked for.',
  MODEL_NOT_CACHED: 'The model is not in the cache, and downloading it was forbidden.',
  MODEL_INVALID: 'A model file is damaged or is not what its configuration says.',
  ACCURACY_MISSED: 'The quantised model would be less accurate than the target asks for.',
  HUB_ACCESS_DENIED: 'The hub gives this model only to accounts with access: it is gated or private.',
  HUB_UNREACHABLE: 'The hub cannot be reached, or does not answer as a hub should.',
  DOWNLOAD_CORRUPT: 'A downloaded file has not the size or hash that the hub names, twice in a row.',
  DISK_FULL: 'There is no space left for the file.',
  CACHE_UNUSABLE: 'The cache folder cannot be read or written, or nothing says where it is (no home folder).',
  DIMENSION_MISMATCH: 'Two vectors that must have the same number of dimensions do not.',
  MODEL_MISMATCH: 'Two embeddings, or an embedding and an index, come from different models.',
  ABORTED: 'The AbortSignal that was passed in fired before the result was ready.',
  CLOSED: 'The object has been closed.',
  QUEUE_FULL: 'maxQueue requests are already waiting.',
  WORKER_FAILED: 'A thread or process died, and is replaced, or could not be started.',
  DECODER_CRASHED:
    'The image has ended a decoder process or a worker thread twice; it is refused from now on.',
  OUT_OF_MEMORY: 'There is not enough memory for this image.',
  NATIVE_UNAVAILABLE: 'The C++ addon, or that of a package that is needed, is missing or cannot be loaded.',
  DUPLICATE_ID: 'The id is already in the index.',
  INDEX_NOT_FOUND: 'No index is stored in that folder.',
  INDEX_CORRUPT: 'The stored index is damaged, incomplete, or not an index of this library.',
  INDEX_CONFLICT: 'The folder holds an index that the one to save was not made from; it is untouched.',
  INDEX_WRITE_FAILED: 'The index could not be written; what was stored before is untouched.',
} as const;

/** One of the stable codes in {@link ERROR_CODES}. */
export type VisionErrorCode = keyof typeof ERROR_CODES;

const BRAND = Symbol.for('semantic-vision.VisionError');

/** The error that every function of this library throws or rejects with: match on {@link VisionError.code}. */
export class VisionError extends Error {
  /** Stable, machine-readable reason. */
  readonly code: VisionErrorCode;
  /** The error underneath, if there is one. */
  declare readonly cause?: unknown;

  /**
   * @param code - stable reason, see {@link ERROR_CODES}
   * @param message - what was expected, what came, and what to do
   * @param options - `cause`: the error underneath, if there is one
   */
  constructor(code: VisionErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'VisionError';
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /**
   * Makes `instanceof VisionError` true for errors of the other copy of this class as well: the ESM and the CommonJS
   * entry each hold one.
   * @param value - anything
   * @returns whether it is such an error
   */
  static override [Symbol.hasInstance](this: unknown, value: unknown): boolean {
    if (this !== VisionError) return Function.prototype[Symbol.hasInstance].call(this as () => void, value);
    return typeof value === 'object' && value !== null && BRAND in value;
  }
}

/**
 * The library's one voice for a value that is not what it should be.
 * @param what - what is being named, for example `option "workers"`
 * @param expected - what would have been right
 * @param actual - what came
 * @returns a sentence that holds all three
 */
export function expectedButReceived(what: string, expected: string, actual: unknown): string {
  return `Expected ${expected} for ${what} but received ${describe(actual)}.`;
}

/**
 * Describes a value briefly enough for a message: never dumps a buffer or a long string.
 * @param value - anything
 * @returns a short description with the type
 */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `${JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value)} of type string`;
    case 'object':
      return value === null ? 'null' : describeObject(value);
    case 'number':
    case 'bigint':
    case 'boolean':
    case 'symbol':
      return `${String(value)} of type ${typeof value}`;
    default:
      return typeof value === 'function' ? 'a function' : 'undefined';
  }
}

function describeObject(value: object): string {
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  const { constructor } = value as { constructor?: { name?: unknown } };
  const name = typeof constructor?.name === 'string' && constructor.name ? constructor.name : 'object';
  return `an instance of ${name}`;
}

/**
 * The message of anything that was thrown.
 * @param error - the thrown value
 * @returns its message, or its description when it is no Error; the missing flag where Node forbids something
 */
export function messageOf(error: unknown): string {
  return isError(error) ? (flagFor(error) ?? error.message) : describe(error);
}
