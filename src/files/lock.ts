// One at a time, across processes and within one: a lock of the operating system, which ends with its holder.
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pause, throwIfAborted } from '../abort.js';
import { messageOf } from '../errors.js';

/** There are no locks to be had, whoever may hold them. What that means is for the caller to say. */
export class LocksUnavailable extends Error {
  /** The package is not there for this platform; else the file system refuses. */
  readonly isMissing: boolean;

  /**
   * @param isMissing - see above
   * @param message - a clause that says why
   * @param cause - the error underneath
   */
  constructor(isMissing: boolean, message: string, cause: unknown) {
    super(message, { cause });
    this.isMissing = isMissing;
  }
}

/**
 * Does work while nobody else does work under the same lock.
 * @param path - the lock's file; it is gone when nobody holds or awaits it
 * @param pollMs - how often to look when another one holds it
 * @param signal - ends the wait at once
 * @param work - what to do
 * @returns what the work returns
 * @throws `ABORTED`, {@link LocksUnavailable}, errors of the file system, or what the work throws
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
  const tryLock = await loadTryLock();
  const tryLocking = ({ fd }: FileHandle): boolean => {
    try {
      return tryLock(fd);
    } catch (cause) {
      throw new LocksUnavailable(false, `its file system refuses locks (${messageOf(cause)})`, cause);
    }
  };
  await mkdir(dirname(path), { recursive: true });
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

let tryLockLoaded: Promise<(fd: number) => boolean> | undefined;

// Loaded when needed: a platform without it can still use the bundled model and whatever the cache holds. Looked for once:
// a process that has given up its rights since then may not find it again.
async function loadTryLock(): Promise<(fd: number) => boolean> {
  try {
    return await (tryLockLoaded ??= import('fs-native-extensions').then(({ tryLock }) => tryLock));
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}`;
    throw new LocksUnavailable(
      true,
      `file locks are not available on ${platform} (${messageOf(cause)})`,
      cause,
    );
  }
}
