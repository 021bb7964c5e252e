// Digests of model files, kept so that a start need not read gigabytes to name a model: believed for as long as all that can
// be known of a file without reading it is what it was.
import { createHash } from 'node:crypto';
import { open, readFile, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assetsDirectory, ifAny } from '../files/places.js';
import type { HashReply } from '../pool/hash-worker.js';
import type { Hasher } from '../pool/hasher.js';
import { replace } from './hub/storage.js';

/** What tells one content from another without reading it. Numbers as text: they need all of their 64 bits. */
interface FileIdentity {
  /** Symbolic links followed. */
  path: string;
  device: string;
  inode: string;
  bytes: string;
  /** Times of the last changes of content and of state, ns since 1970. Nobody can set the second. */
  modified: string;
  changed: string;
}

/** For those whose purpose is the check, and for tests. */
export interface DigestOptions {
  /** Whether what is kept is believed; false reads every file, and keeps what it finds. Default true. */
  believe?: boolean;
  /** Ms since 1970. */
  now?: () => number;
}

// 8 MiB: to hash less takes a few ms.
const MIN_BYTES = 8 * 2 ** 20;
// The coarsest clock of a file system, FAT's, has steps of 2 s: a change within the step of the one before leaves no trace.
const SETTLED_NS = 2_000_000_000n;
const SECOND_NS = 1_000_000_000n;
// 400 bytes each.
const MAX_RECORDS = 256;
const FORMAT = 1;
const SHA256 = /^[0-9a-f]{64}$/;
const OURS = /^[0-9a-f]{32}\.json(\.[0-9a-f]{12}\.tmp)?$/;

/**
 * The digests of a process that was asked for a model.
 * @param hasher - reads
 * @param request - where what is derived from models is kept
 * @param request.cacheDir - see {@link assetsDirectory}
 * @param options - whether to believe
 * @returns digests; ones that know nothing where there is no such place, as for a user without a home
 */
export function digestsFor(
  hasher: Hasher,
  { cacheDir }: { cacheDir?: string | undefined },
  options?: DigestOptions,
): Digests {
  return new Digests(
    hasher,
    ifAny(() => assetsDirectory(cacheDir)),
    options,
  );
}

/** Hashes files; what it has hashed before and is unchanged, it knows. Whatever is wrong with the record, the file is read. */
export class Digests {
  readonly #hasher: Hasher;
  readonly #directory: string | undefined;
  readonly #believe: boolean;
  readonly #now: () => number;

  /**
   * @param hasher - reads
   * @param directory - where what this library derives from models is kept; without it nothing is kept
   * @param options - whether to believe
   */
  constructor(hasher: Hasher, directory?: string, options: DigestOptions = {}) {
    this.#hasher = hasher;
    this.#directory = directory === undefined ? undefined : join(directory, 'digests');
    this.#believe = options.believe ?? true;
    this.#now = options.now ?? Date.now;
  }

  /**
   * SHA-256 and size of a file, from the record where that can be believed.
   * @param path - the file
   * @returns as {@link Hasher.file}
   * @throws `WORKER_FAILED`, `CLOSED`
   */
  async file(path: string): Promise<HashReply> {
    const identity = this.#directory === undefined ? undefined : await identityOf(path);
    if (this.#directory === undefined || identity === undefined) return this.read(path);
    const record = join(this.#directory, nameOf(identity));
    const known = this.#believe ? await knownDigest(record, identity) : undefined;
    if (known !== undefined) return { ok: true, sha256: known, size: Number(identity.bytes) };
    const telling = isTelling(identity, this.#now());
    const reply = await this.read(path);
    if (reply.ok && telling && sameFile(identity, await identityOf(path))) {
      await keep(this.#directory, record, recordOf(identity, reply.sha256));
    }
    return reply;
  }

  /**
   * The same of a file that is always read: it has just been written, or is to be checked. Nothing is kept.
   * @param path - the file
   * @param gitBlob - see {@link Hasher.file}
   * @returns as {@link Hasher.file}
   * @throws `WORKER_FAILED`, `CLOSED`
   */
  async read(path: string, gitBlob = false): Promise<HashReply> {
    return this.#hasher.file(path, gitBlob);
  }
}

/**
 * Whether a file's times would show any later change of it. Not while it is so new that the clock of its file system may
 * still be at the same step. Not where both times are whole seconds: a file system without finer ones often has no time of
 * state either, and images that are built to be reproducible give every file the same times.
 * @param times - of the file, ns since 1970
 * @param now - ms since 1970
 * @returns whether they would
 */
export function isTelling(times: { modified: string; changed: string }, now: number): boolean {
  const [modified, changed] = [BigInt(times.modified), BigInt(times.changed)];
  const newest = modified > changed ? modified : changed;
  const whole = modified % SECOND_NS === 0n && changed % SECOND_NS === 0n;
  return !whole && BigInt(Math.floor(now)) * 1_000_000n - newest >= SETTLED_NS;
}

// Undefined for files that are not worth a record, and where anything goes wrong: reading says what.
async function identityOf(path: string): Promise<FileIdentity | undefined> {
  try {
    const target = await realpath(path);
    const found = await stat(target);
    if (!found.isFile() || found.size < MIN_BYTES) return undefined;
    // Opened: a network file system may answer for a name from memory, but asks the server when a file is opened.
    const file = await open(target, 'r');
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
      return {
        path: target,
        device: String(dev),
        inode: String(ino),
        bytes: String(size),
        modified: String(mtimeNs),
        changed: String(ctimeNs),
      };
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

function sameFile(identity: FileIdentity, other: FileIdentity | undefined): boolean {
  return JSON.stringify(identity) === JSON.stringify(other);
}

// One file a record: nobody waits for another writer, or undoes what he wrote. The device is in the name, since machines that
// share the folder may number theirs differently.
function nameOf({ path, device, inode }: FileIdentity): string {
  return `${sha256([path, device, inode]).slice(0, 32)}.json`;
}

function recordOf(file: FileIdentity, digest: string): string {
  const content = { format: FORMAT, file, sha256: digest };
  // A wrong digest would name another model, so the record is checked as well.
  return `${JSON.stringify({ ...content, check: sha256(content) })}\n`;
}

async function knownDigest(record: string, identity: FileIdentity): Promise<string | undefined> {
  try {
    const text = await readFile(record, 'utf8');
    const digest = (JSON.parse(text) as { sha256: unknown }).sha256;
    if (typeof digest !== 'string' || !SHA256.test(digest)) return undefined;
    return text === recordOf(identity, digest) ? digest : undefined;
  } catch {
    return undefined; // not there, or not ours
  }
}

// Where it cannot be kept, the next start reads the file again. It need not outlive a power cut either.
async function keep(directory: string, record: string, text: string): Promise<void> {
  try {
    await replace(record, (beside) => writeFile(beside, text));
    await removeOldest(directory);
  } catch {
    // no permission, disk full, no folder
  }
}

async function removeOldest(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => OURS.test(name));
  if (names.length <= MAX_RECORDS) return;
  const records = await Promise.all(
    names.map(async (name) => {
      const path = join(directory, name);
      return { path, written: (await stat(path).catch(() => undefined))?.mtimeMs ?? 0 };
    }),
  );
  records.sort((a, b) => b.written - a.written);
  for (const { path } of records.slice(MAX_RECORDS)) await rm(path, { force: true });
}

function sha256(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
