// Trial: what a further worker costs, in time and memory, with the weights shared and without.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TowerSession, preparedOptions } from '../../dist/esm/inference/session.js';
import { prepareGraph } from '../../dist/esm/models/prepared/prepare.js';
import { Hasher } from '../../dist/esm/pool/hasher.js';
import { ROOT } from '../inputs.js';
import { measure } from '../measure.js';
import { modelFolder } from '../models/folder.js';
import type { Figure, Trial } from '../trial.js';
import type { WeightsReport } from '../weights-child.js';

const SHARED = 'prepared graph, weights shared';
const COPIED = 'the graph itself, weights copied';
const ASSETS = `${ROOT}.cache/bench-assets`;
const CHILD = fileURLToPath(new URL('../weights-child.ts', import.meta.url));
const SESSION_OPTIONS = { graphOptimizationLevel: 'all', intraOpNumThreads: 1, interOpNumThreads: 1 };
const PROBE = { input: 'pixel_values', height: 224, width: 224 } as const;

/** Every process opens the same model of full size; only where it may keep prepared graphs differs. */
export const weights: Trial = {
  name: 'weights',
  about: 'siglip-base-patch16-224, fp32, random weights: what a further worker costs (1 thread each)',
  subjects: [SHARED, COPIED],
  races: [{ label: 'open a session', subject: SHARED, peer: COPIED, times: 2 }],
  async run(subject, effort) {
    const folder = await modelFolder('base');
    const model = join(folder, 'onnx', 'vision_model.onnx');
    const shared = subject === SHARED;
    if (shared) rmSync(ASSETS, { recursive: true, force: true });
    const first = library(folder, 1, shared);
    const [one, two, four] = [1, 2, 4].map((workers) => library(folder, workers, shared));
    const memory: Figure[] = [
      ...megabytes('memory with 1 worker', one!.pssMb),
      ...megabytes('memory with 4 workers', four!.pssMb),
      ...megabytes('memory of the second worker', difference(two!.pssMb, one!.pssMb, 1)),
      ...megabytes('memory of a further worker', difference(four!.pssMb, one!.pssMb, 3)).map((figure) =>
        shared ? { ...figure, below: 40 } : figure,
      ),
    ];
    const opening = await openings(model, shared, effort.times(10, 2));
    return [
      { label: 'create, the first time on a machine', unit: 'ms', value: first.createMs },
      { label: 'create, any later time', unit: 'ms', value: one!.createMs },
      shared ? { ...opening, below: 120 } : opening,
      ...memory,
    ];
  },
};

// A fresh process each: what a process has once had in use, it keeps.
function library(folder: string, workers: number, shared: boolean): WeightsReport {
  const child = spawnSync(process.execPath, ['--import', 'tsx', CHILD, folder, String(workers)], {
    encoding: 'utf8',
    env: { ...process.env, HF_ASSETS_CACHE: shared ? ASSETS : CHILD },
  });
  if (child.status !== 0) throw new Error(`The library failed on ${folder}: ${child.stderr}`);
  const report = JSON.parse(child.stdout) as WeightsReport;
  if (report.shared !== shared) throw new Error(`Expected weights.shared to be ${shared} in ${folder}.`);
  return report;
}

// The runtime itself is loaded by the session that warms up, as it is when a further worker starts.
async function openings(path: string, shared: boolean, samples: number): Promise<Figure> {
  const hasher = new Hasher();
  const request = { path, source: 'bench', probe: PROBE, sessionOptions: SESSION_OPTIONS, hasher };
  const prepared = shared ? await prepareGraph({ ...request, directory: `${ASSETS}/open` }) : undefined;
  const opened: TowerSession[] = [];
  const open = async () => {
    const [file, options] = prepared
      ? [prepared.graph!.path, preparedOptions(SESSION_OPTIONS)]
      : [path, SESSION_OPTIONS];
    opened.push(await TowerSession.open(file, PROBE.input, options));
  };
  const figure = await measure('open a session', samples, open, async () => opened.pop()!.release());
  prepared?.release();
  await hasher.close();
  return figure;
}

function difference(more: number | undefined, less: number | undefined, workers: number) {
  return more === undefined || less === undefined ? undefined : (more - less) / workers;
}

function megabytes(label: string, value: number | undefined): Figure[] {
  return value === undefined ? [] : [{ label, unit: 'MB', value }];
}
