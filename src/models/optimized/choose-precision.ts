// Decides in which precision a model runs, and has it made where it is not a file of the model.
import { stat } from 'node:fs/promises';
import { ListenerFailed } from '../../callbacks.js';
import { VisionError, messageOf } from '../../errors.js';
import { assetsDirectory } from '../../files/places.js';
import { DEFAULT_TARGET, targetOf } from '../../optimize/evaluate.js';
import type { Digests } from '../digests.js';
import { modelFingerprint } from '../fingerprint.js';
import { sha256Of, type LoadedModel } from '../load-model.js';
import type { ModelRequest } from '../model-options.js';
import { byteProducts } from './cpu.js';
import { findOptimized, optimized, type OptimizedRequest, type StoredGraph } from './find-optimized.js';

/** A model with its precision decided. */
export interface PreciseModel extends LoadedModel {
  /** Why it is the one that it is, for a person to read. */
  dtypeReason: string;
  /** Says that what was made of it is in use no more. */
  release: () => void;
}

// 32 MiB: a smaller graph runs in a few milliseconds as it is.
const LEAST_AUTO_BYTES = 32 * 2 ** 20;

/**
 * Gives the model in the precision that was asked for.
 * @param loaded - the model, with the files that the precision is made of
 * @param request - what was asked for
 * @param digests - of files
 * @param make - false: what is not there yet is not made, and `fp32` is the answer
 * @returns the model, its graph and its fingerprint those of the precision
 * @throws for `int8`: `ACCURACY_MISSED`, `INVALID_OPTION`, `MODEL_INVALID`, `DISK_FULL`, `CACHE_UNUSABLE`,
 * `NATIVE_UNAVAILABLE`, `WORKER_FAILED`; for `auto`: as {@link byteProducts} does; `ABORTED`
 */
export async function choosePrecision(
  loaded: LoadedModel,
  request: ModelRequest,
  digests: Digests,
  make = true,
): Promise<PreciseModel> {
  const { wanted, found } = loaded;
  let release = (): void => undefined;
  if (wanted === 'auto') {
    const obstacle = await whyNotInt8(loaded);
    if (obstacle !== undefined) return { ...loaded, dtypeReason: `auto: ${obstacle}`, release };
  } else if (wanted !== 'int8' || found.entry?.source === 'bundled') {
    const dtypeReason = request.dtype === undefined ? 'the default of this model' : 'asked for';
    return { ...loaded, dtypeReason, release };
  }
  try {
    const job = requestOf(loaded, request, digests);
    let result: StoredGraph | undefined;
    if (make) ({ release, ...result } = await optimized(job));
    else result = await findOptimized(job);
    if (result === undefined) return { ...loaded, dtypeReason: `${wanted}: not made yet`, release };
    if (result.paths.length === 0) throw missed(result);
    return { ...(await withGraph(loaded, result, digests)), release };
  } catch (error) {
    if (wanted === 'int8' || request.signal?.aborted || error instanceof ListenerFailed) {
      release();
      throw error;
    }
    // A report that the target is missed is in use too: without it, the next start would try again.
    return { ...loaded, dtypeReason: `auto: ${messageOf(error)}`, release };
  }
}

/**
 * What optimising a model needs to know.
 * @param loaded - in float32
 * @param request - target, images, cache
 * @param digests - of files
 * @returns the request
 */
export function requestOf(loaded: LoadedModel, request: ModelRequest, digests: Digests): OptimizedRequest {
  const { calibrate, target, force = false } = request.optimize ?? {};
  const { found, fingerprint, preprocess } = loaded;
  return {
    graph: found.vision,
    fingerprint,
    preprocess,
    target: target === undefined ? DEFAULT_TARGET : targetOf(target),
    calibrate,
    force,
    assetsDirectory: assetsDirectory(request.cacheDir),
    digests,
    onProgress: request.onOptimize ?? (() => undefined),
    signal: request.signal,
  };
}

async function whyNotInt8({ found }: LoadedModel): Promise<string | undefined> {
  if (byteProducts() === undefined) return 'this CPU is not known to multiply bytes fast';
  const files = [found.vision, ...found.vision.data];
  const sizes = await Promise.all(files.map(async ({ path }) => (await stat(path)).size));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return bytes < LEAST_AUTO_BYTES ? `the image tower is small: ${bytes} bytes` : undefined;
}

function missed({ report }: StoredGraph): VisionError {
  const { target, plain } = report;
  return new VisionError(
    'ACCURACY_MISSED',
    `Expected a mean cosine of at least ${target.mean} and none below ${target.min} but int8 reaches ` +
      `${plain.meanCosine.toFixed(5)} and ${plain.minCosine.toFixed(5)}, and no part of it holds. Set "dtype" to "fp32", ` +
      'or "optimize" to a lower target or force.',
  );
}

async function withGraph(
  loaded: LoadedModel,
  { report, paths }: StoredGraph,
  digests: Digests,
): Promise<Omit<PreciseModel, 'release'>> {
  const { found } = loaded;
  const [graph, ...data] = report.files.map((file, i) => ({ ...file, path: paths[i] as string }));
  const hashes = Object.fromEntries(report.files.map(({ name, sha256 }) => [`optimized ${name}`, sha256]));
  const { meanCosine, minCosine } = report.accuracy;
  const { kept, evened, layers } = report;
  const treated = `of ${layers.length} layers ${kept.length} in float32, ${evened.length} evened out`;
  return {
    ...loaded,
    found: { ...found, dtype: 'int8', vision: { ...(graph as (typeof data)[number]), data } },
    fingerprint: modelFingerprint({ ...hashes, preprocessor: await sha256Of(found.preprocessor, digests) }, 'int8'),
    dtypeReason:
      `${loaded.wanted}: mean cosine ${meanCosine.toFixed(5)}, least ${minCosine.toFixed(5)}, ${treated}` +
      (report.reached ? '' : '; misses the target and was forced'),
  };
}
