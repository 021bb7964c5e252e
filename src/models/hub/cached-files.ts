// What the cache has of a commit's files, what it knows that the hub lacks, and what is open.
import { VisionError } from '../../errors.js';
import type { Digests } from '../digests.js';
import { examine } from './download.js';
import type { RepoCache } from './layout.js';
import { fileSize } from './storage.js';

/** A file of a repository. */
export interface HubFile {
  /** Relative to the repository, with `/` between its parts. */
  path: string;
  /** Where true, the hub may lack it. */
  optional?: boolean;
  /**
   * Of an optional file offline, when nobody knows whether the hub has it: true takes it as lacking; otherwise that is
   * `MODEL_NOT_CACHED`.
   */
  assumeAbsent?: boolean;
  /** Where true, `PATH_1`, `PATH_2` and so on come with it, up to the first that the hub lacks; they are as optional. */
  series?: boolean;
}

/** A file on the disk. */
export interface LocalFile {
  path: string;
  /** Bytes. */
  size: number;
  /** Of its content, lower-case hex. */
  sha256: string;
}

// More parts than any file has: a server that has whatever it is asked for must come to an end.
const MOST_PARTS = 100;

/** Looks, and fetches nothing. */
export class CachedFiles {
  readonly #cache: RepoCache;
  readonly #digests: Digests;
  readonly #signal: AbortSignal | undefined;

  /**
   * @param cache - of the repository
   * @param digests - of what is in the cache
   * @param signal - ends every wait at once
   */
  constructor(cache: RepoCache, digests: Digests, signal: AbortSignal | undefined) {
    this.#cache = cache;
    this.#digests = digests;
    this.#signal = signal;
  }

  /**
   * Whether a file is there; what is in it is not looked at.
   * @param commit - a commit hash
   * @param path - a checked path
   * @returns whether it is
   * @throws errors of the file system
   */
  async has(commit: string, path: string): Promise<boolean> {
    return (await fileSize(this.#cache.pointer(commit, path))) !== undefined;
  }

  /**
   * One file, its content verified: read, unless it is known to be what was read before.
   * @param commit - a commit hash
   * @param path - a checked path
   * @returns undefined where it is not there, or is not what its name says
   * @throws `ABORTED`, `WORKER_FAILED`, errors of the file system
   */
  async file(commit: string, path: string): Promise<LocalFile | undefined> {
    const pointer = this.#cache.pointer(commit, path);
    if ((await fileSize(pointer)) === undefined) return undefined;
    // Large files are named by SHA-256, so they may be known; small ones, by git's hash, are read.
    const hash = (file: string, gitBlob: boolean) =>
      gitBlob ? this.#digests.read(file, true) : this.#digests.file(file);
    const content = await examine(pointer, await this.#cache.blobOf(pointer), hash, this.#signal);
    return content && { path: pointer, ...content };
  }

  /**
   * All files that are there, verified.
   * @param commit - a commit hash
   * @param files - which
   * @returns by their path in the repository
   * @throws `MODEL_INVALID` for a damaged one, `ABORTED`, `WORKER_FAILED`, errors of the file system
   */
  async all(commit: string, files: readonly HubFile[]): Promise<Map<string, LocalFile>> {
    const found = new Map<string, LocalFile>();
    await eachOf(files, async ({ path }) => {
      const content = await this.file(commit, path);
      const pointer = this.#cache.pointer(commit, path);
      if (content !== undefined) found.set(path, content);
      else if ((await fileSize(pointer)) !== undefined) {
        const advice = 'Delete it, or go online, to download it again.';
        const message = `The cached file ${pointer} is damaged: its content has another hash than its name. ${advice}`;
        throw new VisionError('MODEL_INVALID', message);
      }
      return content !== undefined;
    });
    return found;
  }

  /**
   * The files that cannot be answered for without asking the hub.
   * @param commit - a commit hash; undefined where the cache does not know the revision
   * @param files - which
   * @returns those that are not there, save optional ones that the hub is known to lack
   * @throws errors of the file system
   */
  async open(commit: string | undefined, files: readonly HubFile[]): Promise<HubFile[]> {
    if (commit === undefined) return files.filter(({ optional }) => optional !== true);
    const open: HubFile[] = [];
    await eachOf(files, async (file) => {
      const { path, optional } = file;
      if (await this.has(commit, path)) return true;
      if (optional !== true || !(await this.#cache.isAbsent(commit, path))) open.push(file);
      return false;
    });
    return open;
  }
}

/**
 * Goes through files, and on to the next part of a series for as long as the one before is there.
 * @param files - one after the other
 * @param isThere - looks at one
 */
export async function eachOf(files: readonly HubFile[], isThere: (file: HubFile) => Promise<boolean>): Promise<void> {
  for (const file of files) {
    let there = await isThere(file);
    for (let part = 1; there && file.series === true && part < MOST_PARTS; part++) {
      there = await isThere({ ...file, path: `${file.path}_${part}` });
    }
  }
}
