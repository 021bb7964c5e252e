// One at a time, across processes and within one: a lock of the operating system, which ends with its holder.
import { open, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type * as FsNativeExtensions from 'fs-native-extensions';
import { pause, throwIfAborted } from '../abort.js';
import { messageOf } from '../errors.js';
import { makeFolder } from '../make-folder.js';
import { loadNative } from '../native-package.js';

/** The file system refuses locks, whoever may hold them. What that means is for the caller to say. */
export class LocksRefused extends Error {}

/**
 * Does work while nobody else does work under the same lock.
 * @param path - the lock's file; it is gone when nobody holds or awaits it
 * @param pollMs - how often to look when another one holds it
 * @param signal - ends the wait at once
 * @param work - what to do
 * @returns what the work returns
 * @throws `ABORTED`, `NATIVE_UNAVAILABLE` without the package, {@link LocksRefused}, errors of the file system, or what the work throws
 */
export async function withLock<T>(
  path: string,
  pollMs: number,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const handle = await acquire(path, pollMs, signal);
  try {
    return await work();
  } finally {
    // Only the holder removes the file. Windows would keep the name unusable until the last handle is closed.
    if (process.platform !== 'win32') await rm(path, { force: true }).catch(() => undefined);
    await handle.close();
  }
}

async function acquire(path: string, pollMs: number, signal: AbortSignal | undefined): Promise<FileHandle> {
  // Loaded when needed: a platform without it can still use the bundled model and whatever the cache holds.
  const { tryLock } = loadNative('fs-native-extensions') as typeof FsNativeExtensions;
  const tryLocking = ({ fd }: FileHandle): boolean => {
    try {
      return tryLock(fd);
    } catch (cause) {
      throw new LocksRefused(`its file system refuses locks (${messageOf(cause)})`, { cause });
    }
  };
  await makeFolder(dirname(path));
  for (;;) {
    throwIfAborted(signal);
    const handle = await open(path, 'a');
    let ours = false;
    try {
      const locked = tryLocking(handle);
      // The former holder may have removed the file between our opening and our locking it: that lock guards nothing.
      ours = locked && (await handle.stat()).nlink > 0;
      if (ours) return handle;
      if (!locked) await pause(pollMs, signal);
    } finally {
      if (!ours) await handle.close();
    }
  }
}
