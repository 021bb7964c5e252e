// Names that become paths and URLs: a repository, a revision, a file. What could lead out of the cache is refused.
import { VisionError, expectedButReceived } from '../../errors.js';
import { invalidOption } from '../../option-reader.js';

/** A full commit hash, the only kind of revision that never moves. */
export const COMMIT = /^[0-9a-f]{40}$/;

const REPO_PART = /^\w(?:[\w.-]*\w)?$/;
const REPO_LENGTH = 96;
// Controls, and what means something to Windows or to git: no branch or tag can hold them.
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u001f\u007f\\:*?"<>|]/;

/**
 * Checks a repository's id by the hub's rules: `org/name`, or `name` alone for the oldest ones.
 * @param repo - what came
 * @throws `INVALID_OPTION`
 */
export function checkRepo(repo: string): void {
  const parts = repo.split('/');
  const fits = parts.length <= 2 && parts.every((part) => REPO_PART.test(part)) && repo.length <= REPO_LENGTH;
  if (fits && !/--|\.\.|\.git$/.test(repo)) return;
  const expected = 'the id of a repository, such as "google/siglip-base-patch16-224",';
  throw invalidOption('model', expected, repo);
}

/**
 * Checks a revision: a branch, a tag, or a commit.
 * @param revision - what came
 * @throws `INVALID_OPTION`
 */
export function checkRevision(revision: string): void {
  if (isRelative(revision) && !/[ ~^[]/.test(revision)) return;
  throw invalidOption('revision', 'a branch, a tag or a commit hash', revision);
}

/**
 * Checks a file's path inside a repository.
 * @param path - what came
 * @throws `INVALID_ARGUMENT`
 */
export function checkPath(path: string): void {
  if (isRelative(path)) return;
  const expected = 'a relative path with / between its parts';
  throw new VisionError('INVALID_ARGUMENT', expectedButReceived('a file of the repository', expected, path));
}

function isRelative(path: string): boolean {
  return !FORBIDDEN.test(path) && path.split('/').every((part) => !['', '.', '..'].includes(part));
}
