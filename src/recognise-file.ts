// Recognises a file by its first bytes, which are all that is read of it.
import { HEAD_BYTES, recognise } from './image/recognise/recognise.js';
import type { Recognised } from './image/recognise/kinds.js';
import { openFile } from './input-file.js';

/** A file that was looked at. */
export interface RecognisedFile {
  /** Undefined if it is nothing known. */
  found: Recognised | undefined;
  /** Its first bytes, 4 KiB at most. */
  head: Uint8Array;
}

/**
 * Opens a file, reads its first bytes and says what it is.
 * @param location - a regular file: its path or `file:` URL
 * @returns what was found
 * @throws `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`
 */
export async function recogniseFile(location: string | URL): Promise<RecognisedFile> {
  const file = await openFile(location);
  try {
    const head = new Uint8Array(Math.min(file.size, HEAD_BYTES));
    await file.readInto(head);
    return { found: recognise(head), head };
  } finally {
    await file.close();
  }
}
