// Figures of several rounds to one row each, and rows to a table that a person can read.
import { DISTURBED, type Round } from './child.js';
import { quantile } from './measure.js';
import type { Figure, Race, Trial } from './trial.js';

/** One label of one subject, over all rounds. */
export interface Row extends Figure {
  subject: string;
  /** The `value` of each round. */
  rounds: number[];
  /** Share of the machine's CPU time that other processes used, 0 to 1. */
  others: number;
}

const NUMBERS = ['value', 'p25', 'p75', 'p99', 'max', 'cpu'] as const;

/**
 * Takes the median of each number across the rounds.
 * @param subject - whose figures they are
 * @param rounds - what each round gave
 * @returns one row a label
 */
export function combine(subject: string, rounds: readonly Round[]): Row[] {
  const others = quantile(
    rounds.map((round) => round.others),
    0.5,
  );
  return (rounds[0]?.figures ?? []).map((first, position) => {
    const figures = rounds.map((round) => round.figures[position]!);
    const row: Row = { ...first, subject, others, rounds: figures.map((figure) => figure.value) };
    for (const key of NUMBERS) {
      if (first[key] === undefined) continue;
      row[key] = quantile(
        figures.map((figure) => figure[key]!),
        0.5,
      );
    }
    return row;
  });
}

const HEADER = ['', 'median', 'p25..p75', 'p99', 'max', 'cpu', 'rounds', 'others', ''];

/**
 * @param trial - what was measured
 * @param rows - its rows
 * @returns lines of text: subjects below each other under each label
 */
export function table(trial: Trial, rows: readonly Row[]): string {
  const labels = [...new Set(rows.map((row) => row.label))];
  const lines = labels.flatMap((label) => {
    const same = rows.filter((row) => row.label === label);
    const reference = same.find((row) => row.subject === trial.subjects[0]);
    return [[label, ...HEADER.slice(1).map(() => '')], ...same.map((row) => cells(row, reference))];
  });
  const races = (trial.races ?? []).map((race) => outcome(race, rows));
  return ['', `${trial.name}: ${trial.about}`, ...align([HEADER, ...lines]), ...races].join('\n');
}

function outcome({ label, subject, peer, times }: Race, rows: readonly Row[]): string {
  const rowOf = (name: string) => rows.find((row) => row.subject === name && row.label === label);
  const [ours, theirs] = [rowOf(subject), rowOf(peer)];
  const target = `  target ${label}: ${subject} >= ${times} times as fast as ${peer}:`;
  if (ours === undefined || theirs === undefined) return `${target} not measured`;
  const disturbed = Math.max(ours.others, theirs.others) > DISTURBED;
  const by = (row: Row) => (disturbed ? (row.cpu ?? Number.NaN) : judged(row));
  const ratio = by(theirs) / by(ours);
  const how = disturbed ? ' (disturbed: by CPU time)' : '';
  return `${target} ${ratio.toFixed(2)}, ${ratio >= times ? 'met' : 'missed'}${how}`;
}

function cells(row: Row, reference: Row | undefined): string[] {
  const { subject, unit, value, p25, p75, p99, max, cpu, rounds, others } = row;
  const range = (from: number | undefined, to: number | undefined) =>
    from === undefined || to === undefined ? '' : `${format(from)}..${format(to)}`;
  return [
    `  ${subject}`,
    `${format(value)} ${unit}`,
    range(p25, p75),
    p99 === undefined ? '' : format(p99),
    max === undefined ? '' : format(max),
    cpu === undefined ? '' : format(cpu),
    rounds.length < 2 ? '' : range(Math.min(...rounds), Math.max(...rounds)),
    `${(100 * others).toFixed(0)}%${others > DISTURBED ? '!' : ''}`,
    [versus(row, reference), verdict(row)].filter(Boolean).join(', '),
  ];
}

const judged = (row: Row) => row[row.judgedBy ?? 'value'] ?? row.value;

// How the row compares with the first subject of the trial, in the direction that matters to a user.
function versus(row: Row, reference: Row | undefined): string {
  if (reference === undefined || reference === row) return '';
  if (row.unit === 'MB') return `${(row.value / reference.value).toFixed(2)}x as much`;
  if (row.unit !== 'ms' && row.unit !== 'images/s') return '';
  if (Math.max(row.others, reference.others) > DISTURBED) return 'no ratio: disturbed';
  const [ours, theirs] = [judged(reference), judged(row)];
  const slower = row.unit === 'ms' ? theirs / ours : ours / theirs;
  if (Math.abs(slower - 1) < 0.01) return 'equal';
  return slower >= 1 ? `${slower.toFixed(2)}x slower` : `${(1 / slower).toFixed(2)}x faster`;
}

function verdict(row: Row): string {
  if (row.below === undefined) return '';
  const met = judged(row) < row.below ? 'met' : 'missed';
  return `target ${row.judgedBy ?? 'median'} < ${row.below} ${row.unit} ${met}`;
}

function format(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : value >= 1 ? 2 : 4);
}

// Columns that no row fills are left out.
function align(rows: readonly string[][]): string[] {
  const [header, ...body] = rows;
  const filled = header!.map((_, column) => body.some((row) => row[column] !== ''));
  const widths = header!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const last = header!.length - 1;
  return rows.map((row) => {
    const padded = row.map((cell, column) =>
      column === 0 || column === last ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
    );
    return `  ${padded.filter((_, column) => filled[column]).join('  ')}`.trimEnd();
  });
}
