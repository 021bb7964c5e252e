// The options that say which model, and where it may come from: validated and frozen.
import { isGenerator, listener } from '../callbacks.js';
import { VisionError } from '../errors.js';
import { OptionReader, checkNames, invalidOption } from '../option-reader.js';
import type { DownloadProgress } from '../types.js';
import { DTYPES, type Dtype, type FileDtype } from './dtype.js';
import type { OptimizeProgress } from './optimized/report.js';
import type { ModelFiles } from './source.js';

/** Where a model may come from, and how much of it is wanted. */
export interface FetchOptions {
  /** Branch, tag or commit of a hub model. Default: the one that the manifest pins, `main` for others. */
  revision?: string | undefined;
  /**
   * Precision of the weights: by the hub's file names, or `int8`, which is made from the float32 files on first use and
   * held against them; its own of the hub is `hub-int8`. Default for hub models `auto` (`int8` where the CPU is fast at it
   * and it is accurate, else `fp32`), for others `fp32`; the bundled model has one of its own.
   */
  dtype?: Dtype | undefined;
  /**
   * The hub cache, shared with Python's. Default: `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else
   * `~/.cache/huggingface/hub`.
   */
  cacheDir?: string | undefined;
  /** Use what is in the cache and ask nobody. Default: true when `HF_HUB_OFFLINE` is set, else false. */
  localFilesOnly?: boolean | undefined;
  /** Whether the model's text tower is fetched and used, if it has one. Default true. */
  text?: boolean | undefined;
  /** Hears how a download goes, about ten times a second. What it throws, or is rejected with, ends the download. */
  onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** How `int8` is made; what is made with other options is another model. */
  optimize?: OptimizeOptions | undefined;
  /** Hears how making `int8` goes, after each image. What it throws, or is rejected with, ends that. */
  onOptimize?: ((progress: OptimizeProgress) => void) | undefined;
  /** Aborts the creation or the download; what has arrived is kept for the next time. */
  signal?: AbortSignal | undefined;
}

/** How `int8` is made. */
export interface OptimizeOptions {
  /** Folder of at least 4 images to calibrate and compare with. Default: 30 photos of the package. */
  calibrate?: string | undefined;
  /** Least mean cosine to the float32 model, above 0 and below 1; that of any image may be 5 times as far from 1. Default 0.999. */
  target?: number | undefined;
  /** Whether a graph that misses the target is used all the same. Default false. */
  force?: boolean | undefined;
}

/** Which model. */
export interface ModelOption {
  /**
   * `bundled` (default); a hub id (`google/siglip-base-patch16-224` and its like are mapped to the repository that holds
   * their ONNX files); the path of a folder in the hub's layout; or a model's files, named one by one.
   */
  model?: string | ModelFiles | undefined;
}

/** All of the above, validated; what depends on the model or the environment is still open. */
export type ModelRequest = Readonly<
  Required<ModelOption> & FetchOptions & { model: string | ModelFiles; text: boolean }
>;

/** The same with the precision of the files that are needed for the one asked for. */
export type FileRequest = Omit<ModelRequest, 'dtype'> & { readonly dtype: FileDtype | undefined };

/** Names of {@link FetchOptions}. */
export const FETCH_OPTIONS = [
  'revision',
  'dtype',
  'cacheDir',
  'localFilesOnly',
  'text',
  'onProgress',
  'optimize',
  'onOptimize',
  'signal',
] as const satisfies (keyof FetchOptions)[];

/**
 * Validates the options of the functions that deal with a model's files alone.
 * @param model - which model
 * @param options - what the caller gave
 * @returns frozen, complete options
 * @throws `INVALID_OPTION` for an unknown name or a wrong type
 */
export function resolveFetchOptions(model: string, options: FetchOptions = {}): ModelRequest {
  checkNames(options, new Set(FETCH_OPTIONS));
  return Object.freeze(resolveModelRequest({ ...options, model }));
}

/**
 * Validates the options about the model.
 * @param options - what the caller gave; other names are not looked at
 * @returns the options
 * @throws `INVALID_OPTION`
 */
export function resolveModelRequest(options: ModelOption & FetchOptions): ModelRequest {
  const read = new OptionReader(options);
  return {
    model: typeof options.model === 'object' ? modelFiles(options.model) : (read.text('model') ?? 'bundled'),
    revision: read.text('revision'),
    dtype: read.oneOf('dtype', DTYPES),
    cacheDir: read.text('cacheDir'),
    localFilesOnly: read.boolean('localFilesOnly'),
    text: read.boolean('text') ?? true,
    onProgress: listenerTo(options, 'onProgress'),
    optimize: optimizeOptions(options.optimize),
    onOptimize: listenerTo(options, 'onOptimize'),
    signal: read.signal('signal'),
  };
}

function listenerTo<Name extends 'onProgress' | 'onOptimize'>(options: FetchOptions, name: Name): FetchOptions[Name] {
  const given = new OptionReader(options).callback(name);
  if (given === undefined) return undefined;
  if (isGenerator(given)) throw invalidOption(name, 'a function that runs when it is called', given);
  return listener(given as (progress: unknown) => unknown, name);
}

const OPTIMIZE: Readonly<Record<keyof OptimizeOptions, [expected: string, fits: (value: unknown) => boolean]>> = {
  calibrate: ['a non-empty path', (value) => typeof value === 'string' && value !== ''],
  target: ['a number above 0 and below 1', (value) => typeof value === 'number' && value > 0 && value < 1],
  force: ['a boolean', (value) => typeof value === 'boolean'],
};

function optimizeOptions(value: unknown): OptimizeOptions | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidOption('optimize', 'an object', value);
  }
  for (const [name, given] of Object.entries(value)) {
    const rule = Object.hasOwn(OPTIMIZE, name) ? OPTIMIZE[name as keyof OptimizeOptions] : undefined;
    if (rule === undefined) {
      const known = Object.keys(OPTIMIZE).join(', ');
      throw new VisionError('INVALID_OPTION', `Unknown option "optimize.${name}". Known are: ${known}.`);
    }
    const [expected, fits] = rule;
    if (given !== undefined && !fits(given)) throw invalidOption(`optimize.${name}`, expected, given);
  }
  return Object.freeze({ ...value });
}

// The paths of ModelFiles, and whether each must be there.
const PATHS: Readonly<Record<Exclude<keyof ModelFiles, 'logits'>, boolean>> = {
  visionModel: true,
  preprocessorConfig: true,
  textModel: false,
  config: false,
  tokenizer: false,
  tokenizerConfig: false,
};

function modelFiles(value: ModelFiles): ModelFiles {
  const { logits, ...paths } = { ...value } as Readonly<Record<string, unknown>>;
  for (const [name, required] of Object.entries(PATHS)) {
    const path = paths[name];
    if (typeof path === 'string' ? path === '' : required || path !== undefined) {
      throw invalidOption(`model.${name}`, 'a non-empty path', path);
    }
  }
  const unknown = Object.keys(paths).find((name) => !Object.hasOwn(PATHS, name));
  if (unknown !== undefined) {
    throw new VisionError(
      'INVALID_OPTION',
      `Unknown option "model.${unknown}". Known are: ${Object.keys(PATHS).join(', ')}, logits.`,
    );
  }
  if (logits !== undefined && !isLogits(logits)) {
    throw invalidOption('model.logits', 'finite numbers { scale, bias }', logits);
  }
  return Object.freeze({ ...value, logits: logits && Object.freeze({ ...logits }) });
}

function isLogits(value: unknown): value is { scale: number; bias: number } {
  if (typeof value !== 'object' || value === null) return false;
  const { scale, bias } = value as Record<string, unknown>;
  return Number.isFinite(scale) && Number.isFinite(bias);
}
