// The sound files that inputs are made from: small ones, since what decides is structure and not size.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../helpers/fixtures.js';
import type { CorpusFile } from './mutate.js';

const FOLDERS = ['golden/images', 'fuzz', 'bad', 'orientation'].map((name) =>
  join(ROOT, 'test', 'fixtures', name),
);
const NO_IMAGES = /\.(json|py|md)$/;
const MAX_BYTES = 16_384;

/**
 * Reads the corpus.
 * @returns the files, always in the same order
 */
export function readCorpus(): CorpusFile[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && !NO_IMAGES.test(entry.name))
      .map(({ name }) => ({ name, bytes: readFileSync(join(folder, name)) })),
  )
    .filter(({ bytes }) => bytes.length <= MAX_BYTES)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
