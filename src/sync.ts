// Makes what has been written last, as far as Node lets a program do that.
import type { FileHandle } from 'node:fs/promises';

/**
 * Waits until a file or folder is on the disk. Node 24's permission model forbids that, whatever else it allows: there
 * a power cut may take what was written in the last seconds, the end of the process does not.
 * @param handle - of the file or folder
 */
export async function syncHandle(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_ACCESS_DENIED') throw error;
  }
}
