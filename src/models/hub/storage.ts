// Files of the cache: written beside and renamed, and what the operating system says when that is not possible.
import { randomBytes } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { VisionError, messageOf } from '../../errors.js';
import { LocksRefused } from '../../files/lock.js';
import { makeFolder } from '../../make-folder.js';
import { isError } from '../../realm.js';
import { syncHandle } from '../../sync.js';

const FULL = ['ENOSPC', 'EDQUOT'];
// What Node's permission model says in place of the operating system.
const FORBIDDEN = 'ERR_ACCESS_DENIED';

/**
 * Tells whether an error says that the disk is full.
 * @param error - anything
 * @returns whether it does
 */
export function isDiskFull(error: unknown): boolean {
  return FULL.includes((error as NodeJS.ErrnoException).code ?? '');
}

/**
 * Gives an error of the file system, or of its locks, its code; every other one stays as it is.
 * @param error - anything
 * @param directory - the cache folder
 * @returns what to throw: `DISK_FULL`, `CACHE_UNUSABLE`, or the error itself
 */
export function storageError(error: unknown, directory: string): unknown {
  if (error instanceof LocksRefused) return unusable(directory, error.message, error.cause);
  const { syscall, code } = error as NodeJS.ErrnoException;
  const isOfFiles = syscall !== undefined || code === FORBIDDEN;
  if (error instanceof VisionError || !isError(error) || !isOfFiles) return error;
  if (isDiskFull(error)) {
    const advice = 'Free space, or point HF_HUB_CACHE to another disk, and start again.';
    return new VisionError('DISK_FULL', `No space is left in ${directory}: ${messageOf(error)}. ${advice}`, {
      cause: error,
    });
  }
  return unusable(directory, messageOf(error), error);
}

function unusable(directory: string, reason: string, cause?: unknown): VisionError {
  return new VisionError(
    'CACHE_UNUSABLE',
    `Cannot use the cache ${directory}: ${reason}. Check the permissions of the folder, or point HF_HUB_CACHE to another.`,
    { cause },
  );
}

/**
 * The size of a regular file, symbolic links followed.
 * @param path - the file
 * @returns bytes; undefined where there is none
 */
export async function fileSize(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/**
 * Puts something at a path at once: nobody ever sees half of it, whatever was there is replaced.
 * @param path - where it shall be; the folder is made
 * @param make - makes it at another path beside
 */
export async function replace(path: string, make: (beside: string) => Promise<void>): Promise<void> {
  await makeFolder(dirname(path));
  const beside = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await make(beside);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/**
 * Makes renames in a folder last. Windows cannot open folders and needs no such step.
 * @param directory - the folder
 */
export async function syncFolder(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await syncHandle(handle);
  } finally {
    await handle.close();
  }
}
