// Generates hundreds of image files over every structural axis of each format, decodes them through the product with and
// without sharp, and fails on a wrong picture, on a crash, and on a refusal of what has to work.
//
//   npm run differential -- [--seed N] [--formats jpeg,tiff] [--corpus FOLDER] [--report FILE.md]
//   npm run differential -- --matrix [--report FILE.md]: what each decoder alone makes of each file; FILE.json beside it
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { installedWithoutSharp } from '../helpers/without-sharp.js';
import {
  FAILURES,
  VERDICTS,
  describe,
  judge,
  table,
  within,
  words,
  type Verdict,
} from './differential-report.js';
import { decodeAll, generateCorpus, missingTools, readManifest } from './differential-run.js';
import type { Entry, Result, Task } from './differential-types.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What a run found. */
export interface DifferentialReport {
  /** Why nothing was run; undefined when it was. */
  skipped?: string;
  files: number;
  /** One line for each failure. */
  failures: string[];
  markdown: string;
}

/** A file, and what each decoder alone makes of it. */
type Row = Entry & { napi: Result; sharp: Result };

/** What to run. */
export interface DifferentialOptions {
  seed: number;
  /** Names of formats, separated by commas. */
  formats?: string;
  /** A folder of a corpus that exists already, or where to leave it; a temporary one when undefined. */
  corpus?: string;
}

/**
 * Runs the test.
 * @param options - what to run
 * @returns what it found
 */
export async function differential(options: DifferentialOptions): Promise<DifferentialReport> {
  return withCorpus(options, async (folder, entries) => {
    const without = installedWithoutSharp();
    const failures: string[] = [];
    const tables: string[] = [];
    try {
      for (const [title, root] of [
        ['With sharp', ROOT],
        ['Without sharp', without],
      ] as const) {
        const results = await decodeAll({ way: 'product', root, folder, entries, save: false });
        const verdicts = new Map<string, Verdict>();
        for (const entry of entries) {
          const result = results.get(entry.file)!;
          const verdict = judge(entry, result, root === ROOT);
          verdicts.set(entry.file, verdict);
          if (FAILURES.has(verdict))
            failures.push(`${title}: ${verdict}: ${describe(entry)}: ${words(result)}`);
        }
        tables.push(
          table(entries, title, VERDICTS, ({ file }, column) => verdicts.get(file) === VERDICTS[column]),
        );
      }
    } finally {
      rmSync(without, { recursive: true });
    }
    return { files: entries.length, failures, markdown: tables.join('\n\n') };
  });
}

/**
 * Decodes every file with each decoder alone: what the allow-list of the routing is derived from.
 * @param options - what to run
 * @returns one line a file, and the same as data
 */
export async function matrix(options: DifferentialOptions): Promise<DifferentialReport & { rows: Row[] }> {
  let rows: Row[] = [];
  const report = await withCorpus(options, async (folder, entries) => {
    const task = { root: ROOT, folder, entries, save: false };
    const napi = await decodeAll({ ...task, way: 'napi' });
    const sharp = await decodeAll({ ...task, way: 'sharp' });
    rows = entries.map((entry) => ({
      ...entry,
      napi: napi.get(entry.file)!,
      sharp: sharp.get(entry.file)!,
    }));
    const lines = rows.map(
      (row) => `${describe(row)} | napi: ${words(row.napi)} | sharp: ${words(row.sharp)}`,
    );
    const right = [
      (row: Row) => within(row.napi, row.toleranceWithoutSharp),
      (row: Row) => within(row.sharp, row.tolerance),
      (row: Row) => row.napi.outcome === 'crash',
      (row: Row) => row.sharp.outcome === 'crash',
    ];
    const columns = ['napi right', 'sharp right', 'napi crashed', 'sharp crashed'];
    const counted = rows.filter(({ rgb }) => rgb !== undefined);
    const summary = table(counted, 'Each decoder alone', columns, (row, column) => right[column]!(row));
    return { files: entries.length, failures: [], markdown: [...lines, '', summary].join('\n') };
  });
  return { ...report, rows };
}

async function withCorpus(
  { seed, formats, corpus }: DifferentialOptions,
  use: (folder: string, entries: Entry[]) => Promise<DifferentialReport>,
): Promise<DifferentialReport> {
  const missing = missingTools();
  if (missing.length > 0) {
    const skipped = `The differential test needs ${missing.join(', ')}: apt-get install python3-pil python3-numpy imagemagick libtiff-tools libjpeg-turbo-progs webp libavif-bin`;
    return { skipped, files: 0, failures: [], markdown: '' };
  }
  const folder = corpus ?? mkdtempSync(join(tmpdir(), 'semantic-vision-differential-'));
  try {
    if (!existsSync(join(folder, 'manifest.json'))) generateCorpus(folder, seed, formats);
    return await use(folder, await withSharpsWord(folder, readManifest(folder)));
  } finally {
    if (corpus === undefined) rmSync(folder, { recursive: true });
  }
}

// Where neither Pillow nor the generator knows the picture, sharp's is what a decoded one has to equal.
async function withSharpsWord(folder: string, entries: Entry[]): Promise<Entry[]> {
  const unknown = entries.filter(({ reference }) => reference === 'none');
  const task: Task = { way: 'sharp', root: ROOT, folder, entries: unknown, save: true };
  const results = await decodeAll(task);
  return entries.map((entry) => {
    const result = results.get(entry.file);
    if (result?.outcome !== 'decoded') return entry;
    return {
      ...entry,
      width: result.width!,
      height: result.height!,
      reference: 'sharp',
      rgb: `${entry.file}.sharp.rgb`,
    };
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      formats: { type: 'string' },
      corpus: { type: 'string' },
      report: { type: 'string' },
      matrix: { type: 'boolean', default: false },
    },
  });
  const options = { ...values, seed: Number(values.seed) };
  const report = values.matrix ? await matrix(options) : await differential(options);
  if (report.skipped !== undefined) {
    console.log(report.skipped);
    console.log('0 passed, 0 failed, 1 skipped');
    return;
  }
  if (values.report !== undefined) {
    writeFileSync(values.report, report.markdown + '\n');
    if ('rows' in report)
      writeFileSync(values.report.replace(/(\.md)?$/, '.json'), JSON.stringify(report.rows, null, 1));
  } else {
    console.log(report.markdown);
  }
  for (const failure of report.failures) console.error(failure);
  console.log(`${report.files} files, seed ${options.seed}, ${report.failures.length} failures`);
  if (report.failures.length > 0) process.exitCode = 1;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
