// What Node itself forbids (by its permission model, by --no-addons), and the flag that allows it.
import { isError } from './realm.js';

// By what Node calls the permission in its errors.
const FLAGS: Readonly<Record<string, string>> = {
  FileSystemRead: '--allow-fs-read',
  FileSystemWrite: '--allow-fs-write',
  ChildProcess: '--allow-child-process',
  WorkerThreads: '--allow-worker',
  Addon: '--allow-addons',
  Net: '--allow-net',
};
const SEE = ' (docs/surroundings.md lists what is needed)';

/**
 * Says which flag is missing.
 * @param error - anything that was thrown
 * @returns a sentence without its full stop; undefined when it is not Node that forbids something
 */
export function flagFor(error: unknown): string | undefined {
  if (!isError(error)) return undefined;
  const { code, permission, resource } = error as {
    code?: unknown;
    permission?: unknown;
    resource?: unknown;
  };
  // Some packages keep only the text of what failed.
  if (code === 'ERR_DLOPEN_DISABLED' || error.message.includes('ERR_DLOPEN_DISABLED')) {
    // A thread cannot tell which of the two it is.
    return `Node forbids native addons: start it without --no-addons, and where its permission model is on with --allow-addons${SEE}`;
  }
  if (code !== 'ERR_ACCESS_DENIED' || typeof permission !== 'string') return undefined;
  const flag = FLAGS[permission];
  if (flag === undefined) return undefined;
  // Only files are allowed one by one.
  const path = permission.startsWith('FileSystem') && typeof resource === 'string' ? resource : '';
  return `Node's permission model forbids it: start Node with ${path === '' ? flag : `${flag}=${path}`}${SEE}`;
}
