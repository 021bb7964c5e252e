// The working folder of the process, which may be removed under it: a deployment replaces it, a test cleans up after itself.
import { resolve } from 'node:path';
import { VisionError, expectedButReceived, type VisionErrorCode } from './errors.js';
import { isError } from './realm.js';

/**
 * Makes a path absolute that a caller gives.
 * @param path - the path; only a relative one needs the working folder
 * @param what - its name, for the message
 * @param code - of the error
 * @returns the absolute path
 * @throws an error with that code where the working folder is gone
 */
export function absolutePath(path: string, what: string, code: VisionErrorCode): string {
  try {
    return resolve(path);
  } catch (cause) {
    if (!saysNoFolder(cause)) throw cause;
    throw new VisionError(
      code,
      `${expectedButReceived(what, 'an absolute path', path)} The working folder of the process does not exist any more: ` +
        'change to another folder (process.chdir), or name the path in full.',
      { cause },
    );
  }
}

/**
 * Tells what is thrown where the working folder is asked for and gone. (Node remembers its path, so that this may come late
 * or never; while a thread starts it comes always.)
 * @param cause - anything that was thrown
 * @returns whether it says so
 */
export function saysNoFolder(cause: unknown): boolean {
  return isError(cause) && 'syscall' in cause && cause.syscall === 'uv_cwd';
}
