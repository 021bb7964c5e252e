// Drains a source of entries into an index in slices, stoppable between any two.
import { abortable, throwIfAborted } from '../abort.js';
import { requireNoPromise } from '../callbacks.js';
import { expectedButReceived, VisionError } from '../errors.js';
import { startSlices } from './slicing.js';

/**
 * Takes entries from a source and adds them.
 * @param source - read one by one
 * @param addOne - adds an entry, or throws
 * @param busy - a promise to wait for once a slice, if there is one
 * @param signal - stops the work
 * @returns how many were added
 * @throws VisionError `INVALID_ARGUMENT`, `ABORTED`; what `addOne` or the source throws
 */
export async function addAll<T>(
  source: Iterable<T> | AsyncIterable<T>,
  addOne: (entry: T) => void,
  busy: () => Promise<void> | undefined,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { iterator, isAsync } = iterate(source);
  const pause = startSlices();
  let added = 0;
  let finished = false;
  try {
    await busy();
    for (;;) {
      throwIfAborted(signal);
      // A synchronous source is not awaited: that would cost it a turn of the microtask queue per entry for nothing.
      const step = iterator.next();
      const result = isAsync ? await abortable(Promise.resolve(step), signal) : (step as IteratorResult<T>);
      if (result.done === true) {
        finished = true;
        return added;
      }
      requireEntry(result.value);
      addOne(result.value);
      added++;
      const turn = pause();
      if (turn !== undefined) {
        await turn;
        await busy();
      }
    }
  } finally {
    if (!finished) void stop(iterator);
  }
}

function iterate<T>(source: Iterable<T> | AsyncIterable<T>): {
  iterator: Iterator<T> | AsyncIterator<T>;
  isAsync: boolean;
} {
  const candidate = source as Partial<Iterable<T> & AsyncIterable<T>> | null | undefined;
  if (typeof candidate?.[Symbol.asyncIterator] === 'function') {
    return { iterator: (source as AsyncIterable<T>)[Symbol.asyncIterator](), isAsync: true };
  }
  if (typeof candidate?.[Symbol.iterator] === 'function') {
    return { iterator: (source as Iterable<T>)[Symbol.iterator](), isAsync: false };
  }
  const expected = 'an iterable or async iterable of { id, vector, metadata }';
  throw new VisionError('INVALID_ARGUMENT', expectedButReceived('entries', expected, source));
}

// Tells the source that no more is wanted. Nobody waits for the answer: a source stuck in next() would never give one.
async function stop(iterator: Iterator<unknown> | AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // The error that ended the reading is the one to report.
  }
}

function requireEntry(entry: unknown): void {
  requireNoPromise(entry, 'an entry', '{ id, vector, metadata }');
  if (typeof entry === 'object' && entry !== null) return;
  throw new VisionError(
    'INVALID_ARGUMENT',
    expectedButReceived('an entry', '{ id, vector, metadata }', entry),
  );
}
