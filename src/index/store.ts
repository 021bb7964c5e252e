// Files of a stored index: a save is one new generation of files and one rename; a load checks before it believes.
import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, VisionError } from '../errors.js';
import { makeFolder } from '../make-folder.js';
import { syncHandle } from '../sync.js';
import type { Entry, SavedEntry } from './contents.js';
import { checkGraphFile } from './graph-file.js';
import {
  corrupt,
  fileNames,
  formatManifest,
  GENERATION_FILE,
  type Manifest,
  MANIFEST_NAME,
  type StoredFile,
} from './manifest.js';
import { parseMetadata } from './metadata.js';
import type { IndexSettings } from './settings.js';
import { startSlices } from './slicing.js';
import { hold, inTurn, requireReplaceable, type Succession } from './succession.js';

// Errors of a save that are no failure to write.
const SAYS_ENOUGH: readonly string[] = ['INDEX_CONFLICT', 'NATIVE_UNAVAILABLE'];

/** The state of an index at one moment. */
export interface Snapshot {
  readonly settings: IndexSettings;
  readonly model: string | undefined;
  readonly elements: number;
  readonly entries: readonly SavedEntry[];
}

// About 1 ms of hashing, or 2 ms of parsing, between two turns of the event loop.
const CHUNK_BYTES = 262_144;
// A file of a generation that was never committed: its writer died, or is at work. Nobody writes this slowly.
const ABANDONED_MS = 15 * 60_000;

/**
 * Saves a generation. Up to the rename of the manifest the former one is untouched; from then on the new one is stored.
 * @param folder - made if missing
 * @param succession - what it may replace; holds the new generation afterwards
 * @param capture - writes the graph to a path and says what belongs to it
 * @throws VisionError `INDEX_CONFLICT`, `INDEX_WRITE_FAILED`, `NATIVE_UNAVAILABLE` without file locks; nothing of the attempt is left behind
 */
export async function saveGeneration(
  folder: string,
  succession: Succession,
  capture: (path: string) => Promise<Snapshot>,
): Promise<void> {
  // Unique, so that another process saving into the same folder can never mix its files with ours.
  const names = fileNames(randomBytes(8).toString('hex'));
  const manifestPath = join(folder, names.manifest);
  const ours = [names.graph, names.entries, names.manifest].map((name) => join(folder, name));
  try {
    // Before gigabytes are written for nothing; what counts is the look under the lock.
    await requireReplaceable(folder, succession);
    await makeFolder(folder);
    const { entries, ...state } = await capture(join(folder, names.graph));
    const manifest: Manifest = {
      ...state,
      count: entries.length,
      graph: await sealGraph(folder, names.graph, state.settings, state.elements),
      entries: await writeEntries(folder, names.entries, entries),
    };
    await withFile(manifestPath, 'wx', async (handle) => {
      await handle.writeFile(formatManifest(manifest));
      await syncHandle(handle);
    });
    await inTurn(folder, succession, async () => {
      const former = await requireReplaceable(folder, succession);
      // Before the rename: should what follows it fail, what is stored is ours all the same.
      hold(succession.holds, manifest);
      await rename(manifestPath, join(folder, MANIFEST_NAME));
      ours.length = 0;
      await syncFolder(folder);
      // A leftover costs space and nothing else.
      await removeOld(folder, former, manifest).catch(() => undefined);
    });
  } catch (cause) {
    await Promise.all(ours.map((path) => rm(path, { force: true }).catch(() => undefined)));
    if (cause instanceof VisionError && SAYS_ENOUGH.includes(cause.code)) throw cause;
    throw new VisionError(
      'INDEX_WRITE_FAILED',
      `Cannot save the index in ${folder}: ${messageOf(cause)}. What was stored there before is still whole. ` +
        'Check the free space and the permissions of the folder, then save again.',
      { cause },
    );
  }
}

/**
 * Checks every byte of a generation against its manifest.
 * @param folder - where it is stored
 * @param manifest - of the generation
 * @throws VisionError `INDEX_CORRUPT`, or {@link FileGone}
 */
export async function verifyGeneration(folder: string, manifest: Manifest): Promise<void> {
  for (const file of [manifest.graph, manifest.entries]) {
    const path = join(folder, file.name);
    await withStored(path, async (handle) => {
      const { size } = await handle.stat();
      if (size !== file.bytes) throw corrupt(path, `${file.bytes} bytes`, `${size}`);
      const actual = await hashFile(handle);
      if (actual !== file.sha256) throw corrupt(path, `sha256 ${file.sha256}`, actual);
      if (file !== manifest.graph) return;
      const wrong = await checkGraphFile(handle, manifest.settings, manifest.elements);
      if (wrong !== undefined) throw corrupt(path, wrong.expected, wrong.actual);
    });
  }
}

/**
 * Reads the entries of a generation that {@link verifyGeneration} has passed.
 * @param folder - where it is stored
 * @param manifest - of the generation
 * @returns the live entries, in the order they were added
 * @throws VisionError `INDEX_CORRUPT`, or {@link FileGone}
 */
export async function readEntries(folder: string, manifest: Manifest): Promise<Entry[]> {
  const { entries: file, count, elements } = manifest;
  const path = join(folder, file.name);
  const entries: Entry[] = [];
  const ids = new Set<string>();
  const labels = new Set<number>();
  const pause = startSlices();
  await withStored(path, async (handle) => {
    for await (const line of linesOf(handle)) {
      const [id, label, metadata] = parseMetadata(line) as [string, number, unknown];
      entries.push({ id, label, metadata });
      ids.add(id);
      if (Number.isInteger(label) && label >= 0 && label < elements) labels.add(label);
      await pause();
    }
  });
  if (entries.length !== count || ids.size !== count || labels.size !== count) {
    const actual = `${entries.length} with ${ids.size} ids and ${labels.size} labels`;
    throw corrupt(path, `${count} entries with distinct ids and labels below ${elements}`, actual);
  }
  return entries;
}

/** Thrown when a file that the manifest names is not there: damage, or another process has just saved. */
export class FileGone extends Error {
  /** The file. */
  readonly path: string;

  /** @param path - the file */
  constructor(path: string) {
    super(`${path} does not exist`);
    this.path = path;
  }
}

/**
 * Tells whether a file is there.
 * @param path - of the file
 * @throws FileGone when it is not
 */
export async function requireFile(path: string): Promise<void> {
  await withStored(path, () => Promise.resolve());
}

// hnswlib does not say whether its write worked, so look; then make the bytes last and hash them.
async function sealGraph(
  folder: string,
  name: string,
  settings: IndexSettings,
  elements: number,
): Promise<StoredFile> {
  return withFile(join(folder, name), 'r+', async (handle) => {
    const wrong = await checkGraphFile(handle, settings, elements);
    if (wrong !== undefined) throw new Error(`${name} should have ${wrong.expected} but has ${wrong.actual}`);
    await syncHandle(handle);
    const { size } = await handle.stat();
    return { name, bytes: size, sha256: await hashFile(handle) };
  });
}

// One JSON array a line: [id, label] or [id, label, metadata].
async function writeEntries(
  folder: string,
  name: string,
  entries: readonly SavedEntry[],
): Promise<StoredFile> {
  return withFile(join(folder, name), 'wx', async (handle) => {
    const hash = createHash('sha256');
    const pause = startSlices();
    let bytes = 0;
    let text = '';
    const flush = async (): Promise<void> => {
      const chunk = Buffer.from(text);
      hash.update(chunk);
      await handle.writeFile(chunk);
      bytes += chunk.length;
      text = '';
    };
    for (const { id, label, metadata } of entries) {
      text += `${JSON.stringify(metadata === undefined ? [id, label] : [id, label, metadata])}\n`;
      if (text.length >= CHUNK_BYTES) await flush();
      await pause();
    }
    await flush();
    await syncHandle(handle);
    return { name, bytes, sha256: hash.digest('hex') };
  });
}

// Not readLines(): that one also breaks at U+2028 and U+2029, which JSON leaves as they are.
async function* linesOf(handle: FileHandle): AsyncGenerator<string> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let rest: Buffer = Buffer.alloc(0);
  for (;;) {
    const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, null);
    if (bytesRead === 0) break;
    const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      yield bytes.toString('utf8', start, end);
      start = end + 1;
    }
    rest = bytes.subarray(start);
  }
  if (rest.length > 0) yield rest.toString('utf8');
}

async function hashFile(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let position = 0, bytesRead = 1; bytesRead > 0; position += bytesRead) {
    ({ bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, position));
    hash.update(chunk.subarray(0, bytesRead));
  }
  return hash.digest('hex');
}

// Only what the manifest before ours named, and what has been lying about for long: another process may be writing.
async function removeOld(folder: string, former: Manifest | undefined, current: Manifest): Promise<void> {
  const kept = [current.graph.name, current.entries.name];
  for (const name of await readdir(folder)) {
    if (kept.includes(name) || !GENERATION_FILE.test(name)) continue;
    const path = join(folder, name);
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    const replaced = name === former?.graph.name || name === former?.entries.name;
    if (replaced || age > ABANDONED_MS) await rm(path, { force: true });
  }
}

// Makes the rename last. Windows cannot open folders and needs no such step.
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  await withFile(folder, 'r', (handle) => syncHandle(handle));
}

async function withStored<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  try {
    return await withFile(path, 'r', use);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw new FileGone(path);
    if (cause instanceof VisionError) throw cause;
    throw corrupt(path, 'a readable file', messageOf(cause), cause);
  }
}

async function withFile<T>(path: string, flags: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, flags);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}
