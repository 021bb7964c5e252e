// The full-size graphs of the benchmarks are SigLIP: at the size and with the weights of the reference model, the same
// generator writes a graph of the same operators that gives the same outputs.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { writeModel } from '../dist/esm/optimize/onnx/write.js';
import { readModel } from '../dist/esm/optimize/onnx/read.js';
import { floatValues, shapeOf } from '../dist/esm/optimize/onnx/tensor.js';
import type { OnnxModel } from '../dist/esm/optimize/onnx/model.js';
import type { WeightSource } from '../bench/models/graph-builder.js';
import { randomWeights } from '../bench/models/random-weights.js';
import { textTower, visionTower } from '../bench/models/towers.js';
import { fixture } from './helpers/fixtures.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const TINY = { hidden: 96, layers: 3, heads: 4, mlp: 160 };
const VISION = { ...TINY, image: 64, patch: 16 };
const TEXT = { ...TINY, vocabulary: 448, positions: 16 };
const OPTIONS = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 as const };
const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-bench-models-'));

// The exporter numbers the weights of linear layers: they are found by the node that uses them.
function weightsOf(model: OnnxModel): WeightSource {
  const { initializer, node } = model.graph;
  const byName = new Map(initializer.map((tensor) => [tensor.name, tensor]));
  return (name, shape) => {
    const user = `/${name.replace(/\.weight$/, '').replaceAll('.', '/')}/MatMul`.replace(
      /\/layers\//,
      '/layers.',
    );
    const tensor = byName.get(name) ?? byName.get(node.find((one) => one.name === user)?.input[1] ?? '');
    assert.ok(tensor, `${name} is in the reference model`);
    assert.equal(shapeOf(tensor), [...shape], name);
    return floatValues(model, tensor);
  };
}

function operators(model: OnnxModel): Record<string, number> {
  const counts: Record<string, number> = {};
  // How often a constant is written down, or shared, is chance.
  for (const { opType } of model.graph.node)
    if (opType !== 'Constant') counts[opType] = (counts[opType] ?? 0) + 1;
  return counts;
}

async function outputs(path: string, feeds: Record<string, Tensor>): Promise<[string, Float32Array][]> {
  const session = await InferenceSession.create(path, OPTIONS);
  const results = await session.run(feeds);
  await session.release();
  return Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]);
}

async function sameOutputs(
  reference: string,
  model: OnnxModel,
  feeds: Record<string, Tensor>,
): Promise<void> {
  const path = join(folder, 'generated.onnx');
  await writeModel(model, path);
  const expected = await outputs(reference, feeds);
  const actual = new Map(await outputs(path, feeds));
  assert.equal([...actual.keys()], ['last_hidden_state', 'pooler_output']);
  for (const [name, values] of expected) {
    const found = actual.get(name);
    assert.is(found?.length, values.length);
    const worst = values.reduce(
      (max, value, i) => Math.max(max, Math.abs(value - (found?.[i] as number))),
      0,
    );
    assert.ok(worst < 1e-5, `${name} differs by ${worst}`);
  }
}

function pixels(batch: number, size: number): Tensor {
  const values = Float32Array.from({ length: batch * 3 * size * size }, (_, i) =>
    Math.sin(i * 0.37 + i * i * 1e-5),
  );
  return new Tensor('float32', values, [batch, 3, size, size]);
}

const models = suite('bench/models');

models('the image tower, with the reference weights, has its operators and outputs', async () => {
  const path = fixture('tiny-siglip/onnx/vision_model.onnx');
  const reference = await readModel(path);
  const model = visionTower(VISION, weightsOf(reference), 'm');
  assert.equal(operators(model), operators(reference));
  assert.is(model.graph.initializer.length, reference.graph.initializer.length);
  await sameOutputs(path, model, { pixel_values: pixels(2, 64) });
});

models('the text tower, with the reference weights, has its outputs', async () => {
  const path = fixture('tiny-siglip/onnx/text_model.onnx');
  const reference = await readModel(path);
  const model = textTower(TEXT, weightsOf(reference), 'm');
  assert.is(model.graph.initializer.length, reference.graph.initializer.length);
  const ids = BigInt64Array.from({ length: 3 * 16 }, (_, i) => BigInt((i * 37) % 448));
  await sameOutputs(path, model, { input_ids: new Tensor('int64', ids, [3, 16]) });
});

models(
  'random weights: the same for the same name, others for others, of the size that was asked for',
  () => {
    const weights = randomWeights(12);
    const one = weights('a.weight', [256, 1024], 'linear');
    assert.equal(one, weights('a.weight', [256, 1024], 'linear'));
    assert.not.equal(one.subarray(0, 8), weights('b.weight', [256, 1024], 'linear').subarray(0, 8));
    const mean = one.reduce((sum, value) => sum + value, 0) / one.length;
    const deviation = Math.sqrt(one.reduce((sum, value) => sum + (value - mean) ** 2, 0) / one.length);
    assert.ok(Math.abs(mean) < 1e-3, `mean ${mean}`);
    // A normal distribution cut at two deviations keeps 0.88 of its own.
    assert.ok(Math.abs(deviation * 16 - 0.88) < 0.01, `deviation ${deviation * 16}`);
  },
);

models('with random weights, outputs are sane and pictures differ', async () => {
  const path = join(folder, 'random.onnx');
  await writeModel(visionTower({ ...VISION, layers: 12 }, randomWeights(12)), path);
  const output = async (tensor: Tensor) =>
    new Map(await outputs(path, { pixel_values: tensor })).get('pooler_output') as Float32Array;
  const dark = new Tensor('float32', new Float32Array(3 * 64 * 64).fill(-0.8), [1, 3, 64, 64]);
  const [a, b] = [await output(pixels(1, 64)), await output(dark)];
  const dot = (x: Float32Array, y: Float32Array) =>
    x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
  const size = Math.sqrt(dot(a, a) / a.length);
  assert.ok(size > 0.1 && size < 10, `values of about ${size}`);
  const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  assert.ok(cosine < 0.95, `cosine ${cosine}`);
});

models.after(() => rmSync(folder, { recursive: true }));
models.run();
