// What every trial looks like: plain data in, plain figures out, so that it can run in a process of its own.

/** One measured thing. */
export interface Figure {
  /** What was measured, for example the photo. Figures of the same label are compared across subjects. */
  label: string;
  unit: 'ms' | 'MB' | 'images/s' | 'G/s' | 'cosine' | 'recall';
  /** The median, unless the label says otherwise. */
  value: number;
  p25?: number;
  p75?: number;
  p99?: number;
  max?: number;
  /** Median CPU time of a call, all threads of the process, ms: what waiting for a CPU does not add to. */
  cpu?: number;
  /** Which number is compared across subjects and held against the target. Default `value`. */
  judgedBy?: 'p99';
  /** The target: the judged number should be less. Printed, never asserted: timings do not belong in a test. */
  below?: number;
}

/** How long to measure: 1 in a full run, less in a quick one. */
export interface Effort {
  /** Scales a number of repetitions, never below `least`. */
  times: (full: number, least?: number) => number;
}

/** A target for one subject against another: printed, never asserted. */
export interface Race {
  /** Which figure; its unit is ms. */
  label: string;
  subject: string;
  peer: string;
  /** The peer should take at least this many times as long. By CPU time where others disturbed one of them. */
  times: number;
}

/** One question, answered for each subject in turn. */
export interface Trial {
  name: string;
  /** One line for the table's head. */
  about: string;
  /** Who is measured; the first one is what the others are compared with. */
  subjects: readonly string[];
  /** Who should be faster than whom. */
  races?: readonly Race[];
  run: (subject: string, effort: Effort) => Promise<Figure[]>;
}

/**
 * @param quick - a rough, short run
 * @returns the scale of the run
 */
export function effortOf(quick: boolean): Effort {
  return { times: (full, least = 1) => (quick ? Math.max(least, Math.round(full / 5)) : full) };
}
