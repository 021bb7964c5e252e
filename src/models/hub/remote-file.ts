// What the hub says about a file before it is downloaded: its commit, its size and the hash that names its content.
import { createHash } from 'node:crypto';
import { VisionError } from '../../errors.js';
import { retrying, type Subject } from './answers.js';
import { COMMIT } from './names.js';
import { Watch, discard, send, type Answer, type Request } from './request.js';
import type { HubSettings } from './settings.js';
import type { Timing } from './timing.js';

/** Which file, and how to ask for it. */
export interface Source {
  repo: string;
  /** A branch, tag or commit. */
  revision: string;
  path: string;
  settings: HubSettings;
  timing: Timing;
  signal: AbortSignal | undefined;
}

/** A file on the hub. */
export interface RemoteFile {
  /** What the revision stands for; undefined where that is a branch or a tag and the server does not say it. */
  commit: string | undefined;
  path: string;
  /** Name of the content in the cache. */
  blob: string;
  /** Bytes, where the hub says it. */
  size: number | undefined;
}

/** How a content's name can be checked: large files are named by SHA-256, small ones by git's SHA-1. */
export type NamedBy = 'sha256' | 'git' | 'nothing';

/**
 * How a blob's name can be checked.
 * @param blob - the name
 * @returns by which hash; 'nothing' where the hub gave none
 */
export function namedBy(blob: string | undefined): NamedBy {
  if (blob !== undefined && /^[0-9a-f]{64}$/.test(blob)) return 'sha256';
  return blob !== undefined && /^[0-9a-f]{40}$/.test(blob) ? 'git' : 'nothing';
}

function urlOf({ settings, repo, revision, path }: Source): URL {
  const file = path.split('/').map(encodeURIComponent).join('/');
  return new URL(`${settings.endpoint}/${repo}/resolve/${encodeURIComponent(revision)}/${file}`);
}

/**
 * A file in words, for messages.
 * @param source - which
 * @returns the words
 */
export function subjectOf({ repo, revision, path, settings }: Source): Subject {
  return { repo, revision, path, endpoint: settings.endpoint, known: settings.token !== undefined };
}

/**
 * Sends one request about a file, under a watch of its own.
 * @param source - which file
 * @param parts - what is asked of it
 * @param use - reads or discards the answer; the connection ends with it
 * @returns what `use` returns
 * @throws as {@link send} does, and what `use` throws
 */
export async function ask<T>(
  source: Source,
  parts: Pick<Request, 'method' | 'follows'> & { range?: string | undefined },
  use: (answer: Answer, watch: Watch) => T | Promise<T>,
): Promise<T> {
  const { settings, timing, signal } = source;
  const { method, follows, range } = parts;
  const watch = new Watch(signal);
  try {
    watch.expect(timing.answer);
    const request = {
      method,
      follows,
      url: urlOf(source),
      origin: new URL(settings.endpoint).origin,
      token: settings.token,
      subject: subjectOf(source),
      ...(range !== undefined && { headers: { range: `bytes=${range}` } }),
    };
    return await use(await send(request, watch), watch);
  } finally {
    watch.end();
  }
}

/**
 * Asks the hub about a file.
 * @param source - which
 * @returns what it says
 * @throws `MODEL_NOT_FOUND` (a FileMissing where only the file is), `HUB_ACCESS_DENIED`, `HUB_UNREACHABLE`, `ABORTED`
 */
export async function inquire(source: Source): Promise<RemoteFile> {
  // A server elsewhere is asked only for what is missing: what names the commit and the content has come by then.
  const follows = (headers: readonly Headers[]) =>
    first(headers, 'x-repo-commit') === undefined &&
    !(COMMIT.test(source.revision) && first(headers, 'x-linked-etag') !== undefined);
  const head = () =>
    ask(source, { method: 'HEAD', follows }, ({ response, passed }) => {
      discard(response);
      return passed;
    });
  return described(source, await retrying(head, subjectOf(source), source.timing, source.signal));
}

/**
 * The commit of a file that was asked for by its branch or tag.
 * @param file - the answer
 * @param source - the question
 * @returns the commit
 * @throws `HUB_UNREACHABLE` where the server did not name it: nobody knows which files belong together then
 */
export function requireCommit({ commit }: RemoteFile, { revision, settings }: Source): string {
  if (commit !== undefined) return commit;
  throw new VisionError(
    'HUB_UNREACHABLE',
    `Expected a commit hash in the header X-Repo-Commit from ${settings.endpoint} but received none, so what "${revision}" ` +
      'stands for is not known. Set the option "revision" to a commit hash; or is HF_ENDPOINT no hub, or a proxy between?',
  );
}

function described(source: Source, passed: readonly Headers[]): RemoteFile {
  const commit = commitOf(source, passed);
  const last = passed.at(-1);
  const length = last?.has('location') || last?.has('content-encoding') ? null : last?.get('content-length');
  const size = first(passed, 'x-linked-size') ?? length ?? '';
  const etag = first(passed, 'x-linked-etag') ?? last?.get('etag') ?? '';
  return {
    commit,
    path: source.path,
    blob: blobName(etag, `${commit ?? source.revision}/${source.path}`),
    size: /^\d{1,15}$/.test(size) ? Number(size) : undefined,
  };
}

// Mirrors may not say it. Whoever asked for a commit knows it, and is not given another one.
function commitOf({ revision, path, repo, settings }: Source, passed: readonly Headers[]): string | undefined {
  const said = first(passed, 'x-repo-commit');
  const known = said !== undefined && COMMIT.test(said) ? said : undefined;
  if (!COMMIT.test(revision)) return known;
  if (known === undefined || known === revision) return revision;
  throw new VisionError(
    'HUB_UNREACHABLE',
    `Expected ${path} of ${repo} at commit ${revision} from ${settings.endpoint} but received it at ${known}. Does ` +
      'HF_ENDPOINT serve one revision whichever is asked for?',
  );
}

// A weak tag, or one that is no hash, cannot be held against the content: its name must not look as if it could. Servers of
// files make tags of time and size, so two files may have the same one.
function blobName(etag: string, file: string): string {
  const strong = /^"?([0-9a-f]+)"?$/.exec(etag)?.[1];
  if (namedBy(strong) !== 'nothing') return strong as string;
  const digest = createHash('sha256').update(`${etag} ${file}`).digest('hex');
  return `etag-${digest.slice(0, 40)}`;
}

function first(passed: readonly Headers[], name: string): string | undefined {
  return passed.map((headers) => headers.get(name)).find((value) => value !== null && value !== '') ?? undefined;
}
