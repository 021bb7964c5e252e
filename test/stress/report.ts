// Adds up what became of the inputs.
import type { Failure, Mode, Outcome } from './outcome.js';

/** An input that broke a promise. */
export interface Found extends Failure {
  seed: number;
  number: number;
  mode: Mode;
  /** The corpus file and what was done to it. */
  description: string;
  format?: string;
  decoder?: string;
}

/** What a run found. */
export interface FuzzReport {
  seed: number;
  inputs: number;
  byMode: Record<string, number>;
  byKind: Record<string, number>;
  /** Inputs of the mode `decode` whose header was read, so that decoding began. */
  entered: number;
  /** Those for which a foreign decoder was called, by decoder. */
  reachedDecoder: Record<string, number>;
  /** Share of the inputs of the mode `decode` for which a foreign decoder was called. */
  reachedShare: number;
  accepted: number;
  /** Accepted inputs of the mode `decode`, by format. */
  acceptedByFormat: Record<string, number>;
  /** The same, by who has the same picture. */
  confirmedBy: Record<string, number>;
  codes: Record<string, number>;
  /** Invented values that no specification names, by field and by what became of the file. */
  unnamedValues: Record<string, Record<string, number>>;
  slowestMs: number;
  seconds: number;
  failuresByKind: Record<string, number>;
  /** The first of each kind, format and decoder. */
  failures: Found[];
}

const MOST_OF_A_KIND = 25;

/** The sum of outcomes. */
export class Tally {
  readonly report: FuzzReport;
  readonly #decoded = { inputs: 0, reached: 0 };
  readonly #started = performance.now();

  /**
   * Starts at nothing.
   * @param seed - of the run
   */
  constructor(seed: number) {
    this.report = {
      seed,
      inputs: 0,
      byMode: {},
      byKind: {},
      entered: 0,
      reachedDecoder: {},
      reachedShare: 0,
      accepted: 0,
      acceptedByFormat: {},
      confirmedBy: {},
      codes: {},
      unnamedValues: {},
      slowestMs: 0,
      seconds: 0,
      failuresByKind: {},
      failures: [],
    };
  }

  /**
   * Counts an input.
   * @param outcome - what became of it
   */
  add({ mode, kind, ms, format, decoder, code, by, unnamed, failure }: Outcome): void {
    const { report } = this;
    report.inputs++;
    count(report.byMode, mode);
    count(report.byKind, kind);
    report.slowestMs = Math.max(report.slowestMs, ms);
    if (code !== undefined) count(report.codes, code);
    else if (failure === undefined || by !== undefined) report.accepted++;
    if (mode === 'decode') {
      this.#decoded.inputs++;
      if (format !== undefined) report.entered++;
      if (decoder !== undefined) {
        this.#decoded.reached++;
        count(report.reachedDecoder, decoder);
      }
      report.reachedShare = this.#decoded.reached / this.#decoded.inputs;
      if (by !== undefined) {
        count(report.confirmedBy, by);
        count(report.acceptedByFormat, format ?? 'unknown');
      }
      if (unnamed !== undefined) {
        const became = `${by === undefined ? 'refused' : 'accepted'} ${decoder === undefined ? 'before any decoder' : `by ${decoder}`}`;
        count((report.unnamedValues[`${format ?? 'header'}: ${unnamed}`] ??= {}), became);
      }
    }
    report.seconds = (performance.now() - this.#started) / 1000;
  }

  /**
   * Counts a failure.
   * @param found - the failure
   * @returns whether it is among the first of its kind, which are worth keeping
   */
  fail(found: Found): boolean {
    const key = [
      found.what,
      found.mode,
      found.format ?? 'unknown format',
      found.decoder ?? 'no decoder',
    ].join(', ');
    count(this.report.failuresByKind, key);
    const keep = this.report.failuresByKind[key]! <= MOST_OF_A_KIND;
    if (keep) this.report.failures.push(found);
    return keep;
  }
}

/**
 * The report as a row of a Markdown table.
 * @param report - of a run
 * @returns seed, inputs, structural share, share that reached a decoder, accepted, confirmed, failures, slowest, inputs a second
 */
export function markdownRow(report: FuzzReport): string {
  const { seed, inputs, byKind, reachedShare, accepted, confirmedBy, slowestMs, seconds } = report;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);
  const cells = [
    seed,
    inputs,
    percent((inputs - (byKind.bytes ?? 0)) / inputs),
    percent(reachedShare),
    accepted,
    sum(confirmedBy) - (confirmedBy.nobody ?? 0),
    sum(report.failuresByKind),
    `${slowestMs.toFixed(0)} ms`,
    `${(inputs / seconds).toFixed(0)} /s`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
