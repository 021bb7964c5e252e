// Keeps the folder of prepared graphs within bounds: what was not used for longest goes first, what is in use never.
import { randomBytes } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FILES, RECORD } from './record.js';

/** How long a use counts; whoever uses a graph says so again within half of it. */
export const IN_USE_MS = 2 * 60 * 60_000;
/** They are derived: a month later, making one again costs seconds. */
const MAX_IDLE_MS = 30 * 24 * 60 * 60_000;
const MAX_ENTRIES = 8;
const MAX_BYTES = 16 * 2 ** 30;

const ENTRY = /^[0-9a-f]{32}$/;
// What a killed build or removal left.
const LEFTOVER = /^([0-9a-f]{32})\.[0-9a-f]{12}\.(tmp|old)$/;

/**
 * @param key - of a graph
 * @param kind - `tmp`: being built; `old`: being removed
 * @returns a name for a folder that no one else uses
 */
export function leftoverName(key: string, kind: 'tmp' | 'old'): string {
  return `${key}.${randomBytes(6).toString('hex')}.${kind}`;
}

/**
 * Removes what killed builds of one graph left. For the holder of its lock.
 * @param root - the folder of all of them
 * @param key - of the graph
 */
export async function removeLeftovers(root: string, key: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (LEFTOVER.exec(name)?.[1] === key) await rm(join(root, name), { recursive: true, force: true });
  }
}

/**
 * Removes a graph. Who has it mapped keeps it; who opens it meanwhile finds all of it or nothing.
 * @param root - the folder of all of them
 * @param key - of the graph
 */
export async function removeEntry(root: string, key: string): Promise<void> {
  const old = join(root, leftoverName(key, 'old'));
  try {
    await rename(join(root, key), old);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}

/**
 * Removes graphs until the rest is within bounds, and leftovers of builds that nobody can be busy with any more.
 * @param root - the folder of all of them
 * @param now - ms since 1970; only tests pass it
 */
export async function prune(root: string, now = Date.now()): Promise<void> {
  const entries: { key: string; idle: number; bytes: number }[] = [];
  for (const name of await readdir(root)) {
    if (ENTRY.test(name)) {
      entries.push({ key: name, ...(await usage(join(root, name), now)) });
    } else if (LEFTOVER.test(name)) {
      const age = now - (await stat(join(root, name))).mtimeMs;
      if (age > IN_USE_MS) await rm(join(root, name), { recursive: true, force: true });
    }
  }
  entries.sort((a, b) => a.idle - b.idle);
  let bytes = 0;
  for (const [position, entry] of entries.entries()) {
    bytes += entry.bytes;
    const surplus = position >= MAX_ENTRIES || bytes > MAX_BYTES || entry.idle > MAX_IDLE_MS;
    if (surplus && entry.idle > IN_USE_MS) await removeEntry(root, entry.key);
  }
}

async function usage(directory: string, now: number): Promise<{ idle: number; bytes: number }> {
  const [record, ...files] = await Promise.all(
    [RECORD, ...Object.values(FILES)].map((name) => stat(join(directory, name)).catch(() => undefined)),
  );
  const used = record?.mtimeMs ?? 0;
  return { idle: now - used, bytes: files.reduce((sum, file) => sum + (file?.size ?? 0), 0) };
}
