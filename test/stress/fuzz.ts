// Feeds mutated images to the library in child processes, and fails on a crash, a hang, too much memory, an error that is
// no VisionError, a worker that answers wrongly afterwards, and a picture that neither Pillow nor sharp has.
//
//   npm run fuzz -- [--seed N] [--count N] [--seconds N] [--mode decode|api|both] [--processes 2] [--save DIR]
//                   [--number N] [--without-sharp]
//
// It goes on after a failure, and at the end prints a report and a row for the table in docs/decisions/0020-fuzzer.md.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ROOT } from '../helpers/fixtures.js';
import { installedWithoutSharp } from '../helpers/without-sharp.js';
import { readCorpus } from './corpus.js';
import { mutant } from './mutate.js';
import type { Job, Mode, Outcome } from './outcome.js';
import { pillowIsThere } from './pillow.js';
import { markdownRow, Tally, type FuzzReport } from './report.js';
import { runChild } from './run-child.js';

/** What to run. */
export interface FuzzOptions {
  /** The same seed gives the same inputs. */
  seed: number;
  /** Inputs in all. */
  count: number;
  /** The first input. */
  first?: number;
  /** Stop after this time. */
  seconds?: number;
  /** `both`: one input of 20 goes through the whole API. */
  mode?: Mode | 'both';
  /** Child processes at a time. */
  processes?: number;
  /** Folder for the inputs that failed. */
  save?: string;
  /** Where the built library lies. */
  root?: string;
}

const API_SHARE = 20;

/**
 * Runs the fuzzer.
 * @param options - what to run
 * @returns the report; failures are in it, nothing throws
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const {
    seed,
    count,
    first = 0,
    seconds = Infinity,
    mode = 'both',
    processes = 2,
    save,
    root = ROOT,
  } = options;
  const corpus = readCorpus();
  const tally = new Tally(seed);
  const pillow = pillowIsThere();
  const deadline = performance.now() + seconds * 1000;
  if (save !== undefined) mkdirSync(save, { recursive: true });

  const see = (outcome: Outcome): void => {
    tally.add(outcome);
    const { number, format, decoder, failure, unnamed } = outcome;
    if (failure === undefined) return;
    const { bytes, description } = mutant(corpus, seed, number);
    const found = {
      ...failure,
      seed,
      number,
      mode: outcome.mode,
      description: unnamed === undefined ? description : `${description} (no named value)`,
      ...(format && { format }),
      ...(decoder && { decoder }),
    };
    if (!tally.fail(found) || save === undefined) return;
    const name = `${failure.what}-${format ?? 'unknown'}-${seed}-${number}`.replaceAll(' ', '-');
    writeFileSync(join(save, name), bytes);
    writeFileSync(join(save, `${name}.json`), JSON.stringify(found, null, 2));
  };

  const runAll = async (of: Mode, inputs: number, from: number): Promise<void> => {
    const step = of === 'api' ? 1 : processes;
    const lane = async (start: number): Promise<void> => {
      const kindOf = (number: number) => mutant(corpus, seed, number).kind;
      const numbers = { from: from + start, below: from + inputs, step };
      const job: Job = { mode: of, seed, numbers, root, pillow, ms: deadline - performance.now() };
      await runChild(job, kindOf, see);
    };
    await Promise.all(Array.from({ length: step }, (_, start) => lane(start)));
  };
  const throughApi = mode === 'both' ? Math.floor(count / API_SHARE) : mode === 'api' ? count : 0;
  await runAll('decode', count - throughApi, first + throughApi);
  await runAll('api', throughApi, first);
  return tally.report;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: 'Infinity' },
      seed: { type: 'string', default: '1' },
      count: { type: 'string', default: '20000' },
      number: { type: 'string' },
      mode: { type: 'string', default: 'both' },
      processes: { type: 'string', default: '2' },
      save: { type: 'string' },
      'without-sharp': { type: 'boolean', default: false },
    },
  });
  const { mode, save } = values;
  if (mode !== 'both' && mode !== 'api' && mode !== 'decode')
    throw new Error(`Expected --mode decode, api or both but got ${mode}`);
  const single = values.number === undefined ? undefined : Number(values.number);
  const root = values['without-sharp'] ? installedWithoutSharp() : ROOT;
  const report = await fuzz({
    seed: Number(values.seed),
    seconds: Number(values.seconds),
    count: single === undefined ? Number(values.count) : 1,
    first: single ?? 0,
    mode: single !== undefined && mode === 'both' ? 'decode' : mode,
    processes: Number(values.processes),
    ...(save !== undefined && { save }),
    root,
  });
  if (root !== ROOT) rmSync(root, { recursive: true });
  console.log(JSON.stringify(report, null, 2));
  console.log(markdownRow(report));
  process.exitCode = report.failures.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
