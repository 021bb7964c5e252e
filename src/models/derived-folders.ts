// Folders of what is made of models, one an entry: marked by whoever uses them, and kept within bounds. What was not used
// for longest goes first, what is in use never.
import { randomBytes } from 'node:crypto';
import { readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

/** How much of one kind is kept. */
export interface Bounds {
  /** The file of an entry whose time of change is when the entry was last used; a folder without it is none. */
  mark: string;
  /** Entries that hold more than their mark. */
  entries: number;
  /** Of all files but the marks. */
  bytes: number;
  /** For how long an entry stays that nobody uses, in ms. */
  idle: number;
}

/** How long a use counts, in ms; whoever uses an entry says so again within half of it. */
export const IN_USE_MS = 2 * 60 * 60_000;

const ENTRY = /^[0-9a-f]{32}$/;
// What a killed maker or removal left.
const LEFTOVER = /^([0-9a-f]{32})\.[0-9a-f]{12}\.(tmp|old)$/;

/**
 * Looks at an entry and goes on to use it. Marked before the look: between the look and the use it is not removed.
 * @param mark - path of its mark, which need not be there
 * @param look - undefined when the entry is of no use
 * @returns what the look found, and what ends the use
 * @throws what the look throws
 */
export async function findAndUse<T>(
  mark: string,
  look: () => Promise<T | undefined>,
): Promise<{ found: T; release: () => void } | undefined> {
  const release = await use(mark);
  let found: T | undefined;
  try {
    found = await look();
  } finally {
    if (found === undefined) release();
  }
  return found === undefined ? undefined : { found, release };
}

/**
 * Says that an entry, or a folder that shall become one, is in use: now and every hour.
 * @param mark - path of its mark, or of the folder
 * @returns ends the use
 */
export async function use(mark: string): Promise<() => void> {
  // Where nothing can be written, nothing is removed either.
  const touch = () => utimes(mark, new Date(), new Date()).catch(() => undefined);
  await touch();
  const timer = setInterval(() => void touch(), IN_USE_MS / 2).unref();
  return () => clearInterval(timer);
}

/**
 * @param key - of an entry
 * @param kind - `tmp`: being made; `old`: being removed
 * @returns a name for a folder that no one else uses
 */
export function leftoverName(key: string, kind: 'tmp' | 'old'): string {
  return `${key}.${randomBytes(6).toString('hex')}.${kind}`;
}

/**
 * Removes what killed makers of one entry left. For the holder of its lock.
 * @param root - the folder of all of them
 * @param key - of the entry
 */
export async function removeLeftovers(root: string, key: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (LEFTOVER.exec(name)?.[1] === key) await rm(join(root, name), { recursive: true, force: true });
  }
}

/**
 * Removes an entry. Who has it mapped keeps it; who opens it meanwhile finds all of it or nothing.
 * @param root - the folder of all of them
 * @param key - of the entry
 */
export async function removeEntry(root: string, key: string): Promise<void> {
  const old = await moveAway(root, key);
  if (old !== undefined) await rm(old, { recursive: true, force: true });
}

/**
 * Removes entries until the rest is within bounds, and leftovers that nobody can be busy with any more.
 * @param root - the folder of all of them
 * @param bounds - how much stays
 * @param now - ms since 1970; only tests pass it
 */
export async function prune(root: string, bounds: Bounds, now = Date.now()): Promise<void> {
  const entries: { key: string; idle: number; bytes: number }[] = [];
  for (const name of await readdir(root)) {
    const path = join(root, name);
    if (ENTRY.test(name)) {
      entries.push({ key: name, idle: await idleTime(path, bounds, now), bytes: await bytesIn(path, bounds) });
    } else if (LEFTOVER.test(name)) {
      // Gone: its maker is done with it.
      const age = now - ((await stat(path).catch(() => undefined))?.mtimeMs ?? now);
      if (age > IN_USE_MS) await rm(path, { recursive: true, force: true });
    }
  }
  entries.sort((a, b) => a.idle - b.idle);
  const sum = { entries: 0, bytes: 0 };
  for (const { key, idle, bytes } of entries) {
    sum.bytes += bytes;
    if (bytes > 0) sum.entries++;
    const surplus = bytes > 0 && (sum.entries > bounds.entries || sum.bytes > bounds.bytes);
    if ((surplus || idle > bounds.idle) && idle > IN_USE_MS) await removeUnused(root, key, bounds, now);
  }
}

async function removeUnused(root: string, key: string, bounds: Bounds, now: number): Promise<void> {
  const old = await moveAway(root, key);
  if (old === undefined) return;
  // Somebody may have begun to use it since it was looked at. Where it has been made anew meanwhile, the old one goes.
  const used = (await idleTime(old, bounds, now)) <= IN_USE_MS;
  const back = used && (await rename(old, join(root, key)).then(() => true, () => false));
  if (!back) await rm(old, { recursive: true, force: true });
}

async function moveAway(root: string, key: string): Promise<string | undefined> {
  const old = join(root, leftoverName(key, 'old'));
  try {
    await rename(join(root, key), old);
    return old;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function idleTime(directory: string, { mark }: Bounds, now: number): Promise<number> {
  const found = await stat(join(directory, mark)).catch(() => undefined);
  return now - (found?.mtimeMs ?? 0);
}

async function bytesIn(directory: string, { mark }: Bounds): Promise<number> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => name !== mark);
  const files = await Promise.all(names.map((name) => stat(join(directory, name)).catch(() => undefined)));
  return files.reduce((sum, file) => sum + (file?.size ?? 0), 0);
}
