// The models that this version knows by name: models/manifest.json, typed.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VisionError, messageOf } from '../errors.js';
import { packageRoot } from '../package-root.js';

/** A file of a model. */
export interface ManifestFile {
  /** Relative to the model's folder. */
  path: string;
  /** Bytes. */
  size: number;
  /** Lower-case hex. */
  sha256: string;
}

/** What the manifest says of a model. */
export interface ManifestModel {
  id: string;
  source: 'bundled';
  /** Folder inside `models/`. */
  directory: string;
  revision: string;
  dtype: string;
  dimensions: number;
  imageSize: number;
  /** Most tokens of a text. */
  textLength: number;
  licence: string;
  files: ManifestFile[];
}

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
