// Trial: what a further worker costs, in time and memory, with the weights shared and without.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TowerSession, preparedOptions } from '../../dist/esm/inference/session.js';
import { Digests } from '../../dist/esm/models/digests.js';
import { prepareGraph } from '../../dist/esm/models/prepared/prepare.js';
import { Hasher } from '../../dist/esm/pool/hasher.js';
import { ROOT } from '../inputs.js';
import { measure } from '../measure.js';
import { variantFolder, type Variant } from '../models/variants.js';
import type { Figure, Trial } from '../trial.js';
import type { WeightsReport } from '../weights-child.js';

// Each with its weights shared, by way of a prepared graph, and copied into every session, as without this library.
const SUBJECTS = {
  'int8, shared': { variant: 'ours', shared: true },
  'int8, copied': { variant: 'ours', shared: false },
  'fp32, shared': { variant: 'fp32', shared: true },
  'fp32, copied': { variant: 'fp32', shared: false },
} as const satisfies Record<string, { variant: Variant; shared: boolean }>;
const OPEN = 'open a session';
const ASSETS = `${ROOT}.cache/bench-assets`;
const CHILD = fileURLToPath(new URL('../weights-child.ts', import.meta.url));
const SESSION_OPTIONS = { graphOptimizationLevel: 'all', intraOpNumThreads: 1, interOpNumThreads: 1 };
const PROBE = { input: 'pixel_values', height: 224, width: 224 } as const;

/** Every process opens the same model of full size; only where it may keep prepared graphs differs. */
export const weights: Trial = {
  name: 'weights',
  about: 'siglip-base-patch16-224, random weights: what a further worker costs (1 thread each)',
  subjects: Object.keys(SUBJECTS),
  races: [
    { label: OPEN, subject: 'int8, shared', peer: 'int8, copied', times: 1 },
    { label: OPEN, subject: 'fp32, shared', peer: 'fp32, copied', times: 2 },
  ],
  async run(subject, effort) {
    const { variant, shared } = SUBJECTS[subject as keyof typeof SUBJECTS];
    const folder = await variantFolder(variant);
    const model = join(folder, 'onnx', 'vision_model.onnx');
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
      shared && variant === 'ours' ? { ...opening, below: 120 } : opening,
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
  const request = {
    path,
    source: 'bench',
    probe: PROBE,
    sessionOptions: SESSION_OPTIONS,
    digests: new Digests(hasher),
  };
  const prepared = shared ? await prepareGraph({ ...request, directory: `${ASSETS}/open` }) : undefined;
  const opened: TowerSession[] = [];
  const open = async () => {
    const [file, options] = prepared
      ? [prepared.graph!.path, preparedOptions(SESSION_OPTIONS)]
      : [path, SESSION_OPTIONS];
    opened.push(await TowerSession.open(file, PROBE.input, options));
  };
  const figure = await measure(OPEN, samples, open, async () => opened.pop()!.release());
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
