// Feeds mutated images through the public API in a child process, and fails on a crash, a hang, too much memory, an error
// that is no VisionError, or a worker that answers wrongly afterwards.
//
//   npm run fuzz -- --seconds 60 [--seed N] [--count N]
import { fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SemanticVision, VisionError } from '../../dist/esm/index.js';
import { mutant, type CorpusFile } from './mutate.js';

/** What a run found. */
export interface FuzzReport {
  inputs: number;
  embedded: number;
  codes: Record<string, number>;
  slowestMs: number;
  peakRssBytes: number;
}

const HANG_MS = 10_000;
const RSS_LIMIT_BYTES = 2 * 1024 ** 3;
const IN_FLIGHT = 4;
const CHECK_EVERY = 500;
const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));

/**
 * Fuzzes in this process.
 * @param options - when to stop, and the seed
 * @param options.seed - the same seed gives the same inputs
 * @param options.seconds - stop after this time
 * @param options.count - stop after so many inputs
 * @param options.onStart - told of each input before it is tried
 * @returns the report
 * @throws Error that names the input which broke a promise of the library
 */
export async function fuzz(options: {
  seed: number;
  seconds: number;
  count: number;
  onStart?: (number: number) => void;
}): Promise<FuzzReport> {
  const corpus = readCorpus(join(FIXTURES, 'golden', 'images'));
  const good = readFileSync(join(FIXTURES, 'golden', 'images', 'png_rgb.png'));
  const vision = await SemanticVision.create({
    model: join(FIXTURES, 'tiny-siglip'),
    workers: 2,
    intraOpNumThreads: 1,
    cacheMaxBytes: 0,
    limitInputPixels: 16_000_000,
  });
  const expected = (await vision.embedImage(good)).vector;
  const report: FuzzReport = { inputs: 0, embedded: 0, codes: {}, slowestMs: 0, peakRssBytes: 0 };
  const deadline = performance.now() + options.seconds * 1000;
  let next = 0;

  const tryOne = async (number: number): Promise<void> => {
    const { bytes, description } = mutant(corpus, options.seed, number);
    const where = `seed ${options.seed}, input ${number} (${description})`;
    const start = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const hang = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`No answer within ${HANG_MS} ms: ${where}`)), HANG_MS);
    });
    try {
      const { vector } = await Promise.race([vision.embedImage(bytes), hang]);
      if (!vector.every(Number.isFinite)) throw new Error(`A vector is not finite: ${where}`);
      report.embedded++;
    } catch (error) {
      if (!(error instanceof VisionError)) throw new Error(`Not a VisionError: ${where}`, { cause: error });
      if (error.code === 'WORKER_FAILED') throw new Error(`A worker failed: ${where}`, { cause: error });
      report.codes[error.code] = (report.codes[error.code] ?? 0) + 1;
    } finally {
      clearTimeout(timer);
    }
    report.inputs++;
    report.slowestMs = Math.max(report.slowestMs, performance.now() - start);
  };

  const lane = async (): Promise<void> => {
    while (next < options.count && performance.now() < deadline) {
      const number = next++;
      options.onStart?.(number);
      await tryOne(number);
      if (number % CHECK_EVERY !== 0) continue;
      const rss = process.memoryUsage.rss();
      report.peakRssBytes = Math.max(report.peakRssBytes, rss);
      if (rss > RSS_LIMIT_BYTES)
        throw new Error(`${rss} bytes of memory at seed ${options.seed}, input ${number}`);
      const { vector } = await vision.embedImage(good);
      if (!vector.every((value, i) => value === expected[i]))
        throw new Error(`A worker is poisoned by input ${number}`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  await vision.close();
  return report;
}

function readCorpus(directory: string): CorpusFile[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .filter((name) => /\.\w+$/.test(name) && !name.endsWith('.json'))
    .map((name) => ({ name, bytes: readFileSync(join(directory, name)) }));
}

// A crash takes the process with it, so the command line runs the fuzzer in a child and names the inputs under way.
function main(): void {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
      count: { type: 'string', default: 'Infinity' },
      child: { type: 'boolean', default: false },
    },
  });
  const options = { seconds: Number(values.seconds), seed: Number(values.seed), count: Number(values.count) };
  if (values.child) {
    fuzz({ ...options, onStart: (number) => process.send?.({ number }) }).then(
      (report) => process.send?.({ report }, () => process.disconnect()),
      (error: unknown) => {
        console.error(error);
        process.exitCode = 1;
        process.disconnect();
      },
    );
    return;
  }
  const recent: number[] = [];
  let report: FuzzReport | undefined;
  const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--child'], {
    execArgv: process.execArgv,
  });
  child.on('message', (message: { number?: number; report?: FuzzReport }) => {
    if (message.number !== undefined) recent.push(message.number);
    if (recent.length > 2 * IN_FLIGHT) recent.shift();
    report = message.report ?? report;
  });
  child.on('exit', (code, signal) => {
    if (report === undefined || code !== 0) {
      console.error(
        `Failed (exit ${code ?? String(signal)}); last inputs of seed ${options.seed}: ${recent.join(', ')}`,
      );
      process.exitCode = 1;
      return;
    }
    console.log(JSON.stringify(report, null, 2));
    console.log(`${report.inputs} inputs survived`);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
