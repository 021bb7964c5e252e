// npm run accuracy: what int8 costs in accuracy, plain and under the guard, on graphs of full size and on a trained one.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsePreprocessConfig } from '../dist/esm/image/preprocess-config.js';
import { GraphRunner, type Runner } from '../dist/esm/models/optimized/graph-runner.js';
import { optimizeWith } from '../dist/esm/models/optimized/optimize-model.js';
import { DEFAULT_TARGET, type Accuracy } from '../dist/esm/optimize/evaluate.js';
import type { OnnxModel } from '../dist/esm/optimize/onnx/model.js';
import { writeModel } from '../dist/esm/optimize/onnx/write.js';
import { photoPaths } from './inputs.js';
import { modelFolder } from './models/folder.js';
import { SentenceRunner, float32MiniLm } from './models/minilm.js';
import { withOutliers, type OutlierPlace } from './models/outliers.js';
import { randomWeights } from './models/random-weights.js';
import { MODEL_SIZES } from './models/sizes.js';
import { visionTower } from './models/towers.js';
import { CPUS } from './subjects.js';

interface Subject {
  name: string;
  model: () => OnnxModel | Promise<OnnxModel>;
  runner: () => Runner | Promise<Runner>;
}

const FACTOR = 1000;

const base = (places: readonly OutlierPlace[], layers: readonly number[]) => {
  const { vision } = MODEL_SIZES.base;
  return visionTower(vision, withOutliers(randomWeights(vision.layers), { places, factor: FACTOR, layers }));
};

async function photoRunner(): Promise<Runner> {
  const config = join(await modelFolder('base'), 'preprocessor_config.json');
  const images = {
    paths: photoPaths(),
    preprocess: parsePreprocessConfig(JSON.parse(readFileSync(config, 'utf8')), config),
    decode: { autoOrient: true, limitInputPixels: 1e8, decode: 'exact' },
  } as const;
  return GraphRunner.open(images, CPUS);
}

const SUBJECTS: readonly Subject[] = [
  { name: 'base-patch16-224, random weights', model: () => base([], []), runner: photoRunner },
  {
    name: `the same, outliers x ${FACTOR} in 3 MLPs`,
    model: () => base(['mlp'], [2, 5, 9]),
    runner: photoRunner,
  },
  {
    name: `the same, outliers x ${FACTOR} behind all norms and in attention`,
    model: () => base(['norm', 'attention'], [...Array(MODEL_SIZES.base.vision.layers).keys()]),
    runner: photoRunner,
  },
  { name: 'MiniLM-L6, trained, 30 sentences', model: float32MiniLm, runner: () => new SentenceRunner() },
];

const HEADER = [
  'graph',
  'every layer in bytes: mean, least',
  'guarded',
  'evened out',
  'in float32',
  'multiplications in float32',
  'candidates',
  'ms before, after',
  'seconds',
];
const print = (cells: readonly (string | number)[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
const closeness = ({ meanCosine, minCosine }: Accuracy) =>
  `${meanCosine.toFixed(5)}, ${minCosine.toFixed(5)}`;

print(HEADER);
print(HEADER.map(() => '---'));
for (const { name, model, runner } of SUBJECTS) {
  const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-accuracy-'));
  try {
    const path = join(folder, 'source.onnx');
    await writeModel(await model(), path);
    const directory = join(folder, 'out');
    mkdirSync(directory);
    const job = { path, bytes: statSync(path).size, directory, target: DEFAULT_TARGET, force: true };
    const { reached, plain, accuracy, evened, kept, layers, cost, candidates, seconds } = await optimizeWith(
      runner,
      job,
      () => undefined,
    );
    print([
      name,
      closeness(plain),
      closeness(accuracy) + (reached ? '' : ' (missed)'),
      `${evened.length} of ${layers.length}`,
      `${kept.length} of ${layers.length}`,
      `${((cost?.float32Share ?? 0) * 100).toFixed(1)} %`,
      candidates,
      cost ? `${cost.milliseconds.before.toFixed(1)}, ${cost.milliseconds.after.toFixed(1)}` : '',
      seconds.toFixed(0),
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
