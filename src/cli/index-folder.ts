// A folder that `index build` made: the stored index, and beside it what it was built with: model and background.
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { messageOf, VisionError } from '../errors.js';
import { VectorIndex, type SemanticVision } from '../index.js';
import { makeFolder } from '../make-folder.js';
import { CommandError } from './failure.js';
import type { RunFlags } from './flags.js';

/** What the index knows of a file, to tell whether it has changed. */
export interface FileMetadata {
  /** Bytes. */
  size: number;
  /** When it was last changed, in ms since 1970. */
  mtimeMs: number;
  /** SHA-256 of its bytes, in hex. */
  sha256: string;
}

type Choice = Pick<RunFlags, 'model' | 'revision' | 'dtype' | 'flatten'>;

const MODEL_FILE = 'model.json';
// The revision of a model that comes from elsewhere is another word, and cannot be asked for.
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * Opens the index in a folder, or begins one.
 * @param folder - need not exist
 * @param vision - the model whose vectors it holds
 * @returns the index, and whether it is new
 * @throws `MODEL_MISMATCH`, `INDEX_CORRUPT` and the like
 */
export async function openOrCreate(
  folder: string,
  vision: SemanticVision,
): Promise<{ index: VectorIndex<FileMetadata>; isNew: boolean }> {
  const { dimensions, fingerprint: model } = vision.model;
  try {
    return { index: await VectorIndex.open<FileMetadata>(folder, { model }), isNew: false };
  } catch (error) {
    if (error instanceof VisionError && error.code === 'INDEX_NOT_FOUND') {
      return { index: VectorIndex.create<FileMetadata>({ dimensions, model }), isNew: true };
    }
    throw error;
  }
}

/**
 * Completes flags by the model and the background that an index was built with; what was given on the command line goes
 * first.
 * @param flags - of the command
 * @param folder - of the index
 * @returns flags
 */
export async function withModelOf<F extends RunFlags>(flags: F, folder: string): Promise<F> {
  const { flatten, ...model } = (await readChoice(folder)) ?? {};
  return {
    ...(flags.model === undefined ? model : {}),
    ...(flatten === undefined ? {} : { flatten }),
    ...flags,
  };
}

/**
 * Refuses a background other than the one that an index was begun with: files that did not change are not embedded again,
 * and the same picture would have one vector or the other.
 * @param flags - of the command
 * @param folder - of the index
 * @throws `USAGE`
 */
export async function requireSameFlatten({ flatten }: RunFlags, folder: string): Promise<void> {
  const choice = await readChoice(folder);
  if (flatten === undefined || choice === undefined || choice.flatten === flatten) return;
  throw new CommandError(
    'USAGE',
    `Expected ${choice.flatten === undefined ? 'no --flatten' : `--flatten '${choice.flatten}'`} for ${folder} but ` +
      `received '${flatten}': its images were embedded the other way. Build a new index in another folder.`,
  );
}

/**
 * Remembers what an index is built with: of a hub model the commit, since its branch may move on.
 * @param folder - of the index; made if missing
 * @param flags - that chose the model and the background
 * @param vision - the model
 * @throws `INDEX_WRITE_FAILED`
 */
export async function rememberModel(folder: string, flags: RunFlags, vision: SemanticVision): Promise<void> {
  const { model, flatten } = flags;
  const { revision } = vision.model;
  // What "auto" chose today it may not choose another day, and the vectors do not mix.
  const dtype = model === undefined ? flags.dtype : vision.model.dtype;
  const isFolder = model !== undefined && (await stat(model).catch(() => undefined))?.isDirectory() === true;
  const choice: Choice = {
    ...(model === undefined ? {} : { model: isFolder ? resolve(model) : model }),
    ...(COMMIT.test(revision) ? { revision } : {}),
    ...(dtype === undefined ? {} : { dtype }),
    ...(flatten === undefined ? {} : { flatten }),
  };
  const path = join(folder, MODEL_FILE);
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await makeFolder(folder);
    await writeFile(temporary, `${JSON.stringify(choice)}\n`);
    await rename(temporary, path);
  } catch (cause) {
    throw new VisionError('INDEX_WRITE_FAILED', `Cannot write ${path}: ${messageOf(cause)}.`, { cause });
  }
}

// An index that the library made has no such file; its fingerprint still tells whether the model is the right one.
async function readChoice(folder: string): Promise<Choice | undefined> {
  const text = await readFile(join(folder, MODEL_FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { model, revision, dtype, flatten } = JSON.parse(text) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries({ model, revision, dtype, flatten }).filter(([, value]) => typeof value === 'string'),
    );
  } catch (cause) {
    throw new VisionError(
      'INDEX_CORRUPT',
      `Expected JSON in ${join(folder, MODEL_FILE)}: ${messageOf(cause)}.`,
      {
        cause,
      },
    );
  }
}
