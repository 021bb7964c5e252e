// From the arguments of a command to a stream of files: paths as they are, folders walked, `-` read from standard input.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import type { VisionError } from '../errors.js';
import { CommandError } from './failure.js';
import { forSystem, local, textOf } from './names.js';
import { walkFiles, type FoundFile, type WalkListeners } from './walk.js';

/** A file to work on. */
export interface ListedFile extends FoundFile {
  /** Found in a folder rather than named. */
  walked: boolean;
}

/** How to read the list of paths on standard input. */
export interface ListOptions extends WalkListeners {
  /** What stands between two paths. */
  separator: '\n' | '\0';
  /** Ends the reading. */
  signal: AbortSignal;
}

// No system has longer paths. A list without a single separator must not fill the memory.
const LONGEST_PATH_BYTES = 128 * 1024;

/**
 * Lists the files that arguments stand for, as they are needed.
 * @param paths - files, folders, `-`
 * @param options - see {@link ListOptions}
 * @throws `USAGE` for a list that holds no separator where one must be
 * @yields files; the id is the path as given, or for a file found in a folder the folder joined with its place in there
 */
export async function* listFiles(
  paths: Iterable<string>,
  options: ListOptions,
): AsyncGenerator<ListedFile, void, undefined> {
  for (const path of paths) {
    if (path === '-') {
      for await (const line of standardInput(options)) yield* expand(line, options);
    } else {
      yield* expand(path, options);
    }
  }
}

/**
 * Counts files in the background, for a progress bar to say how many there are.
 * @param files - a list of their own, read as fast as it goes
 * @param signal - ends the counting
 * @returns an object that gets its total when the end is reached
 */
export function countAhead(files: AsyncIterable<unknown>, signal: AbortSignal): { readonly total?: number } {
  const counted: { total?: number } = {};
  const count = async () => {
    const iterator = files[Symbol.asyncIterator]();
    let total = 0;
    for (; (await iterator.next()).done !== true; total++) {
      if (signal.aborted) {
        await iterator.return?.();
        return;
      }
    }
    counted.total = total;
  };
  // What cannot be listed is reported by whoever works on the files; the bar goes without a total.
  count().catch(() => undefined);
  return counted;
}

async function* expand(
  path: string,
  { onUnreadable, onIrregular }: ListOptions,
): AsyncGenerator<ListedFile, void, undefined> {
  const found = await stat(forSystem(path)).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    yield { path: found === undefined ? path : local(path), id: path, walked: false };
    return;
  }
  try {
    for await (const file of walkFiles(path, { onUnreadable, onIrregular }))
      yield { path: file.path, id: join(path, file.id), walked: true };
  } catch (error) {
    onUnreadable?.(error as VisionError, path);
  }
}

async function* standardInput({ separator, signal }: ListOptions): AsyncGenerator<string, void, undefined> {
  // A pipe that stays open would keep the process alive after everything else has stopped.
  const input: AsyncIterable<Buffer> = addAbortSignal(signal, process.stdin);
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of input) {
    const bytes = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(separator); end !== -1; end = bytes.indexOf(separator, start)) {
      if (end > start) yield textOf(bytes.subarray(start, end));
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > LONGEST_PATH_BYTES) throw endless(separator);
  }
  if (rest.length > 0) yield textOf(rest);
}

function endless(separator: ListOptions['separator']): CommandError {
  const [expected, advice] =
    separator === '\0'
      ? ['NUL', 'Leave -0 out if there is one path a line.']
      : ['a line break', 'Use -0 if the list is separated by NUL.'];
  return new CommandError(
    'USAGE',
    `Expected ${expected} after each path on standard input but received ${LONGEST_PATH_BYTES} bytes without one. ${advice}`,
  );
}
