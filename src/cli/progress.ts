// A progress bar: one line that is drawn over, at most ten times a second, on a terminal.
import { printable } from './printable.js';

/** The terminal to draw on. */
export interface Terminal {
  readonly columns?: number;
  write: (text: string) => unknown;
}

/** What is being counted. */
export type Unit = 'images' | 'bytes';

const REDRAW_MS = 100;
const BAR_WIDTH = 20;
const FALLBACK_COLUMNS = 80;
const CLEAR_LINE = '\r\u001B[2K';
const BOLD = ['\u001B[1m', '\u001B[22m'] as const;

/** Shows how far something is. Without a terminal it does nothing, so nobody has to ask. */
export class ProgressBar {
  readonly #terminal: Terminal | undefined;
  readonly #style: { label: string; unit: Unit; color: boolean };
  readonly #started = performance.now();
  #drawn = -Infinity;
  #visible = false;
  #start: number | undefined;

  /**
   * @param terminal - undefined draws nothing
   * @param style - what stands before the bar, what is counted, and whether to use colours
   * @param style.label - a word or two
   * @param style.unit - what is counted
   * @param style.color - whether escape sequences for bold are wanted
   */
  constructor(terminal: Terminal | undefined, style: { label: string; unit: Unit; color: boolean }) {
    this.#terminal = terminal;
    this.#style = style;
  }

  /** @returns whether anything is drawn at all: what only the bar needs need not be computed otherwise */
  get enabled(): boolean {
    return this.#terminal !== undefined;
  }

  /**
   * Tells how far it is.
   * @param done - so far
   * @param total - of how many, if that is known
   * @param note - what else to say behind the numbers
   */
  update(done: number, total?: number, note = ''): void {
    if (this.#terminal === undefined) return;
    // A download may begin where an earlier one stopped: that part took no time now.
    this.#start ??= done;
    const now = performance.now();
    if (now - this.#drawn < REDRAW_MS && done !== total) return;
    this.#drawn = now;
    const seconds = (now - this.#started) / 1000;
    const line = this.#line(done, total, seconds === 0 ? 0 : (done - this.#start) / seconds, note);
    // Some pseudo-terminals say that they have no columns.
    const { columns = 0 } = this.#terminal;
    const width = columns > 0 ? columns : FALLBACK_COLUMNS;
    // A line as wide as the terminal would wrap, and wrapped lines cannot be drawn over.
    const shown = line.slice(0, width - 1);
    const { label, color } = this.#style;
    const painted = color
      ? BOLD[0] + shown.slice(0, label.length) + BOLD[1] + shown.slice(label.length)
      : shown;
    this.#terminal.write(CLEAR_LINE + painted);
    this.#visible = true;
  }

  /** Takes the bar off the screen; the next update draws it again. */
  clear(): void {
    if (!this.#visible) return;
    this.#terminal?.write(CLEAR_LINE);
    this.#visible = false;
    this.#drawn = -Infinity;
  }

  #line(done: number, total: number | undefined, rate: number, note: string): string {
    const { label, unit } = this.#style;
    const amount = unit === 'bytes' ? bytes : String;
    const speed = unit === 'bytes' ? `${bytes(rate)}/s` : `${rate.toFixed(1)}/s`;
    const parts = [label];
    if (total === undefined || total === 0) {
      parts.push(amount(done), speed);
    } else {
      const share = Math.min(1, done / total);
      const filled = Math.round(share * BAR_WIDTH);
      parts.push(
        `[${'='.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}]`,
        `${Math.floor(share * 100)}%`,
        `${amount(done)}/${amount(total)}`,
        speed,
      );
      if (rate > 0 && done < total) parts.push(`${duration((total - done) / rate)} left`);
    }
    // May name a file, which a server may have named.
    if (note !== '') parts.push(printable(note));
    return parts.join('  ');
  }
}

/**
 * A number of bytes for people.
 * @param count - bytes
 * @returns three digits or so and a binary unit
 */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, count)) / 10));
  const value = count / 1024 ** power;
  return `${power === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[power] ?? ''}`;
}

/**
 * A duration for people.
 * @param seconds - 0 or more
 * @returns the two largest units
 */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
