// Reads a model's JSON files, with errors that name the file.
import { readFile } from 'node:fs/promises';
import { VisionError, messageOf } from '../errors.js';

/**
 * Reads a JSON file.
 * @param path - the file
 * @returns what is in it
 * @throws `MODEL_NOT_FOUND` when it cannot be read, `MODEL_INVALID` when it is no JSON
 */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const reason = messageOf(cause);
    throw new VisionError('MODEL_NOT_FOUND', `The model file ${path} cannot be read: ${reason}.`, { cause });
  }
  try {
    // Editors on Windows put a byte order mark in front, which JSON does not know.
    return JSON.parse(text.replace(/^\uFEFF/, '')) as unknown;
  } catch (cause) {
    throw new VisionError('MODEL_INVALID', `Expected JSON in ${path}: ${messageOf(cause)}`, { cause });
  }
}
