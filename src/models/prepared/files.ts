// Writing so that what is there is whole, whenever the power goes.
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { syncHandle } from '../../sync.js';

/**
 * Replaces a file's content at once.
 * @param path - the file; it need not exist
 * @param content - what it shall hold
 */
export async function replaceFile(path: string, content: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeDurably(temporary, content);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Writes a new file and waits until the disk has it.
 * @param path - must not exist
 * @param content - what it shall hold
 */
export async function writeDurably(path: string, content: string): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(content);
    await syncHandle(handle);
  } finally {
    await handle.close();
  }
}

/**
 * Waits until the disk has a file's content.
 * @param path - the file
 */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await syncHandle(handle);
  } finally {
    await handle.close();
  }
}
