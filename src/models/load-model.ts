// From the option `model` to verified files: the bundled model, or a folder in the hub's layout.
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { VisionError, messageOf } from '../errors.js';
import { parsePreprocessConfig } from '../image/preprocess-config.js';
import type { Preprocessing } from '../image/preprocessing.js';
import type { Hasher } from '../pool/hasher.js';
import type { TextTower } from '../pool/protocol.js';
import { modelFingerprint } from './fingerprint.js';
import { modelsDirectory, readManifest, type ManifestModel } from './manifest.js';

/** A model whose files are there and are what they should be. */
export interface LoadedModel {
  id: string;
  revision: string;
  dtype: string;
  /** What the manifest says; undefined for a folder, where the model itself tells. */
  dimensions: number | undefined;
  visionModel: string;
  text: TextTower | undefined;
  preprocess: Preprocessing;
  fingerprint: string;
}

const PREPROCESSOR = 'preprocessor_config.json';
const VISION_MODELS = ['onnx/vision_model.onnx', 'vision_model.onnx'];

/**
 * Finds, verifies and reads a model.
 * @param model - a name in the manifest, or the path of a folder
 * @param hasher - hashes the files
 * @returns the model
 * @throws `MODEL_NOT_FOUND`, `MODEL_INVALID`
 */
export async function loadModel(model: string, hasher: Hasher): Promise<LoadedModel> {
  const known = await readManifest();
  const entry = known.find(({ id }) => id === model);
  return entry === undefined ? loadFolder(model, known, hasher) : loadBundled(entry, hasher);
}

async function loadBundled(entry: ManifestModel, hasher: Hasher): Promise<LoadedModel> {
  const directory = join(modelsDirectory(), entry.directory);
  await Promise.all(entry.files.map((file) => verify(join(directory, file.path), file, hasher)));
  return {
    id: entry.id,
    revision: entry.revision,
    dtype: entry.dtype,
    dimensions: entry.dimensions,
    visionModel: join(directory, 'vision_model.onnx'),
    text: {
      model: join(directory, 'text_model.onnx'),
      tokenizer: join(directory, 'tokenizer.json'),
      tokenizerConfig: join(directory, 'tokenizer_config.json'),
      maxLength: entry.textLength,
      canonicalization: 'none',
      padId: undefined,
      batch: false,
    },
    preprocess: await readPreprocess(join(directory, PREPROCESSOR)),
    fingerprint: modelFingerprint(
      Object.fromEntries(entry.files.map(({ path, sha256 }) => [path, sha256])),
      entry.dtype,
    ),
  };
}

// A folder's text tower needs its family's canonicalisation and padding, which are not known here: images only.
async function loadFolder(model: string, known: ManifestModel[], hasher: Hasher): Promise<LoadedModel> {
  const directory = resolve(model);
  const isFolder = await stat(directory).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) {
    throw new VisionError(
      'MODEL_NOT_FOUND',
      `Expected one of ${known.map(({ id }) => id).join(', ')} or a folder for option "model" but nothing is at ${directory}.`,
    );
  }
  const vision = await firstExisting(directory, VISION_MODELS);
  const preprocess = await readPreprocess(join(directory, PREPROCESSOR));
  const dtype = 'fp32';
  const hashes = await Promise.all(
    [vision, PREPROCESSOR].map(async (name) => [name, await sha256Of(join(directory, name), hasher)] as const),
  );
  return {
    id: model,
    revision: 'local',
    dtype,
    dimensions: undefined,
    visionModel: join(directory, vision),
    text: undefined,
    preprocess,
    fingerprint: modelFingerprint(Object.fromEntries(hashes), dtype),
  };
}

async function firstExisting(directory: string, names: readonly string[]): Promise<string> {
  for (const name of names) {
    const found = await stat(join(directory, name)).catch(() => undefined);
    if (found?.isFile()) return name;
  }
  throw new VisionError('MODEL_NOT_FOUND', `Expected ${names.join(' or ')} in ${directory} but neither is there.`);
}

async function verify(path: string, expected: { size: number; sha256: string }, hasher: Hasher): Promise<void> {
  const reply = await hasher.file(path);
  if (!reply.ok) throw unreadable(path, reply.message);
  if (reply.sha256 !== expected.sha256) {
    throw new VisionError(
      'MODEL_INVALID',
      `Expected ${expected.size} bytes with SHA-256 ${expected.sha256} in ${path} but found ${reply.size} bytes with ` +
        `${reply.sha256}. The file is damaged: reinstall the package.`,
    );
  }
}

async function sha256Of(path: string, hasher: Hasher): Promise<string> {
  const reply = await hasher.file(path);
  if (!reply.ok) throw unreadable(path, reply.message);
  return reply.sha256;
}

async function readPreprocess(path: string): Promise<Preprocessing> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    if (cause instanceof SyntaxError) {
      throw new VisionError('MODEL_INVALID', `Expected JSON in ${path}: ${cause.message}`, { cause });
    }
    throw unreadable(path, messageOf(cause), cause);
  }
  return parsePreprocessConfig(json, path);
}

function unreadable(path: string, reason: string, cause?: unknown): VisionError {
  return new VisionError('MODEL_NOT_FOUND', `The model file ${path} cannot be read: ${reason}.`, { cause });
}
