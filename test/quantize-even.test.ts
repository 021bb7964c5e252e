// Activations that are evened out before they are rounded: large channels and large tokens take nothing from the others.
import { Tensor } from 'onnxruntime-node';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../bench/models/graph-builder.js';
import { withOutliers } from '../bench/models/outliers.js';
import { randomWeights } from '../bench/models/random-weights.js';
import { visionTower } from '../bench/models/towers.js';
import { DataType } from '../dist/esm/optimize/onnx/proto.js';
import type { OnnxModel } from '../dist/esm/optimize/onnx/model.js';
import { readModel } from '../dist/esm/optimize/onnx/read.js';
import { fuse } from '../dist/esm/optimize/optimize.js';
import { quantizableLayers, quantize, type QuantizeOptions } from '../dist/esm/optimize/quantize.js';
import { fixture, noise } from './helpers/fixtures.js';
import { collectStats, imageFeed, meanCosine, runModel } from './helpers/models.js';

const POOLED = 'pooler_output';
const [ROWS, INPUTS, OUTPUTS] = [6, 40, 24];

const evening = suite('quantize: evening out');

const allOf = (model: OnnxModel) => new Set(quantizableLayers(model).map(({ name }) => name));

/** `y = x * w + b`, once more from the same `x` if asked for, `x` given as it is: nothing to fold factors into. */
function linear(opset: number, layers: 1 | 2 = 1): OnnxModel {
  const g = new GraphBuilder(randomWeights(2));
  g.model.setOpset('', opset);
  g.input('x', DataType.FLOAT, ['rows', INPUTS]);
  for (const output of ['y', 'z'].slice(0, layers)) {
    const weight = g.weight(`weight.${output}`, [INPUTS, OUTPUTS], 'linear');
    const product = g.node('/linear', 'MatMul', ['x', weight]);
    g.node('/bias', 'Add', [product, g.weight(`bias.${output}`, [OUTPUTS], 'bias')], {}, output);
    g.output(output, DataType.FLOAT, ['rows', OUTPUTS]);
  }
  return g.model;
}

const feedOf = (values: Float32Array) => ({ x: new Tensor('float32', values, [ROWS, INPUTS]) });
const numbers = (seed: number) =>
  Float32Array.from({ length: ROWS * INPUTS }, (_, i) => Math.sin(seed + i * i * 0.7 + i));

/** The largest difference of each row, as a share of the row's largest number. */
async function rowErrors(
  model: OnnxModel,
  options: QuantizeOptions,
  values: Float32Array,
): Promise<number[]> {
  const [expected] = await runModel(model, [feedOf(values)], 'y');
  quantize(model, options);
  const [actual] = await runModel(model, [feedOf(values)], 'y');
  return Array.from({ length: ROWS }, (_, row) => {
    const of = (all: Float32Array) => [...all.subarray(row * OUTPUTS, (row + 1) * OUTPUTS)];
    const want = of(expected!);
    const size = Math.max(...want.map(Math.abs));
    return Math.max(...of(actual!).map((value, i) => Math.abs(value - want[i]!))) / size;
  });
}

evening('a token a thousand times too large takes nothing from the others', async () => {
  for (const opset of [14, 18]) {
    const values = numbers(1);
    for (let i = 0; i < INPUTS; i++) values[2 * INPUTS + i]! *= 1000;
    const plain = await rowErrors(linear(opset), {}, values);
    assert.ok(Math.max(...plain) > 0.2, `plain: ${plain.join()}`);
    const even = await rowErrors(linear(opset), { even: allOf(linear(opset)) }, values);
    assert.ok(Math.max(...even) < 0.02, `even: ${even.join()}`);
  }
});

evening('a channel a thousand times too large neither, where no norm bears its factor', async () => {
  const values = numbers(1);
  for (let row = 0; row < ROWS; row++) values[row * INPUTS + 7]! *= 1000;
  const make = () => {
    const model = linear(14);
    // What the channel meets is small, as in trained models: or its product would be all of the result.
    const weight = model.graph.initializer.find(({ name }) => name === 'weight.y')!;
    const floats = new Float32Array(weight.rawData.slice().buffer);
    for (let j = 0; j < OUTPUTS; j++) floats[7 * OUTPUTS + j]! /= 1000;
    weight.rawData = new Uint8Array(floats.buffer);
    return model;
  };
  const smoothing = { stats: await collectStats(make(), [feedOf(values)]), alpha: 0.5 };
  const plain = await rowErrors(make(), { smoothing }, values);
  assert.ok(Math.max(...plain) > 0.1, `plain: ${plain.join()}`);
  const even = await rowErrors(make(), { smoothing, even: allOf(make()) }, values);
  assert.ok(Math.max(...even) < 0.03, `even: ${even.join()}`);
});

evening('tokens of zeros stay zeros, and very large and very small ones stay numbers', async () => {
  const values = new Float32Array(ROWS * INPUTS);
  [0, 1e30, 1e-30, 1e-38, -1, 1e3].forEach((size, row) => {
    for (let i = 0; i < INPUTS; i++) values[row * INPUTS + i] = size * Math.sin(i + 1);
  });
  const model = linear(14);
  const [expected] = await runModel(model, [feedOf(values)], 'y');
  quantize(model, { even: allOf(model) });
  const [actual] = await runModel(model, [feedOf(values)], 'y');
  assert.ok(actual!.every(Number.isFinite));
  assert.equal(actual!.subarray(0, OUTPUTS), expected!.subarray(0, OUTPUTS), 'the bias alone');
});

evening(
  'layers of one activation share its rounding, also when one of them is named or one stays',
  async () => {
    const [first, second] = quantizableLayers(linear(14, 2)).map(({ name }) => name) as [string, string];
    const count = (model: OnnxModel, type: string) =>
      model.graph.node.filter(({ opType }) => opType === type).length;
    const named = linear(14, 2);
    assert.is(quantize(named, { even: new Set([second]) }).sharedQuantizations, 1);
    assert.equal([count(named, 'DynamicQuantizeLinear'), count(named, 'Div')], [1, 1]);
    for (const output of ['y', 'z']) {
      const [expected] = await runModel(linear(14, 2), [feedOf(numbers(3))], output);
      const [actual] = await runModel(named, [feedOf(numbers(3))], output);
      assert.ok(meanCosine([actual!], [expected!]) > 0.9999);
    }
    const kept = linear(14, 2);
    quantize(kept, { even: new Set([first, second]), keep: new Set([first]) });
    assert.equal([count(kept, 'MatMulInteger'), count(kept, 'MatMul'), count(kept, 'Div')], [1, 1, 1]);
    const stays = linear(14, 2);
    quantize(stays, { even: new Set([first]), keep: new Set([first]) });
    assert.is(count(stays, 'Div'), 0);
  },
);

evening('a layer that stays in float32 beside evened ones computes what it did', async () => {
  const model = linear(14, 2);
  const [first, second] = quantizableLayers(model).map(({ name }) => name) as [string, string];
  const feed = feedOf(numbers(5));
  const stats = await collectStats(model, [feed]);
  const [expected] = await runModel(model, [feed], 'y');
  quantize(model, { keep: new Set([first]), even: new Set([second]), smoothing: { stats, alpha: 0.5 } });
  assert.equal((await runModel(model, [feed], 'y'))[0], expected);
});

evening('is never far from float32, whatever the numbers', async () => {
  const size = fc.double({ min: -3, max: 3, noNaN: true });
  await fc.assert(
    fc.asyncProperty(
      fc.array(size, { minLength: ROWS, maxLength: ROWS }),
      fc.integer({ min: 0, max: 1e6 }),
      async (sizes, seed) => {
        const values = numbers(seed).map((value, i) => value * 10 ** sizes[Math.floor(i / INPUTS)]!);
        const model = linear(14);
        const errors = await rowErrors(model, { even: allOf(model) }, values);
        assert.ok(Math.max(...errors) < 0.05, errors.join());
      },
    ),
    { numRuns: 40 },
  );
});

evening(
  'both exporters, whole towers: as close as before, and with outliers behind GELU close again',
  async () => {
    const pictures = (side: number) =>
      Array.from({ length: 8 }, (_, i) => imageFeed(noise(i, side).data, side));
    const size = { hidden: 96, layers: 4, heads: 3, mlp: 384, image: 64, patch: 16 };
    const weights = withOutliers(randomWeights(4), { places: ['mlp'], factor: 1000 });
    const towers = [
      { open: () => readModel(fixture('tiny-siglip/onnx/vision_model.onnx')), side: 64 },
      { open: () => readModel(fixture('tiny-siglip2/onnx/vision_model_dynamo.onnx')), side: 96 },
      { open: () => Promise.resolve(visionTower(size, weights)), side: 64, outliers: true },
    ];
    for (const { open, side, outliers = false } of towers) {
      const { model } = fuse(await open());
      const feeds = pictures(side);
      const smoothing = { stats: await collectStats(model, feeds), alpha: 0.5 };
      const expected = await runModel(model, feeds, POOLED);
      const closeness = async (even: ReadonlySet<string>) => {
        const copy = fuse(await open()).model;
        quantize(copy, { smoothing, even });
        return meanCosine(await runModel(copy, feeds, POOLED), expected);
      };
      const plain = await closeness(new Set());
      const even = await closeness(allOf(model));
      assert.is(plain < 0.998, outliers, `plain: ${plain}`);
      assert.ok(even > 0.9993, `even: ${even}`);
    }
  },
);

evening.run();
