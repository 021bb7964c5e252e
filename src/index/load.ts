// Reads a stored index into memory: everything is checked before hnswlib sees a byte of it.
import { join } from 'node:path';
import { messageOf, VisionError } from '../errors.js';
import { Contents } from './contents.js';
import { Graph } from './graph.js';
import { corrupt, type Manifest, readManifest } from './manifest.js';
import { DEFAULT_CAPACITY } from './settings.js';
import { FileGone, readEntries, requireFile, verifyGeneration } from './store.js';
import { generationOf } from './succession.js';
import { requireSameModel } from './vectors.js';

/** What the stored index must agree with; undefined agrees with all. */
export interface Expectations {
  readonly dimensions: number | undefined;
  readonly model: string | undefined;
}

// How often another process may replace the stored index under our hands before we give up.
const ATTEMPTS = 20;

/** What was loaded. */
export interface Loaded {
  readonly contents: Contents;
  readonly model: string | undefined;
  /** See {@link generationOf}. */
  readonly generation: string;
}

/**
 * Loads the index stored in a folder.
 * @param folder - where it is stored
 * @param expected - what it must agree with
 * @returns its contents, its model, and which generation it is
 * @throws VisionError `INDEX_NOT_FOUND`, `INDEX_CORRUPT`, `DIMENSION_MISMATCH`, `MODEL_MISMATCH`, `INPUT_UNREADABLE`,
 * `NATIVE_UNAVAILABLE`
 */
export async function loadContents(folder: string, expected: Expectations): Promise<Loaded> {
  let manifest = await readManifest(folder);
  for (let attempt = 1; ; attempt++) {
    requireAgreement(folder, manifest, expected);
    try {
      const contents = await loadGeneration(folder, manifest);
      return { contents, model: manifest.model, generation: generationOf(manifest) };
    } catch (error) {
      if (!(error instanceof FileGone)) throw error;
      // Another process that saves removes the files we were about to read; its manifest names the new ones.
      const next = await readManifest(folder);
      if (generationOf(next) === generationOf(manifest) || attempt === ATTEMPTS) {
        const times = attempt === 1 ? 'nothing' : `nothing, ${attempt} times in a row, as others kept saving`;
        throw corrupt(error.path, 'the file that the manifest names', times, error);
      }
      manifest = next;
    }
  }
}

async function loadGeneration(folder: string, manifest: Manifest): Promise<Contents> {
  await verifyGeneration(folder, manifest);
  const entries = await readEntries(folder, manifest);
  const { settings } = manifest;
  // An empty graph is stored without room for a first vector.
  if (manifest.elements === 0) return new Contents(settings, Graph.create(settings, DEFAULT_CAPACITY));
  const path = join(folder, manifest.graph.name);
  try {
    return new Contents(settings, await Graph.read(path, settings), entries);
  } catch (cause) {
    if (cause instanceof VisionError) throw cause;
    await requireFile(path);
    throw corrupt(path, 'a graph that hnswlib can read', messageOf(cause), cause);
  }
}

function requireAgreement(folder: string, { settings, model }: Manifest, expected: Expectations): void {
  const what = `the index in ${folder}`;
  requireSameModel(model, expected.model, what);
  if (expected.dimensions === undefined || expected.dimensions === settings.dimensions) return;
  throw new VisionError(
    'DIMENSION_MISMATCH',
    `Expected ${expected.dimensions} dimensions for ${what} but received ${settings.dimensions}. ` +
      'Open it with the model it was made for.',
  );
}
