// A process that opens the library on a model and prints what that took: ms until ready, and its memory.
import { readFileSync } from 'node:fs';
import { SemanticVision } from '../dist/esm/index.js';
import { distinctImages } from './inputs.js';

const IMAGES_PER_WORKER = 3;

/** What it prints, as one line of JSON. */
export interface WeightsReport {
  /** Until `create` was done, ms. */
  createMs: number;
  /** Memory after some images, shared pages counted in part, MB; undefined where the system does not tell. */
  pssMb: number | undefined;
  shared: boolean;
}

const [model, workers] = process.argv.slice(2);
const start = performance.now();
const vision = await SemanticVision.create({ model, workers: Number(workers), intraOpNumThreads: 1 });
const createMs = performance.now() - start;
for await (const result of vision.embedImages(distinctImages(IMAGES_PER_WORKER * Number(workers)))) {
  if (!result.ok) throw result.error;
}
const report: WeightsReport = { createMs, pssMb: pss(), shared: vision.stats().weights.image.shared };
process.stdout.write(`${JSON.stringify(report)}\n`);
await vision.close();

function pss(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const kib = /^Pss:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1];
  return (Number(kib) * 1024) / 1e6;
}
