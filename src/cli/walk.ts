// Walks a folder for files, however many there are: nothing is kept but the folders still to be read.
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dirent } from 'node:fs';
import { messageOf, VisionError } from '../errors.js';

/** A file found. */
export interface FoundFile {
  /** To open it: the walked folder joined with the id. */
  path: string;
  /** Relative to the walked folder, with `/` between its parts on every platform. */
  id: string;
}

/**
 * Finds regular files, in no particular order. Names that begin with a dot are left out, as are links to folders (they
 * can go in circles); links to files are followed.
 * @param root - a folder
 * @param onUnreadable - called for each folder below it that cannot be read
 * @yields files
 * @throws `INPUT_NOT_FOUND`, `INPUT_UNREADABLE` when the folder itself cannot be read
 */
export async function* walkFiles(
  root: string,
  onUnreadable: (error: VisionError, path: string) => void,
): AsyncGenerator<FoundFile, void, undefined> {
  const waiting = [''];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const path = join(root, folder);
    try {
      for await (const entry of await opendir(path, { bufferSize: 256 })) {
        if (entry.name.startsWith('.')) continue;
        const id = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory()) waiting.push(id);
        else if (await isFile(entry, join(root, id))) yield { path: join(root, id), id };
      }
    } catch (cause) {
      const error = unreadable(path, cause as NodeJS.ErrnoException);
      if (folder === '') throw error;
      onUnreadable(error, path);
    }
  }
}

async function isFile(entry: Dirent, path: string): Promise<boolean> {
  if (entry.isFile()) return true;
  // A link; or a file system that does not say what its entries are.
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

function unreadable(path: string, cause: NodeJS.ErrnoException): VisionError {
  if (cause.code === 'ENOENT') {
    return new VisionError('INPUT_NOT_FOUND', `Expected a folder but nothing exists at ${path}.`, { cause });
  }
  const what = cause.code === 'ENOTDIR' ? 'is none' : `cannot be read: ${messageOf(cause)}`;
  return new VisionError('INPUT_UNREADABLE', `Expected a folder of images but ${path} ${what}.`, { cause });
}
