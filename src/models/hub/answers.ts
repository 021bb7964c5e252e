// What a failure of the hub means for the caller: try again, or which error.
import { VisionError, type VisionErrorCode } from '../../errors.js';
import { pause, throwIfAborted } from '../../abort.js';
import { backoff, type Timing } from './timing.js';

/** What was asked for, for messages. */
export interface Subject {
  repo: string;
  revision: string;
  path: string;
  endpoint: string;
  /** Whether a token was sent. */
  known: boolean;
}

/** A failure that may pass: the network, an overloaded server, a broken answer. */
export class Transient extends Error {
  /** The server's wish, in ms. */
  retryAfter = 0;
  /** Whether new bytes came before it. */
  progressed = false;
}

/** The hub has the revision but not the file. */
export class FileMissing extends VisionError {
  /** The revision's commit, where the hub names it. */
  readonly commit: string | null;

  /**
   * @param message - for the caller
   * @param commit - the revision's commit
   */
  constructor(message: string, commit: string | null) {
    super('MODEL_NOT_FOUND', message);
    this.commit = commit;
  }
}

/**
 * Tries until it works, fails for good, or failed too often in a row without progress.
 * @param work - one try
 * @param what - for the message
 * @param timing - how often and how long to wait
 * @param signal - ends the waiting at once
 * @returns what the work returns
 * @throws `HUB_UNREACHABLE`, `ABORTED`, or what the work throws
 */
export async function retrying<T>(
  work: () => Promise<T>,
  what: Subject,
  timing: Timing,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      throwIfAborted(signal);
      return await work();
    } catch (error) {
      throwIfAborted(signal);
      if (!(error instanceof Transient)) throw error;
      if (error.progressed) failures = 1;
      const hopeless = error.retryAfter > timing.longestRetryAfter;
      if (hopeless || failures >= timing.attempts) throw unreachable(error, what, failures);
      await pause(Math.max(error.retryAfter, backoff(failures, timing)), signal);
    }
  }
}

function unreachable(error: Transient, { repo, path, endpoint }: Subject, tries: number): VisionError {
  const wait = error.retryAfter > 0 ? ` It asks to wait ${Math.ceil(error.retryAfter / 1000)} s.` : '';
  return new VisionError(
    'HUB_UNREACHABLE',
    `Cannot get ${path} of ${repo} from ${endpoint}: ${error.message} (${tries} ${tries === 1 ? 'try' : 'tries'}).${wait} ` +
      'Check the network and HF_ENDPOINT and start again: what has arrived is kept.',
    { cause: error },
  );
}

/**
 * The error for an answer that is no success.
 * @param response - the answer
 * @param atHome - whether the hub itself gave it, and not a server that it sent us to
 * @param subject - what was asked for
 * @returns a {@link Transient}, a {@link FileMissing}, `HUB_ACCESS_DENIED`, `HUB_UNREACHABLE` or `MODEL_NOT_FOUND`
 */
export function refusal(response: Response, atHome: boolean, subject: Subject): Error {
  const { status, headers } = response;
  const { repo, revision, path, endpoint } = subject;
  const reason = headers.get('x-error-code');
  const said = `${status}${reason === null ? '' : ` ${reason}`}`;
  const failed = (code: VisionErrorCode, message: string) =>
    new VisionError(code, `${message} (The hub answered ${said}${detail(headers)}.)`);
  // Links to other servers are signed for a short time, and the next try gets a new one.
  if (!atHome || status === 408 || status === 429 || status >= 500) {
    return Object.assign(new Transient(`${atHome ? 'it' : 'the server that it names'} answers ${said}`), {
      retryAfter: retryAfter(headers.get('retry-after')),
    });
  }
  const page = `${endpoint}/${repo}`;
  const account = subject.known
    ? 'check that the account of HF_TOKEN (or the token file) has access, and that the token is still valid'
    : 'set HF_TOKEN to a token of an account with access';
  if (reason === 'GatedRepo') {
    return failed('HUB_ACCESS_DENIED', `${repo} is gated: accept its licence at ${page}, then ${account}.`);
  }
  if (reason === 'RepoNotFound') {
    const advice = `Check the name; if it is private, ${account}.`;
    return failed('MODEL_NOT_FOUND', `The hub ${endpoint} has no public repository ${repo}. ${advice}`);
  }
  if (reason === 'RevisionNotFound') {
    return failed('MODEL_NOT_FOUND', `${repo} has no revision ${revision}: see its branches and tags at ${page}.`);
  }
  if (status === 404) {
    const message = `Expected ${path} in ${repo} at ${revision} but it is not there: see ${page}/tree/${revision}.`;
    return new FileMissing(message, headers.get('x-repo-commit'));
  }
  if (status === 401 || status === 403) {
    const advice = `If it exists and is private or gated (${page}), ${account}.`;
    return failed('HUB_ACCESS_DENIED', `The hub refuses access to ${repo}. ${advice}`);
  }
  return failed('HUB_UNREACHABLE', `Expected ${path} of ${repo} from ${endpoint}: is HF_ENDPOINT a hub?`);
}

function detail(headers: Headers): string {
  // Header values are Latin-1 and may be long: enough of them to be understood.
  const text = headers.get('x-error-message')?.slice(0, 200).trim();
  return text === undefined || text === '' ? '' : `: ${text.replace(/\.$/, '')}`;
}

function retryAfter(value: string | null): number {
  if (value === null) return 0;
  const ms = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}
