// The options of SemanticVision.create: types, defaults, and the one place where they are validated and frozen.
import { VisionError } from './errors.js';
import type { DecodeMode } from './image/decode.js';
import {
  FETCH_OPTIONS,
  resolveModelRequest,
  type FetchOptions,
  type ModelOption,
  type ModelRequest,
} from './models/model-options.js';
import { OptionReader, checkNames, invalidOption } from './option-reader.js';
import { availableCpus } from './pool/cpus.js';
import type { Isolation } from './pool/protocol.js';

/** Options of {@link SemanticVision.create}; every one has a default. */
export interface SemanticVisionOptions extends ModelOption, FetchOptions {
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
  /**
   * The colour, `#rrggbb`, that images with transparency are composed over before they are resized. By default alpha is
   * dropped, as the reference does, and the colours that lie hidden under it are embedded.
   */
  flatten?: string | undefined;
  /**
   * `none` (default): images are decoded in worker threads. `process`: each worker has a child process for it, so that a
   * file that crashes a decoder costs one `DECODER_CRASHED` and not this process. Meant to be on in every server that takes
   * uploads; costs about a millisecond an image, and 20 MB a worker, 55 to 85 MB in a stream of photos.
   */
  isolation?: Isolation | undefined;
}

/** {@link SemanticVisionOptions} with every default filled in; frozen. */
export type ResolvedOptions = ModelRequest &
  Readonly<{
    [Name in Exclude<keyof SemanticVisionOptions, keyof ModelRequest | 'flatten'>]-?: NonNullable<
      SemanticVisionOptions[Name]
    >;
  }> & {
    /** 0xRRGGBB; undefined: alpha is dropped. */
    readonly flatten: number | undefined;
  };

const DECODE_MODES: readonly DecodeMode[] = ['exact', 'fast'];
const ISOLATIONS: readonly Isolation[] = ['none', 'process'];
const MAX_THREADS = 1024;
const DEFAULT_MAX_WORKERS = 4;
const MIB = 1024 * 1024;

const KNOWN = new Set<keyof SemanticVisionOptions>([
  'model',
  ...FETCH_OPTIONS,
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
  'flatten',
  'isolation',
]);

/**
 * Validates options and fills in the defaults.
 * @param options - what the caller gave
 * @param cpus - CPUs this process may use; only tests pass it
 * @returns frozen, complete options
 * @throws `INVALID_OPTION` for an unknown name, a wrong type or a value out of range
 */
export function resolveOptions(options: SemanticVisionOptions = {}, cpus = availableCpus()): ResolvedOptions {
  checkNames(options, KNOWN);
  const read = new OptionReader(options);
  return Object.freeze({
    ...resolveModelRequest(options),
    ...resolveThreads(
      read.integer('workers', 1, MAX_THREADS),
      read.integer('intraOpNumThreads', 1, MAX_THREADS),
      cpus,
    ),
    executionProviders: Object.freeze([...(providers(options) ?? ['cpu'])]),
    sessionOptions: Object.freeze({ ...sessionOptions(options) }),
    maxQueue: read.integer('maxQueue', 1, Number.MAX_SAFE_INTEGER) ?? 1024,
    cacheMaxBytes: read.integer('cacheMaxBytes', 0, Number.MAX_SAFE_INTEGER) ?? 64 * MIB,
    limitInputPixels: read.integer('limitInputPixels', 1, 2 ** 31 - 1) ?? 100_000_000,
    limitInputBytes: read.integer('limitInputBytes', 1, 2 ** 31 - 1) ?? 128 * MIB,
    autoOrient: read.boolean('autoOrient') ?? true,
    decode: read.oneOf('decode', DECODE_MODES) ?? 'exact',
    flatten: read.colour('flatten'),
    isolation: read.oneOf('isolation', ISOLATIONS) ?? 'none',
  });
}

// Threads lower the latency of one image, workers raise throughput; whatever the caller leaves open is chosen so that
// the product stays within the CPUs.
function resolveThreads(workers: number | undefined, intraOpNumThreads: number | undefined, cpus: number) {
  const chosen =
    workers ?? Math.max(1, Math.min(DEFAULT_MAX_WORKERS, Math.floor(cpus / (intraOpNumThreads ?? 1))));
  return { workers: chosen, intraOpNumThreads: intraOpNumThreads ?? Math.max(1, Math.floor(cpus / chosen)) };
}

function providers(options: SemanticVisionOptions): readonly string[] | undefined {
  const value: unknown = options.executionProviders;
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0 || !value.every((entry) => typeof entry === 'string')) {
    throw invalidOption('executionProviders', 'a non-empty array of strings', value);
  }
  return value;
}

// The session lives in another thread, so its options have to survive the way there.
function sessionOptions(options: SemanticVisionOptions): Record<string, unknown> {
  const value: unknown = options.sessionOptions;
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidOption('sessionOptions', 'an object', value);
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
