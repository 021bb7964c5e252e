// One repository in the hub's cache, laid out as Python's huggingface_hub does, so that both use the same files.
//
//   models--ORG--NAME/blobs/ETAG                 content, named by its hash
//   models--ORG--NAME/snapshots/COMMIT/PATH      symbolic link to a blob (a copy where links are impossible)
//   models--ORG--NAME/refs/REVISION              the commit that a branch or tag last stood for
//   models--ORG--NAME/.no_exist/COMMIT/PATH      empty: the hub has no such file
//   .locks/models--ORG--NAME/                    one lock a blob, while it is being downloaded
//
// https://huggingface.co/docs/hub/local-cache
import { copyFile, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { COMMIT } from './names.js';
import { fileSize, replace } from './storage.js';

// Python downloads into ETAG.incomplete under a lock that Node cannot take, so what is ours has names of its own.
const OURS = 'semantic-vision';

/** Paths of a repository's files in the cache. */
export class RepoCache {
  readonly #repo: string;
  readonly #locks: string;

  /**
   * @param cacheDirectory - holds all repositories
   * @param repo - a checked id
   */
  constructor(cacheDirectory: string, repo: string) {
    const name = ['models', ...repo.split('/')].join('--');
    this.#repo = join(cacheDirectory, name);
    this.#locks = join(cacheDirectory, '.locks', name);
  }

  /**
   * @param blob - name of a content
   * @returns where the content is
   */
  blob(blob: string): string {
    return join(this.#repo, 'blobs', blob);
  }

  /**
   * @param blob - name of a content
   * @returns where it is while it is incomplete
   */
  partial(blob: string): string {
    return join(this.#repo, 'blobs', `${blob}.${OURS}.incomplete`);
  }

  /**
   * @param blob - name of a content
   * @returns the file to lock while it is being downloaded
   */
  lock(blob: string): string {
    return join(this.#locks, `${blob}.${OURS}.lock`);
  }

  /**
   * @param commit - a commit hash
   * @returns folder of the files of that commit
   */
  snapshot(commit: string): string {
    return join(this.#repo, 'snapshots', commit);
  }

  /**
   * @param commit - a commit hash
   * @param path - a checked path
   * @returns where users find the file
   */
  pointer(commit: string, path: string): string {
    return join(this.snapshot(commit), ...path.split('/'));
  }

  /**
   * The commit that a revision stood for when it was last asked for.
   * @param revision - a checked revision
   * @returns a commit hash, or undefined
   */
  async commitOf(revision: string): Promise<string | undefined> {
    if (COMMIT.test(revision)) return revision;
    const text = await readFile(this.#ref(revision), 'utf8').catch(() => '');
    return COMMIT.test(text.trim()) ? text.trim() : undefined;
  }

  /**
   * Remembers the commit of a revision. A cache that cannot be written to keeps its old one.
   * @param revision - a checked revision
   * @param commit - what it stands for
   */
  async remember(revision: string, commit: string): Promise<void> {
    if ((await this.commitOf(revision)) === commit) return;
    await replace(this.#ref(revision), (beside) => writeFile(beside, commit)).catch(() => undefined);
  }

  /**
   * Whether the hub is known not to have a file.
   * @param commit - a commit hash
   * @param path - a checked path
   * @returns whether it is
   */
  async isAbsent(commit: string, path: string): Promise<boolean> {
    return (await fileSize(this.#absence(commit, path))) !== undefined;
  }

  /**
   * Remembers that the hub does not have a file. Not being able to costs one request the next time.
   * @param commit - a commit hash
   * @param path - a checked path
   */
  async rememberAbsent(commit: string, path: string): Promise<void> {
    await replace(this.#absence(commit, path), (beside) => writeFile(beside, '')).catch(() => undefined);
  }

  /**
   * Makes a blob visible in a snapshot.
   * @param commit - a commit hash
   * @param path - a checked path
   * @param blob - name of the content, which is there
   * @param link - makes symbolic links
   */
  async place(commit: string, path: string, blob: string, link = symlink): Promise<void> {
    const pointer = this.pointer(commit, path);
    const target = this.blob(blob);
    await replace(pointer, async (beside) => {
      // Windows lets few users make links. Whatever else is wrong, copying fails of it too.
      await link(relative(dirname(pointer), target), beside).catch(() => copyFile(target, beside));
    });
  }

  /**
   * The name of the content that a snapshot's file links to.
   * @param pointer - the file
   * @returns undefined for a copy
   */
  async blobOf(pointer: string): Promise<string | undefined> {
    const target = await readlink(pointer).catch(() => undefined);
    return target === undefined ? undefined : basename(target);
  }

  #ref(revision: string): string {
    return join(this.#repo, 'refs', ...revision.split('/'));
  }

  #absence(commit: string, path: string): string {
    return join(this.#repo, '.no_exist', commit, ...path.split('/'));
  }
}
