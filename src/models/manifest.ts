// The models that this version knows by name: models/manifest.json, typed.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VisionError, messageOf } from '../errors.js';
import { packageRoot } from '../package-root.js';

/** A file of a bundled model. */
export interface ManifestFile {
  /** Relative to the model's folder. */
  path: string;
  /** Bytes. */
  size: number;
  /** Lower-case hex. */
  sha256: string;
}

/** How a cosine becomes a probability: `sigmoid(scale * cosine + bias)`. */
export interface Logits {
  /** The multiplier itself, not its logarithm. */
  scale: number;
  bias: number;
  /** Where the numbers come from. */
  source: string;
}

/** Values that somebody else published for a model, to hold the files in the cache against. */
export interface ReferenceValues {
  tokens?: {
    text: string;
    /** The ids before padding, the closing token included. */
    ids: number[];
    source: string;
  }[];
  logits?: {
    /** `https:` URL, or a path relative to the file that holds these values. */
    image: string;
    texts: string[];
    /** `scale * cosine + bias` of each text. */
    values: number[];
    tolerance: number;
    source: string;
  }[];
}

/** What every entry says. */
interface ManifestEntry {
  id: string;
  description: string;
  revision: string;
  /** Length of the vectors; the model itself is asked, and must agree. */
  dimensions: number;
  /** Side of the square input, in pixels. */
  imageSize: number;
  /** Most tokens of a text. */
  textLength: number;
  licence: string;
}

/** A model that is part of the package. */
export interface BundledModel extends ManifestEntry {
  source: 'bundled';
  /** Folder inside `models/`. */
  directory: string;
  dtype: string;
  files: ManifestFile[];
  logits: Logits;
}

/** A model on the hub. */
export interface HubModel extends ManifestEntry {
  source: 'hub';
  /** The repository that holds the ONNX files; null where none with split graphs is known. */
  repo: string | null;
  /** Who pins the revision, why it is a branch, or why there is no repository. */
  revisionSource: string;
  /** Names of the tensors that are fed and fetched. */
  tensors: { imageInput: string; imageOutput: string; textInput: string; textOutput: string };
  /** The trained checkpoint. Its file holds the scale and the bias of the logits, which the split graphs lack. */
  checkpoint: string;
  /** What others say the two are: not verified, so nothing is computed with it; `model verify` compares. */
  publishedLogits?: Logits;
  reference?: ReferenceValues;
}

/** An entry of the manifest. */
export type ManifestModel = BundledModel | HubModel;

/**
 * Folder that holds the manifest and the bundled model.
 * @returns an absolute path
 */
export function modelsDirectory(): string {
  return join(packageRoot(), 'models');
}

/**
 * Reads the manifest.
 * @returns the known models
 * @throws `MODEL_NOT_FOUND` when the installation is incomplete
 */
export async function readManifest(): Promise<ManifestModel[]> {
  const path = join(modelsDirectory(), 'manifest.json');
  try {
    return (JSON.parse(await readFile(path, 'utf8')) as { models: ManifestModel[] }).models;
  } catch (cause) {
    throw new VisionError('MODEL_NOT_FOUND', `Cannot read ${path}: ${messageOf(cause)}. Reinstall the package.`, {
      cause,
    });
  }
}
