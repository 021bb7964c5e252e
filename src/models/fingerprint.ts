// One name for everything that determines a model's vectors.
import { createHash } from 'node:crypto';
import { PREPROCESSING_VERSION } from '../image/preprocess-config.js';

/**
 * Fingerprint of a model.
 * @param files - SHA-256 by file name, of every file that influences a vector
 * @param dtype - precision of the weights
 * @returns SHA-256 (hex) over the files' hashes, the preprocessing version and the dtype
 */
export function modelFingerprint(files: Readonly<Record<string, string>>, dtype: string): string {
  const content = { files: Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)), dtype, PREPROCESSING_VERSION };
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
