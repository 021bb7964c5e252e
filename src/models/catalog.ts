// What can be known of models without running them: which there are, what is in the cache, what their files say.
import { stat } from 'node:fs/promises';
import { VisionError, type VisionErrorCode } from '../errors.js';
import { cacheDirectory, ifAny } from '../files/places.js';
import type { Preprocessing } from '../image/preprocessing.js';
import { readTextTower } from '../inference/text-settings.js';
import { Hasher } from '../pool/hasher.js';
import type { TextFiles } from '../pool/protocol.js';
import { digestsFor } from './digests.js';
import { FILE_DTYPES, graphFile, type FileDtype } from './dtype.js';
import { filesOf, type FoundModel } from './found.js';
import { RepoCache } from './hub/layout.js';
import { loadModel } from './load-model.js';
import { choosePrecision } from './optimized/choose-precision.js';
import { readLogits } from './logits.js';
import { readManifest, type HubModel, type Logits, type ManifestModel } from './manifest.js';
import { resolveFetchOptions, type FetchOptions, type ModelRequest } from './model-options.js';

/** A model that the manifest knows. */
export interface ModelListing {
  id: string;
  source: 'bundled' | 'hub';
  /** The repository that holds the ONNX files; null for a bundled model, and where none is known. */
  repo: string | null;
  description: string;
  dimensions: number;
  /** Side of the square input, in pixels. */
  imageSize: number;
  licence: string;
  /** Precisions whose image tower is on this machine. */
  cached: string[];
}

/** A file of a model on this machine. */
export interface PulledFile {
  /** Relative to the repository. */
  name: string;
  path: string;
  /** Bytes. */
  size: number;
}

/** What {@link pullModel} brought. */
export interface PulledModel {
  id: string;
  /** Commit of a hub model. */
  revision: string;
  dtype: string;
  files: PulledFile[];
  /** The numbers that `classify` needs; null where nobody says them. */
  logits: Logits | null;
  /** Why there are none; null where there are. */
  logitsProblem: string | null;
}

/** What is known of a model whose files are on this machine. */
export interface ModelDetails extends PulledModel {
  /** From the manifest; null for a model that it does not know. */
  listing: ModelListing | null;
  /** SHA-256 that names the model's vectors. */
  fingerprint: string;
  /** How images become tensors. */
  preprocessing: Preprocessing;
  /** How texts become tokens; null for a model that embeds images only. */
  text: { maxLength: number; canonicalization: string; padId: number | null } | null;
}

const NO_LOGITS: VisionErrorCode[] = ['ZERO_SHOT_UNSUPPORTED', 'MODEL_NOT_CACHED'];

/**
 * Lists the models of the manifest.
 * @param options - where the cache is
 * @param options.cacheDir - see {@link FetchOptions}
 * @returns one listing a model
 * @throws `MODEL_NOT_FOUND` when the installation is incomplete
 */
export async function listModels(options: { cacheDir?: string | undefined } = {}): Promise<ModelListing[]> {
  return Promise.all((await readManifest()).map((entry) => listingOf(entry, options.cacheDir)));
}

/**
 * Fetches a model, or finds it in the cache, so that it can be used without the network.
 * @param model - a name in the manifest or a hub id
 * @param options - revision, dtype, cache, progress, abort
 * @returns its files
 * @throws as {@link SemanticVision.create} does
 */
export async function pullModel(model: string, options: FetchOptions = {}): Promise<PulledModel> {
  const request = resolveFetchOptions(model, options);
  const hasher = new Hasher();
  // Whoever fetches a model again wants to have it whole: what is there is read.
  const digests = digestsFor(hasher, request, { believe: false });
  try {
    const { found } = await loadModel(request, digests);
    return { ...(await describe(found)), ...(await logitsOf(found, request)) };
  } finally {
    await hasher.close();
  }
}

/**
 * Tells everything that is known of a model whose files are on this machine; fetches nothing.
 * @param model - a name in the manifest, a hub id or a folder
 * @param options - revision, dtype, cache
 * @returns the details
 * @throws `MODEL_NOT_CACHED` when it has not been pulled, and as {@link SemanticVision.create} does
 */
export async function modelInfo(
  model: string,
  options: Omit<FetchOptions, 'localFilesOnly' | 'onProgress'> = {},
): Promise<ModelDetails> {
  const request = { ...resolveFetchOptions(model, options), localFilesOnly: true };
  const hasher = new Hasher();
  const digests = digestsFor(hasher, request);
  try {
    const loaded = await loadModel(request, digests).catch(notPulled(model));
    const { found, text, preprocess, fingerprint } = await choosePrecision(loaded, request, digests, false);
    return {
      ...(await describe(found)),
      ...(await logitsOf(found, request)),
      listing: found.entry === undefined ? null : await listingOf(found.entry, request.cacheDir),
      fingerprint,
      preprocessing: preprocess,
      text: await textDetails(text),
    };
  } finally {
    await hasher.close();
  }
}

// Without them the model is of use for all but classify. Offline, they may be all that is missing.
async function logitsOf(
  found: FoundModel,
  request: ModelRequest,
): Promise<Pick<PulledModel, 'logits' | 'logitsProblem'>> {
  try {
    return { logits: await readLogits(found, request), logitsProblem: null };
  } catch (error) {
    if (error instanceof VisionError && NO_LOGITS.includes(error.code)) {
      return { logits: null, logitsProblem: error.message };
    }
    throw error;
  }
}

function notPulled(model: string): (error: unknown) => never {
  return (cause) => {
    if (!(cause instanceof VisionError) || cause.code !== 'MODEL_NOT_CACHED') throw cause;
    throw new VisionError(
      'MODEL_NOT_CACHED',
      `"${model}" is not on this machine, or not all that was asked for, and nothing is fetched for asking: pull it first ` +
        `(pullModel, or semantic-vision model pull ${model}). ${cause.message}`,
      { cause },
    );
  };
}

async function textDetails(files: TextFiles | undefined): Promise<ModelDetails['text']> {
  if (files === undefined) return null;
  const { maxLength, canonicalization, padId } = await readTextTower(files);
  return { maxLength, canonicalization, padId: padId ?? null };
}

async function listingOf(entry: ManifestModel, cacheDir: string | undefined): Promise<ModelListing> {
  const { id, source, description, dimensions, imageSize, licence } = entry;
  const bundled = entry.source === 'bundled';
  return {
    id,
    source,
    repo: bundled ? null : entry.repo,
    description,
    dimensions,
    imageSize,
    licence,
    cached: bundled ? [entry.dtype] : await cachedDtypes(entry, cacheDir),
  };
}

async function cachedDtypes({ repo, revision }: HubModel, cacheDir: string | undefined): Promise<FileDtype[]> {
  // Where there is no place for a cache, nothing is in it.
  const directory = ifAny(() => cacheDirectory(cacheDir));
  if (repo === null || directory === undefined) return [];
  const cache = new RepoCache(directory, repo);
  const commit = await cache.commitOf(revision);
  if (commit === undefined) return [];
  const there = await Promise.all(
    FILE_DTYPES.map((dtype) => sizeOf(cache.pointer(commit, `onnx/${graphFile('vision_model', dtype)}`))),
  );
  return FILE_DTYPES.filter((_, i) => there[i] !== undefined);
}

async function describe(found: FoundModel): Promise<Omit<PulledModel, 'logits' | 'logitsProblem'>> {
  const { id, revision, dtype } = found;
  return {
    id,
    revision,
    dtype,
    files: await Promise.all(
      filesOf(found).map(async ({ name, path }) => ({ name, path, size: (await sizeOf(path)) ?? 0 })),
    ),
  };
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}
