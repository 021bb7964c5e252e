// Picks the images among files by their content, a few files ahead of whoever embeds them.
import { VisionError, messageOf } from '../errors.js';
import type { Recognised } from '../image/recognise/kinds.js';
import { isForeignImage, unsupportedFormat } from '../image/recognise/recognise.js';
import { recogniseFile } from '../recognise-file.js';
import { mapOrdered } from '../stream.js';
import { hasImageName } from './image-names.js';
import { forLibrary } from './names.js';
import type { PassedOver } from './passed-over.js';
import type { FoundFile } from './walk.js';

/** An image to embed. */
export type SelectedFile<F extends FoundFile> = F & {
  /** What its content is; undefined when nobody has looked. */
  found?: Recognised | undefined;
};

/** What to do with the rest. */
export interface SelectOptions<F extends FoundFile> {
  /** Whether to look into a file at all; one that is not looked into is selected. */
  isInQuestion?: (file: F) => boolean;
  /** Whether a file that is no image is an error: its name says so, or it was one. */
  isExpected?: (file: F) => boolean;
  /** Counts what is left out for what it is. */
  passedOver: PassedOver;
  /** Called for each file that should have been an image that is read, or cannot be opened. */
  onFail: (error: VisionError, file: F) => void;
  /** Stops. */
  signal: AbortSignal;
}

// Opening takes a few tenths of a ms on a disk and several over a network; the thread pool has four threads.
const AHEAD = 16;

type Look =
  | { select: true; found?: Recognised | undefined }
  | { select: false; found?: Recognised | undefined; error?: VisionError };

/**
 * Selects images, in the order of the files.
 * @param files - read no further ahead than 16 files
 * @param options - see {@link SelectOptions}
 * @yields images
 */
export async function* selectImages<F extends FoundFile>(
  files: AsyncIterable<F>,
  options: SelectOptions<F>,
): AsyncGenerator<SelectedFile<F>, void, undefined> {
  const { isInQuestion, isExpected, passedOver, onFail, signal } = options;
  const look = async (file: F): Promise<{ file: F; seen: Look }> => {
    if (isInQuestion?.(file) === false) return { file, seen: { select: true } };
    const expected = hasImageName(file.path) || isExpected?.(file) === true;
    return { file, seen: await lookInto(file.path, expected) };
  };
  for await (const { file, seen } of mapOrdered(files, AHEAD, look, signal)) {
    if (seen.select) {
      yield { ...file, found: seen.found };
      continue;
    }
    // A file that cannot be opened is passed over for no kind.
    const unknown = seen.error !== undefined && seen.error.code !== 'UNSUPPORTED_FORMAT';
    if (!unknown) passedOver.add(seen.found, seen.error !== undefined);
    if (seen.error !== undefined) onFail(seen.error, file);
  }
}

async function lookInto(path: string, isExpected: boolean): Promise<Look> {
  try {
    const { found, head } = await recogniseFile(forLibrary(path));
    // What is wrong with an empty file the library says best.
    if (found?.format !== undefined || (isExpected && head.length === 0)) return { select: true, found };
    if (!isExpected && !isForeignImage(found)) return { select: false, found };
    return { select: false, found, error: unsupportedFormat(head, found) };
  } catch (cause) {
    if (cause instanceof VisionError) return { select: false, error: cause };
    const message = `The file ${path} cannot be read: ${messageOf(cause)}.`;
    return { select: false, error: new VisionError('INPUT_UNREADABLE', message, { cause }) };
  }
}
