// Optimises a model ahead of time, or finds that it has been done.
import { dirname } from 'node:path';
import { VisionError } from '../../errors.js';
import { Hasher } from '../../pool/hasher.js';
import { digestsFor } from '../digests.js';
import { loadModel } from '../load-model.js';
import { resolveFetchOptions, type FetchOptions } from '../model-options.js';
import { requestOf } from './choose-precision.js';
import { optimized } from './find-optimized.js';
import type { OptimizationReport } from './report.js';

/** What {@link optimizeModel} answers with. */
export interface ModelOptimization extends OptimizationReport {
  id: string;
  /** Commit of a hub model; `local` for files. */
  revision: string;
  /** Folder of the graph; null when none was written, because it would miss the target. */
  directory: string | null;
  /** Whether it had been made before: then seconds and memory are what it took then. */
  cached: boolean;
}

/**
 * Makes the `int8` form of a model, so that `create` with the same `optimize` finds it.
 * @param model - a name in the manifest, a hub id or a folder
 * @param options - where the model comes from and how it is optimised; its `dtype` is not looked at
 * @returns the report; a target that is missed is no error here
 * @throws as {@link SemanticVision.create} does; `INVALID_OPTION` for the bundled model, which has a form of its own
 */
export async function optimizeModel(model: string, options: FetchOptions = {}): Promise<ModelOptimization> {
  const request = { ...resolveFetchOptions(model, options), dtype: 'int8' as const, text: false };
  const hasher = new Hasher();
  // What is made is kept for long: it is made of files that have been read.
  const digests = digestsFor(hasher, request, { believe: false });
  try {
    const loaded = await loadModel(request, digests);
    const { id, revision, entry } = loaded.found;
    if (entry?.source === 'bundled') {
      throw new VisionError('INVALID_OPTION', `Expected a model with float32 files but "${id}" is quantised already.`);
    }
    const { report, paths, cached, release } = await optimized(requestOf(loaded, request, digests));
    release();
    const [graph] = paths;
    return { id, revision, directory: graph === undefined ? null : dirname(graph), cached, ...report };
  } finally {
    await hasher.close();
  }
}
