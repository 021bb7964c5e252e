// Functions of the caller's: what they give back is looked at, so that a promise is never taken for a yes or left to itself.
import { VisionError, expectedButReceived, messageOf } from './errors.js';

/** A function that only listens has thrown, or its promise was rejected; the cause says what. */
export class ListenerFailed extends VisionError {
  /**
   * @param name - of the function
   * @param cause - what it threw
   */
  constructor(name: string, cause: unknown) {
    super('INVALID_ARGUMENT', `Expected ${name} to return but it threw: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Makes a function whose answer counts safe to ask. True is yes; false, and whatever else is falsy, is no.
 * @param given - the caller's function
 * @param name - of it, for messages
 * @returns the same, strict
 * @throws `INVALID_ARGUMENT` at once for an async function or a generator, whose answer would always count as yes; when it
 * is called, for an answer that is neither. What the function throws is thrown on.
 */
export function predicate<Args extends unknown[]>(
  given: (...args: Args) => boolean,
  name: string,
): (...args: Args) => boolean {
  const kind = kindOf(given);
  if (kind !== 'Function') {
    throw new VisionError(
      'INVALID_ARGUMENT',
      `Expected a function that returns true or false for ${name} but received one of kind ${kind}: its answer cannot be ` +
        'waited for. Find out beforehand what it asks for.',
    );
  }
  return (...args) => {
    const answer: unknown = given(...args);
    if (answer === true || !answer) return Boolean(answer);
    const hint = isThenable(answer)
      ? 'A promise cannot be waited for here: find out beforehand what the function asks for.'
      : 'Wrap the answer in Boolean() if that is what it means.';
    if (isThenable(answer)) hear(answer, () => undefined);
    throw new VisionError(
      'INVALID_ARGUMENT',
      `${expectedButReceived(`what ${name} returns`, 'true or false', answer)} ${hint}`,
    );
  };
}

/**
 * Makes a function that only listens safe to call. It may be async: nobody waits for it, but what its promise is rejected
 * with is thrown by the next call, instead of ending the process.
 * @param given - the caller's function
 * @param name - of it, for messages
 * @returns the same; throws a {@link ListenerFailed}
 */
export function listener<Args extends unknown[]>(
  given: (...args: Args) => unknown,
  name: string,
): (...args: Args) => void {
  let failure: ListenerFailed | undefined;
  const fail = (cause: unknown): ListenerFailed =>
    (failure ??= cause instanceof ListenerFailed ? cause : new ListenerFailed(name, cause));
  return (...args) => {
    if (failure !== undefined) throw failure;
    try {
      const answer = given(...args);
      if (isThenable(answer)) hear(answer, fail);
    } catch (cause) {
      throw fail(cause);
    }
  };
}

/**
 * Tells whether a function does nothing when it is called: a generator only begins when it is iterated.
 * @param value - a function
 * @returns whether it is one
 */
export function isGenerator(value: object): boolean {
  return kindOf(value).endsWith('GeneratorFunction');
}

/**
 * Tells promises, and what acts as one, from values.
 * @param value - anything
 * @returns whether it is one
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return false;
  return typeof (value as { then?: unknown }).then === 'function';
}

/**
 * Refuses a promise where a value is expected; its rejection is heard, so that it does not end the process.
 * @param value - anything
 * @param what - its name
 * @param expected - what would have been right
 * @throws `INVALID_ARGUMENT`
 */
export function requireNoPromise(value: unknown, what: string, expected: string): void {
  if (!isThenable(value)) return;
  hear(value, () => undefined);
  throw new VisionError('INVALID_ARGUMENT', `${expectedButReceived(what, expected, value)} Await it first.`);
}

function hear(promise: PromiseLike<unknown>, onRejected: (reason: unknown) => void): void {
  void Promise.resolve(promise).then(undefined, onRejected);
}

// "Function", "AsyncFunction", "GeneratorFunction" or "AsyncGeneratorFunction", of any realm.
function kindOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}
