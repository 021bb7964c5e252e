// Walks a folder for files, however many there are: nothing is kept but the folders still to be read.
import type { Dirent } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, VisionError } from '../errors.js';
import { hasImageName } from './image-names.js';
import { forSystem, local, textOf } from './names.js';

/** A file found. Its names are text as from {@link textOf}. */
export interface FoundFile {
  /** To open it: the walked folder joined with the id, and no URL, whatever it looks like. */
  path: string;
  /** Relative to the walked folder, with `/` between its parts on every platform. */
  id: string;
}

// Names as bytes: as text those that are no UTF-8 would be lost. The types do not know that one may ask for it.
const AS_BYTES = 'buffer' as BufferEncoding;

/** What is neither a file nor a folder, nor a link to one. */
export type IrregularKind = 'links to nothing' | 'special files';

/** Called for what a walk leaves out. */
export interface WalkListeners {
  /** For each folder below the walked one that cannot be read. */
  onUnreadable?: ((error: VisionError, path: string) => void) | undefined;
  /** For each link to nothing and each named pipe, socket or device whose name promises no image. */
  onIrregular?: ((kind: IrregularKind) => void) | undefined;
}

/**
 * Finds files, in no particular order. Names that begin with a dot are left out, as are links to folders (they can go in
 * circles); links to files are followed. What is no regular file is found as well if its name promises an image: whoever
 * opens it can say what is wrong.
 * @param root - a folder
 * @param listeners - see {@link WalkListeners}
 * @yields files
 * @throws `INPUT_NOT_FOUND`, `INPUT_UNREADABLE` when the folder itself cannot be read
 */
export async function* walkFiles(
  root: string,
  { onUnreadable, onIrregular }: WalkListeners = {},
): AsyncGenerator<FoundFile, void, undefined> {
  const waiting = [''];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const path = join(root, folder);
    try {
      const entries = await opendir(forSystem(path), { encoding: AS_BYTES, bufferSize: 256 });
      for await (const entry of entries) {
        const name = textOf(entry.name as unknown as Buffer);
        if (name.startsWith('.')) continue;
        const id = folder === '' ? name : `${folder}/${name}`;
        const file = { path: local(join(root, id)), id };
        const kind = await kindOf(entry, file.path);
        if (kind === 'folder') waiting.push(id);
        else if (kind === 'file') yield file;
        else if (kind === 'link to a folder') continue;
        else if (hasImageName(id)) yield file;
        else onIrregular?.(kind);
      }
    } catch (cause) {
      const error = unreadable(path, cause as NodeJS.ErrnoException);
      if (folder === '') throw error;
      onUnreadable?.(error, path);
    }
  }
}

async function kindOf(
  entry: Dirent,
  path: string,
): Promise<'file' | 'folder' | 'link to a folder' | IrregularKind> {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  // A link; or a file system that does not say what its entries are.
  const found = await stat(forSystem(path)).catch(() => undefined);
  if (found === undefined) return 'links to nothing';
  if (found.isFile()) return 'file';
  return found.isDirectory() ? 'link to a folder' : 'special files';
}

function unreadable(path: string, cause: NodeJS.ErrnoException): VisionError {
  if (cause.code === 'ENOENT') {
    return new VisionError('INPUT_NOT_FOUND', `Expected a folder but nothing exists at ${path}.`, { cause });
  }
  const what = cause.code === 'ENOTDIR' ? 'is none' : `cannot be read: ${messageOf(cause)}`;
  return new VisionError('INPUT_UNREADABLE', `Expected a folder of images but ${path} ${what}.`, { cause });
}
