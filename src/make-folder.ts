// Makes a folder and those above it, with an end: Node's own recursive mkdir tries for ever where a folder stays missing.
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder, and the folders above it that are missing: each is tried twice at most, on the way up and on the way down.
 * Node's recursive `mkdir` starts over as long as the answer is ENOENT, in a thread that nothing can stop;
 * below `/proc` that is the answer each time.
 * @param path - may be there already, as a folder or as a link to one
 * @throws the error of the file system, which names the folder that could not be made: `EEXIST` where a file or a link to
 * nothing has its name, `ENOTDIR` where one above it is no folder, `ENOENT` where it is refused without a better reason
 */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    const error = await make(folder);
    if (error === undefined) break;
    if (error.code !== 'ENOENT' || dirname(folder) === folder) throw error;
    missing.push(folder);
  }
  for (const folder of missing.reverse()) {
    const error = await make(folder);
    if (error !== undefined) throw error;
  }
}

async function make(folder: string): Promise<NodeJS.ErrnoException | undefined> {
  try {
    await mkdir(folder);
    return undefined;
  } catch (error) {
    // One that is there answers EEXIST, but a root, or one of a read-only file system, may answer something else.
    const found = await stat(folder).catch(() => undefined);
    return found?.isDirectory() === true ? undefined : (error as NodeJS.ErrnoException);
  }
}
