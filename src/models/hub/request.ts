// One request to the hub: redirects followed by hand so that the token never leaves the hub, silence never waited for.
import { throwIfAborted } from '../../abort.js';
import { Transient, refusal, type Subject } from './answers.js';

/** What to ask for. */
export interface Request {
  method: 'GET' | 'HEAD';
  url: URL;
  /** The token is sent to this origin only. */
  origin: string;
  token: string | undefined;
  headers?: Readonly<Record<string, string>>;
  /** For messages. */
  subject: Subject;
  /** Whether to ask another server that the hub sends us to; the headers that matter may have come already. */
  follows: (passed: readonly Headers[]) => boolean;
}

/** The last answer, and the headers of all answers on the way to it, its own included. */
export interface Answer {
  response: Response;
  passed: readonly Headers[];
}

/** The status of an answer to a range that the server does not have. */
export const RANGE_REFUSED = 416;

const MOST_REDIRECTS = 10;

/**
 * Sends a request.
 * @param request - what to ask for
 * @param watch - ends it
 * @returns a successful answer, or one with {@link RANGE_REFUSED}; the caller reads or cancels its body
 * @throws {@link Transient} where it may be tried again, `HUB_ACCESS_DENIED`, `HUB_UNREACHABLE`, `MODEL_NOT_FOUND`
 */
export async function send(request: Request, watch: Watch): Promise<Answer> {
  const passed: Headers[] = [];
  let { url } = request;
  for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
    const atHome = url.origin === request.origin;
    const response = await ask(request, url, atHome ? request.token : undefined, watch);
    passed.push(response.headers);
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) {
      if (response.ok || response.status === RANGE_REFUSED) return { response, passed };
      discard(response);
      throw refusal(response, atHome, request.subject);
    }
    discard(response);
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (next === undefined || !/^https?:$/.test(next.protocol)) throw new Transient('it redirects to no http(s) URL');
    if (next.origin !== request.origin && !request.follows(passed)) return { response, passed };
    url = next;
  }
  throw new Transient(`it redirects more than ${MOST_REDIRECTS} times`);
}

async function ask(request: Request, url: URL, token: string | undefined, watch: Watch): Promise<Response> {
  const answer = fetch(url, {
    method: request.method,
    redirect: 'manual',
    signal: watch.signal,
    headers: {
      'user-agent': 'semantic-vision',
      // The sizes that are compared are those of the file, not of a compressed body.
      'accept-encoding': 'identity',
      ...request.headers,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
  });
  return watch.guard(answer);
}

/**
 * Gives back the connection of an answer whose body nobody wants.
 * @param response - the answer
 */
export function discard(response: Response): void {
  response.body?.cancel().catch(() => undefined);
}

/**
 * Ends a request when its caller gives up or the server falls silent. The signal alone would not do: on Node 20.20 a body
 * that is read on after its request was aborted may never settle, so every step is raced against the abort as well.
 */
export class Watch {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #leave = () => this.#stop(new Transient('the caller gave up'));
  #timer: NodeJS.Timeout | undefined;
  #reject: ((reason: Transient) => void) | undefined;

  /** @param caller - the caller's signal */
  constructor(caller: AbortSignal | undefined) {
    this.#caller = caller;
    if (caller?.aborted) this.#leave();
    caller?.addEventListener('abort', this.#leave, { once: true });
  }

  /** For fetch. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * From now on the server has so much time for its next sign of life.
   * @param ms - how much
   */
  expect(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#stop(new Transient(`it sends nothing for ${ms} ms`)), ms);
  }

  /** Until {@link expect} the server may be silent. */
  rest(): void {
    clearTimeout(this.#timer);
  }

  /**
   * Follows one step of the request, until its end or the watch's; one step at a time.
   * @param step - the step
   * @returns its value
   * @throws {@link Transient}, because no network error is known to be final, or `ABORTED`
   */
  async guard<T>(step: Promise<T>): Promise<T> {
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#reject = reject;
        step.then(resolve, reject);
        if (this.#controller.signal.aborted) reject(this.#controller.signal.reason as Transient);
      });
    } catch (error) {
      throwIfAborted(this.#caller);
      throw error instanceof Transient ? error : networkError(error);
    }
  }

  /** Lets go of timer, caller and, if it is still open, connection. */
  end(): void {
    this.rest();
    this.#caller?.removeEventListener('abort', this.#leave);
    this.#controller.abort();
  }

  #stop(reason: Transient): void {
    this.#controller.abort(reason);
    this.#reject?.(reason);
  }
}

// fetch hides what happened behind "fetch failed".
function networkError(error: unknown): Transient {
  const { cause = error } = error as Error;
  const { code, message } = cause as NodeJS.ErrnoException;
  return new Transient([code, message].filter(Boolean).join(': ') || 'fetch failed', { cause: error });
}
