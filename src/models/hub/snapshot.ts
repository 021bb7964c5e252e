// The files of one revision of a repository: from the cache where they are there and whole, from the hub where not.
import { throwIfAborted } from '../../abort.js';
import { VisionError, expectedButReceived } from '../../errors.js';
import type { Digests } from '../digests.js';
import { FileMissing } from './answers.js';
import { CachedFiles, eachOf, type HubFile, type LocalFile } from './cached-files.js';
import { download } from './download.js';
import { RepoCache } from './layout.js';
import { COMMIT, checkPath, checkRepo, checkRevision } from './names.js';
import { Progress } from './progress.js';
import type { DownloadProgress } from '../../types.js';
import { inquire, requireCommit, type RemoteFile, type Source } from './remote-file.js';
import type { HubSettings } from './settings.js';
import { storageError } from './storage.js';
import { TIMING, type Timing } from './timing.js';

/** Which revision, and how it is fetched. */
export interface SessionRequest {
  /** `org/name`. */
  repo: string;
  /** A branch, a tag, or a commit hash. */
  revision: string;
  settings: HubSettings;
  /** Of the files; what is downloaded is read all the same. */
  digests: Digests;
  /** Stops at once; what has arrived is kept for the next call. */
  signal?: AbortSignal | undefined;
  /** Called about every 100 ms while a file is being downloaded, and at its end; never for what the cache has. */
  onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

/** Files on the disk, all of one commit. */
export interface HubSnapshot {
  /** What the revision stands for. */
  commit: string;
  /** The folder that holds them, laid out as in the repository. */
  directory: string;
  /** Those that exist, by their path in the repository. */
  files: Map<string, LocalFile>;
}

// What the cache last knew is better than nothing: a hub that is down, or a token that ran out, stops no service.
const OUTAGES = ['HUB_UNREACHABLE', 'HUB_ACCESS_DENIED'];

/**
 * Whether an error says that the hub cannot be used just now, so that what the cache has may stand in for it.
 * @param error - anything
 * @returns whether it does
 */
export function isOutage(error: unknown): boolean {
  return error instanceof VisionError && OUTAGES.includes(error.code);
}

/**
 * Gets files of a model, of one commit even if the branch moves meanwhile, into the cache that is shared with Python's
 * `huggingface_hub`, and checks every byte of them against the hashes by which the hub names contents. A revision that is a
 * commit hash and is whole in the cache needs no request. Other revisions are asked for once; if the hub is out of reach
 * then, and the cache has all that is wanted, what it last knew is used.
 */
export class HubSession {
  readonly #request: SessionRequest;
  readonly #timing: Timing;
  readonly #cache: RepoCache;
  readonly #cached: CachedFiles;
  readonly #progress: Progress;
  // What the revision stands for, from the first files on.
  #commit: string | undefined;
  // The hub was out of reach a moment ago, and the cache stood in for it.
  #isOut = false;
  // What the hub has said about files of it, by path: nobody is asked twice.
  readonly #answers = new Map<string, RemoteFile>();

  /**
   * @param request - which revision
   * @param timing - patience; for tests
   * @throws `INVALID_OPTION` for a repository or revision that cannot be one
   */
  constructor(request: SessionRequest, timing: Timing = TIMING) {
    checkRepo(request.repo);
    checkRevision(request.revision);
    this.#request = request;
    this.#timing = timing;
    this.#cache = new RepoCache(request.settings.cacheDirectory, request.repo);
    this.#cached = new CachedFiles(this.#cache, request.digests, request.signal);
    this.#progress = new Progress(request.onProgress, timing.report);
  }

  /**
   * Gets files.
   * @param files - at least one the first time
   * @param more - whether others will follow, so that the size of all is not known yet
   * @returns where they are
   * @throws `INVALID_ARGUMENT`, `MODEL_NOT_FOUND` (repository, revision or file), `HUB_ACCESS_DENIED`, `HUB_UNREACHABLE`,
   * `MODEL_NOT_CACHED` (offline), `MODEL_INVALID` (damaged in the cache and not to be had anew), `DOWNLOAD_CORRUPT`,
   * `DISK_FULL`, `CACHE_UNUSABLE`, `ABORTED`, `NATIVE_UNAVAILABLE`, `WORKER_FAILED`
   */
  async get(files: readonly HubFile[], more = false): Promise<HubSnapshot> {
    for (const { path } of files) checkPath(path);
    throwIfAborted(this.#request.signal);
    try {
      const snapshot = await this.#get(files, more);
      this.#commit = snapshot.commit;
      return snapshot;
    } catch (error) {
      throw storageError(error, this.#request.settings.cacheDirectory);
    }
  }

  /**
   * The first of several files that there is; it is not fetched. To be called after {@link HubSession.get}.
   * @param paths - best first
   * @param lenient - offline, whether one that is in the cache goes before those that nobody knows of
   * @returns its path; undefined where the hub has none of them
   * @throws `MODEL_NOT_CACHED` (offline, where nobody knows), else as {@link HubSession.get}
   */
  async first(paths: readonly string[], lenient: boolean): Promise<string | undefined> {
    throwIfAborted(this.#request.signal);
    try {
      return await this.#first(paths, lenient);
    } catch (error) {
      throw storageError(error, this.#request.settings.cacheDirectory);
    }
  }

  /** Notes what a branch stands for. To be called last: an interrupted update must not hide the older commit that is whole. */
  async remember(): Promise<void> {
    const { revision } = this.#request;
    if (this.#commit !== undefined && !COMMIT.test(revision)) await this.#cache.remember(revision, this.#commit);
  }

  async #get(files: readonly HubFile[], more: boolean): Promise<HubSnapshot> {
    const { revision, settings } = this.#request;
    const known = this.#commit ?? (await this.#cache.commitOf(revision));
    const open = await this.#cached.open(known, files);
    if (settings.offline) {
      const missing = open.filter(({ assumeAbsent }) => assumeAbsent !== true);
      if (known === undefined || missing.length > 0) throw this.#notCached(missing);
      return this.#fromCache(known, files);
    }
    if (known === undefined || open.length > 0) return this.#update(files, more, this.#timing);
    try {
      // One short try, as in Python: there is something to fall back on.
      return await this.#update(files, more, this.#shortPatience());
    } catch (error) {
      if (!isOutage(error)) throw error;
      this.#isOut = true;
      return this.#fromCache(known, files);
    }
  }

  #shortPatience(): Timing {
    return { ...this.#timing, attempts: 1, answer: this.#timing.answerIfCached };
  }

  async #first(paths: readonly string[], lenient: boolean): Promise<string | undefined> {
    const commit = this.#commit;
    if (commit === undefined) throw this.#notCached([]);
    const patience = this.#isOut ? this.#shortPatience() : this.#timing;
    const unknown: HubFile[] = [];
    for (const path of paths) {
      const file = { path, optional: true };
      if (await this.#cached.has(commit, path)) {
        if (unknown.length === 0 || lenient) return path;
      } else if (!this.#request.settings.offline) {
        if ((await this.#inquire(commit, file, patience)) !== undefined) return path;
      } else if ((await this.#cached.open(commit, [file])).length > 0) unknown.push(file);
    }
    if (unknown.length > 0) throw this.#notCached(unknown);
    return undefined;
  }

  async #update(files: readonly HubFile[], more: boolean, patience: Timing): Promise<HubSnapshot> {
    const { revision } = this.#request;
    const fixed = this.#commit ?? (COMMIT.test(revision) ? revision : undefined);
    const asked = fixed === undefined ? await this.#resolve(files, patience) : { commit: fixed };
    const { commit } = asked;
    const result = this.#snapshot(commit);
    const remotes: RemoteFile[] = [];
    await eachOf(files, async (file) => {
      const content = await this.#cached.file(commit, file.path);
      if (content !== undefined) {
        result.files.set(file.path, content);
        return true;
      }
      const isAsked = asked.file?.path === file.path;
      const remote = isAsked ? asked.file : await this.#inquire(commit, file, patience);
      if (remote !== undefined) remotes.push(remote);
      return remote !== undefined;
    });
    this.#progress.expect(remotes, more);
    for (const remote of remotes) result.files.set(remote.path, await this.#download(commit, remote));
    return result;
  }

  async #resolve(files: readonly HubFile[], timing: Timing): Promise<{ commit: string; file?: RemoteFile }> {
    const { revision } = this.#request;
    const asked = files.find(({ optional }) => optional !== true) ?? files[0];
    if (asked === undefined) {
      throw new VisionError('INVALID_ARGUMENT', expectedButReceived('files', 'at least one file', files));
    }
    const { path, optional } = asked;
    try {
      const source = this.#source(revision, path, timing);
      const file = await inquire(source);
      return { commit: requireCommit(file, source), file };
    } catch (error) {
      const commit = error instanceof FileMissing && optional === true ? error.commit : null;
      if (commit === null || !COMMIT.test(commit)) throw error;
      return { commit };
    }
  }

  async #inquire(commit: string, { path, optional }: HubFile, timing: Timing): Promise<RemoteFile | undefined> {
    const answer = this.#answers.get(path);
    if (answer?.commit === commit) return answer;
    if (optional === true && (await this.#cache.isAbsent(commit, path))) return undefined;
    try {
      const remote = await inquire(this.#source(commit, path, timing));
      this.#answers.set(path, remote);
      return remote;
    } catch (error) {
      if (!(error instanceof FileMissing) || optional !== true) throw error;
      // A mirror that does not name the commit may only have a part of it, and the cache is shared: as in Python.
      if (error.commit === commit) await this.#cache.rememberAbsent(commit, path);
      return undefined;
    }
  }

  async #download(commit: string, file: RemoteFile): Promise<LocalFile> {
    const { path } = file;
    const content = await download(this.#source(commit, path, this.#timing), file, {
      cache: this.#cache,
      digests: this.#request.digests,
      onBytes: (bytes) => this.#progress.update(path, bytes, file.size),
    });
    await this.#cache.place(commit, path, file.blob);
    this.#progress.finish(path, content.size);
    return { path: this.#cache.pointer(commit, path), ...content };
  }

  async #fromCache(commit: string, files: readonly HubFile[]): Promise<HubSnapshot> {
    return { ...this.#snapshot(commit), files: await this.#cached.all(commit, files) };
  }

  #notCached(missing: readonly HubFile[]): VisionError {
    const { repo, revision, settings } = this.#request;
    const what = missing.length === 0 ? '' : `${missing.map(({ path }) => path).join(', ')} of `;
    return new VisionError(
      'MODEL_NOT_CACHED',
      `Cannot find ${what}${repo} at ${revision} in the cache ${settings.cacheDirectory}, and localFilesOnly or ` +
        'HF_HUB_OFFLINE forbids downloading. Run once without them, or copy the cache from a machine that has it.',
    );
  }

  #source(revision: string, path: string, timing: Timing): Source {
    const { repo, settings, signal } = this.#request;
    return { repo, revision, path, settings, timing, signal };
  }

  #snapshot(commit: string): HubSnapshot {
    return { commit, directory: this.#cache.snapshot(commit), files: new Map() };
  }
}
