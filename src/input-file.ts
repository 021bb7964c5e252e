// Opens an image file for stage 1 and says precisely what is wrong when that is not possible.
import { open, type FileHandle } from 'node:fs/promises';
import { constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { VisionError, messageOf } from './errors.js';

// Windows has no such flag, and no named pipes among its files.
const { O_NONBLOCK = 0 } = constants as { O_NONBLOCK?: number };

/** A regular file that is open for reading. */
export interface OpenedFile {
  /** For messages. */
  name: string;
  /** Bytes. */
  size: number;
  /** Fills the buffer from the start of the file. */
  readInto: (target: Uint8Array) => Promise<void>;
  /** Never rejects. */
  close: () => Promise<void>;
}

/**
 * Opens a file.
 * @param location - a path, a `file:` URL, or such a URL as a string
 * @returns the open file; the caller closes it
 * @throws `INVALID_ARGUMENT` for another kind of URL, `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`
 */
export async function openFile(location: string | URL): Promise<OpenedFile> {
  const path = toPath(location);
  // A path that is no text is named by its URL.
  const name = typeof path === 'string' ? path : String(location);
  let file: FileHandle;
  try {
    // Without O_NONBLOCK opening a named pipe would wait for a writer and hold a thread of libuv's pool.
    file = await open(path, constants.O_RDONLY | O_NONBLOCK);
  } catch (cause) {
    throw failed(name, cause as NodeJS.ErrnoException);
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) {
      const kind = stat.isDirectory() ? 'a folder' : 'not a regular file';
      throw new VisionError('INPUT_UNREADABLE', `Expected an image file but ${name} is ${kind}.`);
    }
    return {
      name,
      size: stat.size,
      readInto: (target) => fill(file, target, name),
      close: () => file.close().catch(() => undefined),
    };
  } catch (error) {
    await file.close();
    throw error instanceof VisionError ? error : failed(name, error as NodeJS.ErrnoException);
  }
}

// Bytes for a name that is no UTF-8: only a URL can say them.
function toPath(location: string | URL): string | Buffer {
  const path = pathOf(location);
  if (path === '' || path.includes('\0')) {
    throw new VisionError(
      'INVALID_ARGUMENT',
      'Expected a path for image but received an empty one, or a NUL byte in it.',
    );
  }
  return path;
}

function pathOf(location: string | URL): string | Buffer {
  const text = String(location);
  if (typeof location === 'string' && !/^(file|https?|data|blob):/i.test(text)) return location;
  try {
    return fileURLToPath(text);
  } catch (cause) {
    const bytes = (cause as Error).name === 'URIError' ? bytesOf(text) : undefined;
    if (bytes !== undefined) return bytes;
    throw new VisionError(
      'INVALID_ARGUMENT',
      `Expected a path or a file: URL for image but received ${text.slice(0, 40)}. Fetch the bytes and pass them.`,
      { cause },
    );
  }
}

// A URL escapes bytes, whatever they mean; fileURLToPath() gives up on what is no UTF-8. Names on Windows are no bytes.
function bytesOf(url: string): Buffer | undefined {
  const { pathname } = new URL(url);
  if (process.platform === 'win32' || /%(?![\da-f]{2})/i.test(pathname)) return undefined;
  const decoded = pathname.replace(/%(..)/g, (_, digits: string) =>
    String.fromCharCode(parseInt(digits, 16)),
  );
  return Buffer.from(decoded, 'latin1');
}

async function fill(file: FileHandle, target: Uint8Array, path: string): Promise<void> {
  for (let offset = 0; offset < target.length;) {
    let bytesRead: number;
    try {
      ({ bytesRead } = await file.read(target, offset, target.length - offset, offset));
    } catch (cause) {
      throw failed(path, cause as NodeJS.ErrnoException);
    }
    if (bytesRead === 0) {
      throw new VisionError(
        'INPUT_UNREADABLE',
        `Expected ${target.length} bytes in ${path} but it shrank to ${offset}.`,
      );
    }
    offset += bytesRead;
  }
}

function failed(path: string, cause: NodeJS.ErrnoException): VisionError {
  if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') {
    return new VisionError('INPUT_NOT_FOUND', `Expected an image file but nothing exists at ${path}.`, {
      cause,
    });
  }
  return new VisionError('INPUT_UNREADABLE', `The file ${path} cannot be read: ${messageOf(cause)}.`, {
    cause,
  });
}
