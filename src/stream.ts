// Maps an iterable through an asynchronous function: results in input order, a bounded number under way.
import { abortable } from './abort.js';

/** A source of items, of either kind. */
export type Source<T> = Iterable<T> | AsyncIterable<T>;

type Mapper<T, R> = (item: T, index: number, signal: AbortSignal) => Promise<R>;

/**
 * Maps with bounded concurrency. Results come in input order; a slow source does not hold back results that are ready.
 * An error of the source ends the stream after the results before it.
 * @param source - where the items come from; closed when the consumer stops early
 * @param concurrency - most items under way or waiting to be consumed
 * @param map - must not reject; its signal fires when the consumer stops early
 * @param signal - aborts the stream
 * @yields results
 * @throws `ABORTED`, or the source's own error
 */
export async function* mapOrdered<T, R>(
  source: Source<T>,
  concurrency: number,
  map: Mapper<T, R>,
  signal: AbortSignal | undefined,
): AsyncGenerator<R, void, undefined> {
  const stop = new AbortController();
  const puller = new Puller(source, (item, index) => map(item, index, stop.signal));
  try {
    for (;;) {
      const first = puller.results[0];
      const pull = puller.results.length < concurrency ? puller.pull() : undefined;
      if (first === undefined) {
        if (pull === undefined) break;
        await abortable(pull, signal);
      } else if (pull === undefined) {
        const result = await abortable(first, signal);
        void puller.results.shift();
        yield result;
      } else {
        // Either a result is ready to be handed out, or the source gives one more item to start on. Which of the two it
        // was decides itself in the next round: a settled result has become `ready`.
        const ready = await abortable(
          Promise.race([pull.then(() => undefined), first.then((result) => ({ result }))]),
          signal,
        );
        if (ready === undefined) continue;
        void puller.results.shift();
        yield ready.result;
      }
    }
    puller.rethrow();
  } finally {
    stop.abort();
    await puller.close();
  }
}

/** Takes one item at a time from the source and starts its mapping. */
class Puller<T, R> {
  readonly results: Promise<R>[] = [];
  readonly #iterator: Iterator<T> | AsyncIterator<T>;
  readonly #map: (item: T, index: number) => Promise<R>;
  #pulling: Promise<void> | undefined;
  #count = 0;
  #exhausted = false;
  #failure: { error: unknown } | undefined;

  constructor(source: Source<T>, map: (item: T, index: number) => Promise<R>) {
    this.#iterator =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#map = map;
  }

  /**
   * Asks for the next item, unless that is under way.
   * @returns settles when the item's mapping has started; undefined when the source is exhausted
   */
  pull(): Promise<void> | undefined {
    if (this.#exhausted) return undefined;
    return (this.#pulling ??= this.#next().finally(() => (this.#pulling = undefined)));
  }

  rethrow(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async close(): Promise<void> {
    if (this.#exhausted) return;
    const returned = Promise.resolve(this.#iterator.return?.());
    // A source that is waiting for its next item answers only after that, which may be never.
    if (this.#pulling === undefined) await returned;
    else returned.catch(() => undefined);
  }

  async #next(): Promise<void> {
    try {
      const next = await this.#iterator.next();
      if (next.done === true) this.#exhausted = true;
      else this.results.push(this.#map(next.value, this.#count++));
    } catch (error) {
      this.#exhausted = true;
      this.#failure = { error };
    }
  }
}
