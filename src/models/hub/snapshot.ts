// The files of one revision of a repository: from the cache where they are there and whole, from the hub where not.
import { throwIfAborted } from '../../abort.js';
import { VisionError, expectedButReceived } from '../../errors.js';
import type { Hasher } from '../../pool/hasher.js';
import { FileMissing } from './answers.js';
import { download, examine } from './download.js';
import { RepoCache } from './layout.js';
import { COMMIT, checkPath, checkRepo, checkRevision } from './names.js';
import { Progress } from './progress.js';
import type { DownloadProgress } from '../../types.js';
import { inquire, type RemoteFile, type Source } from './remote-file.js';
import type { HubSettings } from './settings.js';
import { fileSize, storageError } from './storage.js';
import { TIMING, type Timing } from './timing.js';

/** A file of a repository. */
export interface HubFile {
  /** Relative to the repository, with `/` between its parts. */
  path: string;
  /** Where true, the hub may lack it. */
  optional?: boolean;
}

/** Which files of which revision. */
export interface SnapshotRequest {
  /** `org/name`. */
  repo: string;
  /** A branch, a tag, or a commit hash. */
  revision: string;
  /** At least one. */
  files: readonly HubFile[];
  settings: HubSettings;
  /** Hashes large files without holding up the event loop. */
  hasher: Hasher;
  /** Stops at once; what has arrived is kept for the next call. */
  signal?: AbortSignal | undefined;
  /** Called about every 100 ms while a file is being downloaded, and at its end; never for what the cache has. */
  onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

/** A file on the disk. */
export interface LocalFile {
  path: string;
  /** Bytes. */
  size: number;
  /** Of its content, lower-case hex. */
  sha256: string;
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

/**
 * Gets files of a model into the cache that is shared with Python's `huggingface_hub`, and checks every byte of them
 * against the hashes by which the hub names contents. A revision that is a commit hash and is whole in the cache needs no
 * request. Other revisions are asked for once; if the hub is out of reach then, what the cache last knew is used.
 * @param request - which files
 * @param timing - patience; for tests
 * @returns where they are
 * @throws `INVALID_ARGUMENT`, `MODEL_NOT_FOUND` (repository, revision or file), `HUB_ACCESS_DENIED`, `HUB_UNREACHABLE`,
 * `MODEL_NOT_CACHED` (offline), `DOWNLOAD_CORRUPT`, `DISK_FULL`, `CACHE_UNUSABLE`, `ABORTED`, `NATIVE_UNAVAILABLE`,
 * `WORKER_FAILED`
 */
export async function fetchSnapshot(request: SnapshotRequest, timing: Timing = TIMING): Promise<HubSnapshot> {
  const { repo, revision, files, settings } = request;
  checkRepo(repo);
  checkRevision(revision);
  for (const { path } of files) checkPath(path);
  throwIfAborted(request.signal);
  try {
    return await new Snapshot(request, timing).get();
  } catch (error) {
    throw storageError(error, settings.cacheDirectory);
  }
}

// What the cache last knew is better than nothing: a hub that is down, or a token that ran out, stops no service.
const OUTAGES = ['HUB_UNREACHABLE', 'HUB_ACCESS_DENIED'];

class Snapshot {
  readonly #request: SnapshotRequest;
  readonly #timing: Timing;
  readonly #cache: RepoCache;

  constructor(request: SnapshotRequest, timing: Timing) {
    this.#request = request;
    this.#timing = timing;
    this.#cache = new RepoCache(request.settings.cacheDirectory, request.repo);
  }

  async get(): Promise<HubSnapshot> {
    const { revision, settings } = this.#request;
    const known = await this.#cache.commitOf(revision);
    const missing = await this.#missing(known);
    if (known !== undefined && missing.length === 0) {
      if (settings.offline) return this.#fromCache(known);
      try {
        // One short try, as in Python: there is something to fall back on.
        return await this.#update({ ...this.#timing, attempts: 1, answer: this.#timing.answerIfCached });
      } catch (error) {
        if (error instanceof VisionError && OUTAGES.includes(error.code)) return this.#fromCache(known);
        throw error;
      }
    }
    if (settings.offline) throw this.#notCached(missing);
    return this.#update(this.#timing);
  }

  async #update(patience: Timing): Promise<HubSnapshot> {
    const { revision } = this.#request;
    const isCommit = COMMIT.test(revision);
    const asked = isCommit ? undefined : await this.#resolve(patience);
    const commit = asked?.commit ?? revision;
    const result = this.#snapshot(commit);
    const remotes: RemoteFile[] = [];
    for (const file of this.#request.files) {
      const content = await this.#verified(commit, file.path);
      if (content !== undefined) result.files.set(file.path, content);
      else if (asked?.file?.path === file.path) remotes.push(asked.file);
      else {
        const remote = await this.#inquire(commit, file, patience);
        if (remote !== undefined) remotes.push(remote);
      }
    }
    const progress = new Progress(this.#request.onProgress, this.#timing.report, remotes);
    for (const remote of remotes) result.files.set(remote.path, await this.#download(commit, remote, progress));
    // Only now: an interrupted update must not hide the older commit that is whole.
    if (!isCommit) await this.#cache.remember(revision, commit);
    return result;
  }

  async #resolve(timing: Timing): Promise<{ commit: string; file?: RemoteFile }> {
    const { files, revision } = this.#request;
    const asked = files.find(({ optional }) => optional !== true) ?? files[0];
    if (asked === undefined) {
      throw new VisionError('INVALID_ARGUMENT', expectedButReceived('files', 'at least one file', files));
    }
    const { path, optional } = asked;
    try {
      const file = await inquire(this.#source(revision, path, timing));
      return { commit: file.commit, file };
    } catch (error) {
      const commit = error instanceof FileMissing && optional === true ? error.commit : null;
      if (commit === null || !COMMIT.test(commit)) throw error;
      return { commit };
    }
  }

  async #inquire(commit: string, { path, optional }: HubFile, timing: Timing): Promise<RemoteFile | undefined> {
    if (optional === true && (await this.#cache.isAbsent(commit, path))) return undefined;
    try {
      return await inquire(this.#source(commit, path, timing));
    } catch (error) {
      if (!(error instanceof FileMissing) || optional !== true) throw error;
      await this.#cache.rememberAbsent(commit, path);
      return undefined;
    }
  }

  async #download(commit: string, file: RemoteFile, progress: Progress): Promise<LocalFile> {
    const { path } = file;
    const content = await download(this.#source(commit, path, this.#timing), file, {
      cache: this.#cache,
      hasher: this.#request.hasher,
      onBytes: (bytes) => progress.update(path, bytes, file.size),
    });
    await this.#cache.place(commit, path, file.blob);
    progress.finish(path, content.size);
    return { path: this.#cache.pointer(commit, path), ...content };
  }

  // Undefined where the file is not there, or is not what its name says.
  async #verified(commit: string, path: string): Promise<LocalFile | undefined> {
    const { hasher, signal } = this.#request;
    const pointer = this.#cache.pointer(commit, path);
    if ((await fileSize(pointer)) === undefined) return undefined;
    const content = await examine(pointer, await this.#cache.blobOf(pointer), hasher, signal);
    return content && { path: pointer, ...content };
  }

  async #fromCache(commit: string): Promise<HubSnapshot> {
    const result = this.#snapshot(commit);
    for (const { path } of this.#request.files) {
      const content = await this.#verified(commit, path);
      const pointer = this.#cache.pointer(commit, path);
      if (content !== undefined) result.files.set(path, content);
      else if ((await fileSize(pointer)) !== undefined) {
        const advice = 'Delete it, or go online, to download it again.';
        const message = `The cached file ${pointer} is damaged: its content has another hash than its name. ${advice}`;
        throw new VisionError('MODEL_INVALID', message);
      }
    }
    return result;
  }

  async #missing(commit: string | undefined): Promise<string[]> {
    const required = this.#request.files.filter(({ optional }) => optional !== true).map(({ path }) => path);
    if (commit === undefined) return required;
    const sizes = await Promise.all(required.map((path) => fileSize(this.#cache.pointer(commit, path))));
    return required.filter((_, i) => sizes[i] === undefined);
  }

  #notCached(missing: readonly string[]): VisionError {
    const { repo, revision, settings } = this.#request;
    const what = missing.length === 0 ? '' : `${missing.join(', ')} of `;
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
