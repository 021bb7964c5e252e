// From the option `model` to a model that can be run: its files found, read and named by one fingerprint.
import { VisionError } from '../errors.js';
import { parsePreprocessConfig } from '../image/preprocess-config.js';
import type { Preprocessing } from '../image/preprocessing.js';
import type { TextFiles } from '../pool/protocol.js';
import type { Digests } from './digests.js';
import { isQuantised } from './dtype.js';
import { findBundled, findFiles, findInFolder } from './find-local.js';
import { findOnHub } from './find-on-hub.js';
import { modelFingerprint } from './fingerprint.js';
import type { FoundModel, ModelFile } from './found.js';
import { fileDtype, type Dtype } from './dtype.js';
import type { FileRequest, ModelRequest } from './model-options.js';
import { readJson } from './read-json.js';
import { findSource, type ModelSource } from './source.js';

/** A model whose files are there and are what they should be. */
export interface LoadedModel {
  found: FoundModel;
  /** The precision asked for, or what this kind of model has when none is; `int8` and `auto` are still to be made. */
  wanted: Dtype;
  /** What the manifest says; undefined for other models, which tell it themselves. */
  dimensions: number | undefined;
  text: TextFiles | undefined;
  preprocess: Preprocessing;
  fingerprint: string;
}

/**
 * Finds, fetches, verifies and reads a model.
 * @param request - which, and where it may come from
 * @param digests - of its files
 * @returns the model
 * @throws `MODEL_NOT_FOUND`, `MODEL_INVALID`, `INVALID_OPTION`, `MODEL_NOT_CACHED`, `HUB_ACCESS_DENIED`,
 * `HUB_UNREACHABLE`, `DOWNLOAD_CORRUPT`, `DISK_FULL`, `CACHE_UNUSABLE`, `ABORTED`
 */
export async function loadModel(request: ModelRequest, digests: Digests): Promise<LoadedModel> {
  const source = await findSource(request.model, request.revision);
  const found = await findModel(source, filesOf(request, source), digests);
  return {
    found,
    wanted: request.dtype ?? (source.kind === 'hub' ? 'auto' : (found.dtype as Dtype)),
    dimensions: found.entry?.dimensions,
    text: textFiles(found),
    preprocess: parsePreprocessConfig(await readJson(found.preprocessor.path), found.preprocessor.path),
    fingerprint: await fingerprintOf(found, digests),
  };
}

// The bundled model has one precision, which is int8.
function filesOf(request: ModelRequest, { kind }: ModelSource): FileRequest {
  const dtype = fileDtype(request.dtype);
  return { ...request, dtype: kind === 'bundled' && dtype !== request.dtype ? undefined : dtype };
}

async function findModel(source: ModelSource, request: FileRequest, digests: Digests): Promise<FoundModel> {
  switch (source.kind) {
    case 'bundled':
      return findBundled(source.entry, request, digests);
    case 'hub':
      return findOnHub(source, request, digests);
    case 'folder':
      return findInFolder(source, request);
    case 'files':
      return findFiles(source.files, request);
  }
}

function textFiles({ text, config, dtype }: FoundModel): TextFiles | undefined {
  if (text === undefined || config === undefined) return undefined;
  return {
    model: text.graph.path,
    config: config.path,
    tokenizer: text.tokenizer.path,
    tokenizerConfig: text.tokenizerConfig.path,
    // The results of quantised weights depend on what else is in the batch: one scale of the activations for all.
    batch: !isQuantised(dtype, text.graph.name),
  };
}

// What determines the vectors of images names the space, wherever the files lie and whatever they are called; texts are
// embedded into it, with whichever precision.
async function fingerprintOf({ entry, vision, preprocessor, dtype }: FoundModel, digests: Digests): Promise<string> {
  if (entry?.source === 'bundled') {
    return modelFingerprint(Object.fromEntries(entry.files.map(({ path, sha256 }) => [path, sha256])), dtype);
  }
  const roles: [string, ModelFile][] = [
    ['vision', vision],
    ['preprocessor', preprocessor],
    ...vision.data.map((file, i): [string, ModelFile] => [`vision data ${i}`, file]),
  ];
  const hashes = await Promise.all(roles.map(async ([role, file]) => [role, await sha256Of(file, digests)] as const));
  return modelFingerprint(Object.fromEntries(hashes), dtype);
}

/**
 * The hash of a model's file, which is read where nobody knows it.
 * @param file - which
 * @param digests - know it, or read it
 * @returns SHA-256, lower-case hex
 * @throws `MODEL_NOT_FOUND`
 */
export async function sha256Of({ path, sha256 }: ModelFile, digests: Digests): Promise<string> {
  if (sha256 !== undefined) return sha256;
  const reply = await digests.file(path);
  if (reply.ok) return reply.sha256;
  throw new VisionError('MODEL_NOT_FOUND', `The model file ${path} cannot be read: ${reply.message}.`);
}
