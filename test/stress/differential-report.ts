// Judges the results of the differential test and writes them down as Markdown.
import type { Entry, Result, Tolerance } from './differential-types.js';

/** What a result means. `called damaged`: a sound file was refused with another code than UNSUPPORTED_FORMAT. */
export type Verdict =
  'right' | 'refused' | 'called damaged' | 'sharp alone' | 'WRONG' | 'CRASH' | 'REFUSED, MUST BE RIGHT';

/** All of them, in the order of the table. */
export const VERDICTS: Verdict[] = [
  'right',
  'refused',
  'called damaged',
  'sharp alone',
  'WRONG',
  'CRASH',
  'REFUSED, MUST BE RIGHT',
];
/** The verdicts that fail the test. */
export const FAILURES: ReadonlySet<Verdict> = new Set(['WRONG', 'CRASH', 'REFUSED, MUST BE RIGHT']);

/**
 * Judges one file.
 * @param entry - the file
 * @param result - what came of it
 * @param withSharp - whether sharp was there
 * @returns the verdict
 */
export function judge(entry: Entry, result: Result, withSharp: boolean): Verdict {
  if (result.outcome === 'crash') return 'CRASH';
  if (result.outcome === 'error') {
    if (entry.reference === 'refuse') return 'refused';
    // What nobody but sharp reads, or nobody at all, may be refused.
    const isRead = entry.reference === 'pillow' || entry.reference === 'source';
    if (withSharp && entry.must && isRead) return 'REFUSED, MUST BE RIGHT';
    return result.code === 'UNSUPPORTED_FORMAT' ? 'refused' : 'called damaged';
  }
  if (!within(result, withSharp ? entry.tolerance : entry.toleranceWithoutSharp)) return 'WRONG';
  return entry.reference === 'sharp' ? 'sharp alone' : 'right';
}

/**
 * @param result - of a comparison
 * @param tolerance - bounds
 * @returns whether it was one and stays within them
 */
export function within({ outcome, mean, max }: Result, tolerance: Tolerance): boolean {
  return outcome === 'compared' && mean! <= tolerance.mean && max! <= tolerance.max;
}

/**
 * Numbers of files by format, and by every value of every axis.
 * @param entries - the files
 * @param title - of the table
 * @param columns - heads of the columns
 * @param belongs - whether a file is counted in a column, by the column's number
 * @returns Markdown
 */
export function table<T extends Entry>(
  entries: T[],
  title: string,
  columns: string[],
  belongs: (entry: T, column: number) => boolean,
): string {
  const rows = new Map<string, T[]>();
  for (const entry of entries) {
    const keys = Object.entries(entry.axes).map(([axis, value]) => `${entry.format} | ${axis} | ${value}`);
    for (const key of [`**${entry.format}** | all |`, ...keys])
      rows.set(key, [...(rows.get(key) ?? []), entry]);
  }
  const lines = [...rows].map(([key, files]) => {
    const counts = columns.map((_, column) => files.filter((entry) => belongs(entry, column)).length);
    return `| ${key} | ${files.length} | ${counts.map((n) => (n === 0 ? '' : String(n))).join(' | ')} |`;
  });
  const head = ['format', 'axis', 'value', 'files', ...columns];
  return [`### ${title}`, '', `| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`, ...lines].join(
    '\n',
  );
}

/**
 * One file in one line.
 * @param entry - the file
 * @returns its name, its place on the axes, its reference
 */
export function describe({ file, axes, reference }: Entry): string {
  return `${file} (${Object.entries(axes)
    .map(([axis, value]) => `${axis}=${value}`)
    .join(' ')}; reference ${reference})`;
}

/**
 * A result in words.
 * @param result - what came of a file
 * @returns the words
 */
export function words(result: Result): string {
  const { outcome, mean, max, width, height, code, error } = result;
  if (outcome === 'compared') return max === 0 ? 'equal' : `differs(${mean!.toFixed(3)}, ${max})`;
  if (outcome === 'other size' || outcome === 'decoded') return `${outcome}(${width} x ${height})`;
  return `${outcome}(${[code, error].filter(Boolean).join(': ').replaceAll('\n', ' ')})`;
}
