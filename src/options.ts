// The options of SemanticVision.create: types, defaults, and the one place where they are validated and frozen.
import { VisionError, expectedButReceived } from './errors.js';
import type { DecodeMode } from './image/decode.js';
import { availableCpus } from './pool/cpus.js';

/** Options of {@link SemanticVision.create}; every one has a default. */
export interface SemanticVisionOptions {
  /** `bundled` (default), or the path of a folder in the hub's layout. */
  model?: string | undefined;
  /** Worker threads, each with a session of its own. Default: one a CPU, at most 4. More workers: more throughput. */
  workers?: number | undefined;
  /** Threads inside each session. Default: CPUs divided by workers. More threads: lower latency of one image. */
  intraOpNumThreads?: number | undefined;
  /** ONNX Runtime's execution providers, in order of preference. Default: `['cpu']`. */
  executionProviders?: readonly string[] | undefined;
  /** More session options under ONNX Runtime's own names; they are laid over the library's. */
  sessionOptions?: Readonly<Record<string, unknown>> | undefined;
  /** How many requests may wait for a worker before `QUEUE_FULL`. Default 1024. Streams wait instead of failing. */
  maxQueue?: number | undefined;
  /** Bound on the bytes of cached vectors; 0 switches the cache off. Default 64 MiB. */
  cacheMaxBytes?: number | undefined;
  /** Most pixels (width x height) an image may claim to have. Default 100 million. */
  limitInputPixels?: number | undefined;
  /** Most bytes an encoded image may have. Default 128 MiB. */
  limitInputBytes?: number | undefined;
  /** Turn the image upright as its EXIF orientation says. Default true. */
  autoOrient?: boolean | undefined;
  /**
   * `exact` (default): every pixel of the file is decoded. `fast`: large JPEGs are decoded at a reduced scale, still at
   * least twice the model's input size; needs the package sharp.
   */
  decode?: DecodeMode | undefined;
  /** Aborts the creation. */
  signal?: AbortSignal | undefined;
}

/** {@link SemanticVisionOptions} with every default filled in; frozen. */
export type ResolvedOptions = Readonly<
  { [Name in Exclude<keyof SemanticVisionOptions, 'signal'>]-?: NonNullable<SemanticVisionOptions[Name]> } & {
    signal: AbortSignal | undefined;
  }
>;

const MAX_THREADS = 1024;
const DEFAULT_MAX_WORKERS = 4;
const MIB = 1024 * 1024;

const KNOWN = new Set<keyof SemanticVisionOptions>([
  'model',
  'workers',
  'intraOpNumThreads',
  'executionProviders',
  'sessionOptions',
  'maxQueue',
  'cacheMaxBytes',
  'limitInputPixels',
  'limitInputBytes',
  'autoOrient',
  'decode',
  'signal',
]);

/**
 * Validates options and fills in the defaults.
 * @param options - what the caller gave
 * @param cpus - CPUs this process may use; only tests pass it
 * @returns frozen, complete options
 * @throws `INVALID_OPTION` for an unknown name, a wrong type or a value out of range
 */
export function resolveOptions(options: SemanticVisionOptions = {}, cpus = availableCpus()): ResolvedOptions {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new VisionError('INVALID_OPTION', expectedButReceived('options', 'an object', given));
  }
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name as keyof SemanticVisionOptions)) {
      throw new VisionError(
        'INVALID_OPTION',
        `Unknown option "${name}". Known are: ${[...KNOWN].join(', ')}.`,
      );
    }
  }
  return Object.freeze({
    ...resolveThreads(
      integer(options, 'workers', 1, MAX_THREADS),
      integer(options, 'intraOpNumThreads', 1, MAX_THREADS),
      cpus,
    ),
    model: text(options, 'model') ?? 'bundled',
    executionProviders: Object.freeze([...(providers(options) ?? ['cpu'])]),
    sessionOptions: Object.freeze({ ...sessionOptions(options) }),
    maxQueue: integer(options, 'maxQueue', 1, Number.MAX_SAFE_INTEGER) ?? 1024,
    cacheMaxBytes: integer(options, 'cacheMaxBytes', 0, Number.MAX_SAFE_INTEGER) ?? 64 * MIB,
    limitInputPixels: integer(options, 'limitInputPixels', 1, 2 ** 31 - 1) ?? 100_000_000,
    limitInputBytes: integer(options, 'limitInputBytes', 1, 2 ** 31 - 1) ?? 128 * MIB,
    autoOrient: boolean(options, 'autoOrient') ?? true,
    decode: decodeMode(options),
    signal: signalOption(options.signal, 'option "signal"', 'INVALID_OPTION'),
  });
}

// Threads lower the latency of one image, workers raise throughput; whatever the caller leaves open is chosen so that
// the product stays within the CPUs.
function resolveThreads(workers: number | undefined, intraOpNumThreads: number | undefined, cpus: number) {
  const chosen =
    workers ?? Math.max(1, Math.min(DEFAULT_MAX_WORKERS, Math.floor(cpus / (intraOpNumThreads ?? 1))));
  return { workers: chosen, intraOpNumThreads: intraOpNumThreads ?? Math.max(1, Math.floor(cpus / chosen)) };
}

/**
 * Checks an optional AbortSignal.
 * @param value - what the caller gave
 * @param what - how to name it in the message
 * @param code - the code to throw with
 * @returns the signal, or undefined when there is none
 * @throws `code` when it is something else
 */
export function signalOption(
  value: unknown,
  what = 'option "signal"',
  code: 'INVALID_OPTION' | 'INVALID_ARGUMENT' = 'INVALID_ARGUMENT',
): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value;
  throw new VisionError(code, expectedButReceived(what, 'an AbortSignal', value));
}

function invalid(name: keyof SemanticVisionOptions, expected: string, actual: unknown): VisionError {
  return new VisionError('INVALID_OPTION', expectedButReceived(`option "${name}"`, expected, actual));
}

function integer(
  options: SemanticVisionOptions,
  name: keyof SemanticVisionOptions,
  min: number,
  max: number,
) {
  const value: unknown = options[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw invalid(name, `an integer from ${min} to ${max}`, value);
  }
  return value;
}

function text(options: SemanticVisionOptions, name: keyof SemanticVisionOptions): string | undefined {
  const value: unknown = options[name];
  if (value !== undefined && (typeof value !== 'string' || value === '')) {
    throw invalid(name, 'a non-empty string', value);
  }
  return value;
}

function boolean(options: SemanticVisionOptions, name: keyof SemanticVisionOptions): boolean | undefined {
  const value: unknown = options[name];
  if (value !== undefined && typeof value !== 'boolean') throw invalid(name, 'a boolean', value);
  return value;
}

function decodeMode(options: SemanticVisionOptions): DecodeMode {
  const value: unknown = options.decode;
  if (value === undefined) return 'exact';
  if (value !== 'exact' && value !== 'fast') throw invalid('decode', '"exact" or "fast"', value);
  return value;
}

function providers(options: SemanticVisionOptions): readonly string[] | undefined {
  const value: unknown = options.executionProviders;
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0 || !value.every((entry) => typeof entry === 'string')) {
    throw invalid('executionProviders', 'a non-empty array of strings', value);
  }
  return value;
}

// The session lives in another thread, so its options have to survive the way there.
function sessionOptions(options: SemanticVisionOptions): Record<string, unknown> {
  const value: unknown = options.sessionOptions;
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('sessionOptions', 'an object', value);
  }
  try {
    return structuredClone(value) as Record<string, unknown>;
  } catch (cause) {
    throw new VisionError(
      'INVALID_OPTION',
      'Expected plain data for option "sessionOptions": it goes to worker threads.',
      {
        cause,
      },
    );
  }
}
