// The images that a model is calibrated and compared with: the package's photos, or a folder of the caller's.
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { VisionError, messageOf } from '../../errors.js';
import { packageRoot } from '../../package-root.js';
import { recogniseFile } from '../../recognise-file.js';
import { mapOrdered } from '../../stream.js';
import { absolutePath } from '../../working-folder.js';
import type { Digests } from '../digests.js';

/** Images, and one name for what is in them. */
export interface Calibration {
  paths: string[];
  /** SHA-256 (hex) over the hashes of the files. */
  hash: string;
}

// One half for ranges, one to compare, and neighbours among them.
const LEAST = 4;
// Files that are looked into at once.
const AHEAD = 16;
// 30 bring a mean that more do not change; each costs about a second of a large model.
const MOST = 100;

/**
 * Finds calibration images.
 * @param folder - of the caller's; undefined for the package's photos
 * @param digests - read them
 * @returns at most 100 of its images, evenly spread over the sorted names
 * @throws `INVALID_OPTION` when the folder cannot be read or holds fewer than 4 images
 */
export async function findCalibration(folder: string | undefined, digests: Digests): Promise<Calibration> {
  const directory = folder === undefined ? join(packageRoot(), 'examples', 'photos') : absolutePath(folder, 'the calibration folder', 'INVALID_OPTION');
  let names: string[];
  try {
    names = await imagesIn(directory);
  } catch (cause) {
    throw new VisionError('INVALID_OPTION', `The calibration folder ${directory} cannot be read: ${messageOf(cause)}.`, {
      cause,
    });
  }
  if (names.length < LEAST) {
    throw new VisionError(
      'INVALID_OPTION',
      `Expected at least ${LEAST} images in the calibration folder ${directory} but found ${names.length}: better 30, of ` +
        'what the model will see.',
    );
  }
  const step = Math.max(1, names.length / MOST);
  const chosen = Array.from({ length: Math.min(names.length, MOST) }, (_, i) => names[Math.floor(i * step)] as string);
  const paths = chosen.map((name) => join(directory, name));
  const hash = createHash('sha256');
  for (const path of paths) {
    const reply = await digests.read(path);
    if (!reply.ok) throw new VisionError('INVALID_OPTION', `The image ${path} cannot be read: ${reply.message}.`);
    hash.update(reply.sha256);
  }
  return { paths, hash: hash.digest('hex') };
}

// By content, as everywhere; what cannot be opened is none.
async function imagesIn(directory: string): Promise<string[]> {
  const entries = (await readdir(directory)).filter((name) => !name.startsWith('.')).sort();
  const look = async (name: string) => {
    const seen = await recogniseFile(join(directory, name)).catch(() => undefined);
    return seen?.found?.format === undefined ? undefined : name;
  };
  const names: string[] = [];
  for await (const name of mapOrdered(entries, AHEAD, look, undefined)) if (name !== undefined) names.push(name);
  return names;
}
