// From the option `model` to where the model is: in the package, on the hub, in a folder, or in files named one by one.
import { stat } from 'node:fs/promises';
import { VisionError, messageOf } from '../errors.js';
import { absolutePath } from '../working-folder.js';
import { readManifest, type BundledModel, type HubModel } from './manifest.js';

/** A model's files, named one by one; relative paths are relative to the working directory. */
export interface ModelFiles {
  /** The image tower's ONNX file. */
  visionModel: string;
  /** `preprocessor_config.json`, or `processor_config.json` of transformers 5. */
  preprocessorConfig: string;
  /** The text tower's ONNX file; without it the model embeds images only. It needs the three files below. */
  textModel?: string | undefined;
  /** `config.json`. */
  config?: string | undefined;
  /** `tokenizer.json`. */
  tokenizer?: string | undefined;
  /** `tokenizer_config.json`. */
  tokenizerConfig?: string | undefined;
  /** For `classify`: `sigmoid(scale * cosine + bias)`, with the multiplier itself and not its logarithm. */
  logits?: { scale: number; bias: number } | undefined;
}

/** Where a model is. */
export type ModelSource =
  | { kind: 'bundled'; entry: BundledModel }
  | { kind: 'hub'; id: string; repo: string; revision: string; entry: HubModel | undefined }
  | { kind: 'folder'; id: string; directory: string }
  | { kind: 'files'; files: ModelFiles };

// owner/name, as the hub has them.
const HUB_ID = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

/**
 * Finds out what the option `model` names. A known name goes before a folder, a folder before the hub.
 * @param model - a name in the manifest, a folder, a hub id or files
 * @param revision - branch, tag or commit; for the hub only
 * @returns where it is; nothing has been fetched or read yet
 * @throws `MODEL_NOT_FOUND`, `INVALID_OPTION`
 */
export async function findSource(
  model: string | ModelFiles,
  revision: string | undefined,
): Promise<ModelSource> {
  const source = await sourceOf(model, revision);
  if (revision !== undefined && source.kind !== 'hub') {
    throw new VisionError(
      'INVALID_OPTION',
      `Expected no option "revision" for a model that does not come from the hub but received "${revision}".`,
    );
  }
  return source;
}

async function sourceOf(model: string | ModelFiles, revision: string | undefined): Promise<ModelSource> {
  if (typeof model !== 'string') return { kind: 'files', files: model };
  const known = await readManifest();
  const entry = known.find(
    (candidate) => candidate.id === model || (candidate.source === 'hub' && candidate.repo === model),
  );
  if (entry?.source === 'bundled') return { kind: 'bundled', entry };
  if (entry !== undefined) {
    if (entry.repo === null) {
      throw new VisionError('MODEL_NOT_FOUND', `"${entry.id}" cannot be fetched. ${entry.revisionSource}`);
    }
    return { kind: 'hub', id: entry.id, repo: entry.repo, revision: revision ?? entry.revision, entry };
  }
  // Asked for as it is: where the working folder is gone no folder is there, and a hub id is one all the same.
  const obstacle = await whyNoFolder(model);
  const absolute = () => absolutePath(model, 'the folder of option "model"', 'MODEL_NOT_FOUND');
  if (obstacle === undefined) return { kind: 'folder', id: model, directory: absolute() };
  if (HUB_ID.test(model)) {
    return { kind: 'hub', id: model, repo: model, revision: revision ?? 'main', entry: undefined };
  }
  throw new VisionError(
    'MODEL_NOT_FOUND',
    `Expected "bundled", a hub id such as google/siglip-base-patch16-224, or a folder for option "model" but ` +
      `${obstacle(absolute())}.`,
  );
}

async function whyNoFolder(folder: string): Promise<((path: string) => string) | undefined> {
  try {
    return (await stat(folder)).isDirectory() ? undefined : (path) => `${path} is a file`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isNothing = code === 'ENOENT' || code === 'ENOTDIR';
    return (path) => (isNothing ? `nothing is at ${path}` : `${path} cannot be read: ${messageOf(error)}`);
  }
}
