// semantic-vision index search: the entries of an index nearest to an image or a text.
import { stat } from 'node:fs/promises';
import { VectorIndex } from '../../index.js';
import type { Context } from '../context.js';
import { CommandError, EXIT, type ExitCode } from '../failure.js';
import type { RunFlags } from '../flags.js';
import { hasImageName } from '../image-names.js';
import { withModelOf } from '../index-folder.js';
import { forSystem, holdsBytes, namedInput } from '../names.js';
import { table } from '../output.js';
import { openVision } from '../vision.js';

/** Options of the command. */
export interface IndexSearchFlags extends RunFlags {
  index: string;
  k: number;
  text?: boolean;
  image?: boolean;
}

/**
 * Searches an index.
 * @param query - the path of an image, or a text
 * @param flags - of the command
 * @param context - of the command
 * @returns exit code
 * @throws what embedding the query and opening the index throw
 */
export async function indexSearch(
  query: string,
  flags: IndexSearchFlags,
  context: Context,
): Promise<ExitCode> {
  const { output, signal } = context;
  const { index: folder, k } = flags;
  const kind = await kindOf(query, flags);
  // Before the model, which may have to be downloaded. The search itself refuses the vectors of another model.
  await using index = await VectorIndex.open(folder);
  await using vision = await openVision(await withModelOf(flags, folder), context, { text: kind === 'text' });
  const embedding = await (kind === 'image'
    ? vision.embedImage(await namedInput(query), { signal })
    : vision.embedText(query, { signal }));
  const results = index.search(embedding, { k });
  await output.result({ query: { [kind]: query }, index: folder, model: vision.model.id, results }, () =>
    table(results.map(({ id, similarity }) => [similarity.toFixed(4), id])),
  );
  if (results.length === 0) output.note(`The index in ${folder} is empty.`);
  return EXIT.ok;
}

async function kindOf(query: string, { text, image }: IndexSearchFlags): Promise<'image' | 'text'> {
  const exists = async () => (await stat(forSystem(query)).catch(() => undefined))?.isFile() === true;
  if (!text && (image || (await exists()))) return 'image';
  if (holdsBytes(query)) {
    throw new CommandError(
      'USAGE',
      `Expected an image that exists, or a text in UTF-8, but received ${query}.`,
    );
  }
  if (text) return 'text';
  // A mistyped path would otherwise be searched for as a text, and find something.
  if (/^\.{0,2}\//.test(query) || hasImageName(query)) {
    throw new CommandError(
      'USAGE',
      `Expected an image or a text but ${query} looks like a path at which nothing is. Use --text if it is a text.`,
    );
  }
  return 'text';
}
