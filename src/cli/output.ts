// Everything a command prints: results on stdout, notes, errors and the progress bar on stderr. Nothing goes round it, and
// what it prints for people is escaped here.
import { once } from 'node:events';
import type { Failure } from './failure.js';
import { json, printable } from './printable.js';
import { ProgressBar, type Unit } from './progress.js';

/** Options that decide what is printed. */
export interface OutputOptions {
  json?: boolean;
  quiet?: boolean;
}

/** Where to print; `process` has both. */
export interface Streams {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
}

const RED = ['\u001B[31m', '\u001B[39m'] as const;

/** Prints for people or, with `--json`, for programs. */
export class Output {
  /** Whether `--json` was given. */
  readonly json: boolean;
  /** Whether somebody looks at stdout. */
  readonly stdoutIsTerminal: boolean;
  readonly #quiet: boolean;
  readonly #streams: Streams;
  readonly #signal: AbortSignal | undefined;
  readonly #canRedraw: boolean;
  readonly #color: boolean;
  #bar: ProgressBar | undefined;

  /**
   * @param options - `--json`, `--quiet`
   * @param signal - gives up waiting for a reader that is slow
   * @param streams - where to print
   * @param env - `NO_COLOR` (any value but the empty one) and `TERM=dumb` switch colours off, the latter the bar as well
   */
  constructor(
    options: OutputOptions,
    signal?: AbortSignal,
    streams: Streams = process,
    env: NodeJS.ProcessEnv = process.env,
  ) {
    this.json = options.json === true;
    this.#quiet = options.quiet === true;
    this.#signal = signal;
    this.#streams = streams;
    this.stdoutIsTerminal = streams.stdout.isTTY;
    this.#canRedraw = streams.stderr.isTTY && env.TERM !== 'dumb';
    this.#color = this.#canRedraw && !env.NO_COLOR;
  }

  /**
   * Prints a line of JSON on stdout, and waits when the reader is slow.
   * @param value - plain data
   * @throws AbortError when the signal fires meanwhile
   */
  async line(value: unknown): Promise<void> {
    await this.#print(json(value));
  }

  /**
   * Prints the result of a command.
   * @param value - printed as one JSON document with `--json`
   * @param human - the lines that people get to read instead
   * @throws AbortError when the signal fires while the reader is waited for
   */
  async result(value: unknown, human: () => readonly string[]): Promise<void> {
    const lines = this.json ? [json(value, 2)] : human().map(printable);
    if (lines.length > 0) await this.#print(lines.join('\n'));
  }

  /**
   * Says something on stderr that is neither a result nor an error.
   * @param text - one line
   * @param document - what programs get to read instead, with `--json`; without it they get nothing
   */
  note(text: string, document?: object): void {
    if (this.json) {
      if (document !== undefined) this.#complain(json(document));
    } else if (!this.#quiet) {
      this.#complain(printable(text));
    }
  }

  /**
   * Reports a failure on stderr, as one line: `error CODE: message`, or JSON.
   * @param failure - what failed
   * @param input - the input that it concerns, if it is one of several
   */
  error({ code, message }: Pick<Failure, 'code' | 'message'>, input?: string): void {
    if (this.json) {
      this.#complain(json({ error: { code, message, input } }));
      return;
    }
    const [start, end] = this.#color ? RED : ['', ''];
    // Messages of the library name the file where it matters, but not always as it was given.
    const where = input === undefined || message.includes(input) ? '' : `${input}: `;
    this.#complain(`${start}error${end} ${code}: ${printable(where + message)}`);
  }

  /**
   * Starts a progress bar. There is none where stderr is no terminal, and none with `--quiet` or `--json`.
   * @param label - a word or two
   * @param unit - what is counted
   * @param wanted - false for no bar
   * @returns the bar; whatever is printed takes it off the screen first
   */
  progress(label: string, unit: Unit, wanted = true): ProgressBar {
    this.#bar?.clear();
    const { stderr } = this.#streams;
    const shown = wanted && this.#canRedraw && !this.#quiet && !this.json;
    this.#bar = new ProgressBar(shown ? stderr : undefined, { label, unit, color: this.#color });
    return this.#bar;
  }

  async #print(text: string): Promise<void> {
    this.#bar?.clear();
    if (this.#streams.stdout.write(`${text}\n`)) return;
    await once(this.#streams.stdout, 'drain', this.#signal && { signal: this.#signal });
  }

  #complain(text: string): void {
    this.#bar?.clear();
    this.#streams.stderr.write(`${text}\n`);
  }
}

/**
 * Lays rows out in columns, two spaces apart.
 * @param rows - cells, which are made {@link printable}; every row as many
 * @param right - columns that are aligned to the right, from 0
 * @returns lines
 */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  // Before they are measured.
  const cells = rows.map((row) => row.map(printable));
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => (row[column] ?? '').length)),
  );
  const align = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
  };
  return cells.map((row) => row.map(align).join('  ').trimEnd());
}
