// Quantised graphs: what ONNX Runtime computes in them is what the definition says, and is close to float32.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Tensor } from 'onnxruntime-node';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../bench/models/graph-builder.js';
import { withUnsignedWeights } from '../bench/models/unsigned.js';
import { Graph } from '../dist/esm/optimize/graph.js';
import { makeNode } from '../dist/esm/optimize/onnx/attributes.js';
import { OnnxModel } from '../dist/esm/optimize/onnx/model.js';
import { create, DataType, ModelProtoSchema, ValueInfoProtoSchema } from '../dist/esm/optimize/onnx/proto.js';
import { fuse } from '../dist/esm/optimize/optimize.js';
import { readModel } from '../dist/esm/optimize/onnx/read.js';
import { isOfType, makeTensor } from '../dist/esm/optimize/onnx/tensor.js';
import { quantizableLayers, quantize, withActivationOutputs } from '../dist/esm/optimize/quantize.js';
import { roundWeight } from '../dist/esm/optimize/quantize/weights.js';
import { refused } from './helpers/assertions.js';
import { fixture, noise } from './helpers/fixtures.js';
import { cosine, goldenFeeds, imageFeed, openModel, runModel, textFeeds } from './helpers/models.js';
import { dynamicQuantize, integerProduct } from './reference/integer-product.js';

const POOLED = 'pooler_output';
const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-quantize-'));

const pictures = Array.from({ length: 12 }, (_, i) => imageFeed(noise(i, 96).data, 96));
/**
 * Both exporters, both towers: how many layers, how many of them find their input quantised, and in how many groups. As
 * many before as after fusing: in the pooling head, key and value are no layers yet, then none any more.
 */
const MODELS = [
  {
    path: 'tiny-siglip/onnx/vision_model.onnx',
    feeds: goldenFeeds(),
    layers: 21,
    shared: 6,
    groups: 3,
  },
  {
    path: 'tiny-siglip/onnx/text_model.onnx',
    feeds: textFeeds(30, 16, 448),
    layers: 19,
    shared: 6,
    groups: 3,
  },
  {
    path: 'tiny-siglip2/onnx/vision_model.onnx',
    feeds: pictures,
    layers: 15,
    shared: 4,
    groups: 2,
  },
  {
    path: 'tiny-siglip2/onnx/vision_model_dynamo.onnx',
    feeds: pictures,
    layers: 15,
    shared: 4,
    groups: 2,
  },
  {
    path: 'tiny-siglip2/onnx/text_model_dynamo.onnx',
    feeds: textFeeds(30, 16, 640),
    layers: 13,
    shared: 4,
    groups: 2,
  },
].flatMap((rest) => [
  { ...rest, name: rest.path, open: () => readModel(fixture(rest.path)) },
  {
    ...rest,
    name: `${rest.path}, fused`,
    open: async () => fuse(await readModel(fixture(rest.path))).model,
  },
]);

interface SmallLayer {
  rows: number;
  inputs: number;
  outputs: number;
  gemm: boolean;
  transB: boolean;
  bias: boolean;
  x: Float32Array;
  weight: Float32Array;
  addend: Float32Array;
}

const small: fc.Arbitrary<SmallLayer> = fc
  .record({
    rows: fc.integer({ min: 1, max: 5 }),
    inputs: fc.integer({ min: 1, max: 40 }),
    outputs: fc.integer({ min: 1, max: 40 }),
    gemm: fc.boolean(),
    transB: fc.boolean(),
    bias: fc.boolean(),
    seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    spread: fc.double({ min: 0.01, max: 100, noNaN: true }),
  })
  .map(({ seed, spread, ...rest }) => {
    const numbers = (count: number, salt: number) =>
      Float32Array.from({ length: count }, (_, i) => spread * Math.sin(seed * salt + i * i * 0.7 + i));
    const { rows, inputs, outputs } = rest;
    return {
      ...rest,
      x: numbers(rows * inputs, 1),
      weight: numbers(inputs * outputs, 2),
      addend: numbers(outputs, 3),
    };
  });

function smallModel({ rows, inputs, outputs, gemm, transB, bias, weight, addend }: SmallLayer): OnnxModel {
  const g = new GraphBuilder(() => weight);
  g.input('x', DataType.FLOAT, [rows, inputs]);
  g.output('y', DataType.FLOAT, [rows, outputs]);
  const { graph } = g.model;
  const shape = gemm && transB ? [outputs, inputs] : [inputs, outputs];
  graph.initializer.push(makeTensor('w', DataType.FLOAT, shape, weight));
  if (bias) graph.initializer.push(makeTensor('b', DataType.FLOAT, [outputs], addend));
  if (gemm) {
    const attributes = { transB: transB ? 1n : 0n };
    graph.node.push(
      makeNode('Gemm', {
        name: 'layer',
        inputs: bias ? ['x', 'w', 'b'] : ['x', 'w'],
        outputs: ['y'],
        attributes,
      }),
    );
  } else {
    const product = bias ? 'product' : 'y';
    graph.node.push(makeNode('MatMul', { name: 'layer', inputs: ['x', 'w'], outputs: [product] }));
    if (bias) graph.node.push(makeNode('Add', { name: 'add', inputs: ['b', 'product'], outputs: ['y'] }));
  }
  return g.model;
}

// Lets a value be seen from outside.
function expose(model: OnnxModel, opType: string, output = 0): string {
  const name = new Graph(model).nodes.find((node) => node.opType === opType)?.output[output];
  assert.ok(name, opType);
  model.graph.output.push(create(ValueInfoProtoSchema, { name }));
  return name;
}

// On x86 without VNNI, sums of two products of bytes saturate at 16 bits: such CPUs get no int8.
async function computesExactly(): Promise<boolean> {
  const g = new GraphBuilder(() => new Float32Array());
  g.input('x', DataType.UINT8, [1, 8]);
  g.output('y', DataType.INT32, [1, 1]);
  const { graph } = g.model;
  graph.initializer.push(makeTensor('w', DataType.INT8, [8, 1], new Int8Array(8).fill(127)));
  graph.node.push(makeNode('MatMulInteger', { name: 'product', inputs: ['x', 'w'], outputs: ['y'] }));
  const session = await openModel(g.model);
  const { y } = await session.run({ x: new Tensor('uint8', new Uint8Array(8).fill(255), [1, 8]) });
  await session.release();
  return (y!.data as Int32Array)[0] === 8 * 127 * 255;
}

function countOf(model: OnnxModel, opType: string): number {
  return model.graph.node.filter((node) => node.opType === opType).length;
}

const quantized = suite('quantize');

quantized('the integers are those of the definition, whatever the layer looks like', async () => {
  if (!(await computesExactly())) return;
  await fc.assert(
    fc.asyncProperty(small, async (layer) => {
      const { rows, inputs, outputs, x, weight, gemm, transB, bias, addend } = layer;
      const model = smallModel(layer);
      quantize(model);
      const names = [0, 1, 2].map((output) => expose(model, 'DynamicQuantizeLinear', output));
      const sum = expose(model, 'MatMulInteger');
      const session = await openModel(model, { graphOptimizationLevel: 'disabled' });
      const found = await session.run({ x: new Tensor('float32', x, [rows, inputs]) });
      await session.release();

      const expected = dynamicQuantize(x);
      const [bytes, scale, zeroPoint] = names.map((name) => found[name]!.data);
      // One of the last bits may be rounded elsewhere: the product is of the bytes that are there.
      (bytes as Uint8Array).forEach((byte, i) => assert.ok(Math.abs(byte - expected.bytes[i]!) <= 1));
      assert.ok(Math.abs((scale as Float32Array)[0]! / expected.scale - 1) < 1e-6);
      assert.is((zeroPoint as Uint8Array)[0], expected.zeroPoint);
      const actual = { bytes: bytes as Uint8Array, scale: expected.scale, zeroPoint: expected.zeroPoint };
      const rounded = roundWeight({ values: weight, inputs, outputs, transposed: gemm && transB })!;
      const integers = integerProduct(actual, rounded.values, inputs);
      assert.equal(found[sum]!.data, integers);
      const y = found.y!.data as Float32Array;
      integers.forEach((integer, i) => {
        const j = i % outputs;
        const product = integer * expected.scale * rounded.scales[j]!;
        const right = product + (bias ? addend[j]! : 0);
        assert.ok(Math.abs(y[i]! - right) <= 1e-5 * (Math.abs(product) + Math.abs(addend[j]!) + 1e-3));
      });
    }),
    { numRuns: 60 },
  );
});

quantized('ONNX Runtime joins every product, scale and bias into one operator', async () => {
  for (const { name, layers, groups, open } of MODELS) {
    const model = await open();
    quantize(model);
    const file = join(folder, 'joined.onnx');
    await (
      await openModel(model, { optimizedModelFilePath: file, graphOptimizationLevel: 'extended' })
    ).release();
    const optimized = await readModel(file);
    const joined = countOf(optimized, 'MatMulIntegerToFloat') + countOf(optimized, 'DynamicQuantizeMatMul');
    assert.is(joined, layers, name);
    assert.is(countOf(optimized, 'MatMulInteger'), 0, name);
    // Where an input is shared, quantising it keeps an operator of its own.
    assert.is(countOf(optimized, 'DynamicQuantizeLinear'), groups, name);
    const own = optimized.graph.node.filter(({ opType }) =>
      /MatMulIntegerToFloat|DynamicQuantizeMatMul/.test(opType),
    );
    const biased = own.filter(({ opType, input }) => input[opType === 'DynamicQuantizeMatMul' ? 4 : 6]);
    assert.ok(biased.length >= layers / 3, `${name}: ${biased.length} of ${layers} with a bias`);
  }
});

quantized('embeddings stay close to those of float32: both exporters, both towers', async () => {
  for (const { name, feeds, layers, shared, open } of MODELS) {
    const model = await open();
    const expected = await runModel(model, feeds, POOLED);
    const report = quantize(model);
    assert.is(report.quantized.length, layers, name);
    assert.is(report.sharedQuantizations, shared, name);
    assert.equal(report.smoothed, []);
    const actual = await runModel(model, feeds, POOLED);
    const cosines = actual.map((vector, i) => cosine(vector, expected[i]!));
    const mean = cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
    // Measured: mean 0.99958 to 0.99980, lowest 0.9959.
    assert.ok(mean > 0.999, `${name}: mean cosine ${mean}`);
    assert.ok(Math.min(...cosines) > 0.995, `${name}: lowest cosine ${Math.min(...cosines)}`);
  }
});

quantized('the unsigned form that the benchmarks compare with computes the same', async () => {
  if (!(await computesExactly())) return;
  const { feeds, open } = MODELS[0]!;
  const model = await open();
  quantize(model);
  const few = feeds.slice(0, 2);
  const unsigned = withUnsignedWeights(model);
  assert.is(unsigned.graph.initializer.filter((tensor) => isOfType(tensor, DataType.INT8)).length, 0);
  assert.equal(await runModel(unsigned, few, POOLED), await runModel(model, few, POOLED));
});

quantized('layers to keep are kept, to the bit when all are', async () => {
  for (const { feeds, layers: count, open } of MODELS) {
    const model = await open();
    const names = quantizableLayers(model).map(({ name }) => name);
    assert.is(new Set(names).size, count);
    const few = feeds.slice(0, 2);
    const expected = await runModel(model, few, POOLED);
    const report = quantize(model, { keep: new Set(names) });
    assert.is(report.kept.length, count);
    assert.is(countOf(model, 'MatMulInteger'), 0);
    assert.equal(await runModel(model, few, POOLED), expected);

    const some = new Set(names.filter((_, i) => i % 3 === 0));
    const { kept, quantized: done } = quantize(model, { keep: some });
    assert.equal(new Set(kept.map(({ name }) => name)), some);
    assert.is(countOf(model, 'MatMulInteger'), count - some.size);
    assert.is(done.length, count - some.size);
    // What is quantised already is no layer any more.
    assert.equal(new Set(quantizableLayers(model).map(({ name }) => name)), some);
  }
});

quantized('the report says what weights take; the file is as much smaller', async () => {
  const model = await readModel(fixture('tiny-siglip/onnx/vision_model.onnx'));
  const bytes = () => model.graph.initializer.reduce((sum, { rawData }) => sum + rawData.length, 0);
  const before = bytes();
  const { quantized: done } = quantize(model);
  for (const { inputs, outputs, bytesBefore, bytesAfter } of done) {
    assert.is(bytesBefore, 4 * inputs * outputs);
    assert.is(bytesAfter, inputs * outputs + 4 * outputs);
  }
  const saved = done.reduce((sum, { bytesBefore, bytesAfter }) => sum + bytesBefore - bytesAfter, 0);
  assert.is(before - bytes(), saved);
});

quantized('one weight of two layers is rounded once; other uses of it still find it', async () => {
  const g = new GraphBuilder(() => Float32Array.from({ length: 16 }, (_, i) => Math.cos(i)));
  g.input('x', DataType.FLOAT, [2, 4]);
  g.output('y', DataType.FLOAT, [2, 4]);
  const w = g.weight('w', [4, 4], 'linear');
  const tanh = g.node('/a', 'Tanh', [g.node('/a', 'MatMul', ['x', w])]);
  const second = g.node('/b', 'MatMul', [tanh, w]);
  g.node('/c', 'Add', [second, g.node('/c', 'Gather', [w, g.ints('/c', [1, 2])])], {}, 'y');
  const feeds = [
    {
      x: new Tensor(
        'float32',
        Float32Array.from({ length: 8 }, (_, i) => Math.sin(i)),
        [2, 4],
      ),
    },
  ];
  const [expected] = await runModel(g.model, feeds, 'y');
  const report = quantize(g.model);
  assert.is(report.quantized.length, 2);
  assert.is(g.model.graph.initializer.filter(({ name }) => name.endsWith('bytes')).length, 1);
  assert.ok(g.model.graph.initializer.some(({ name }) => name === 'w'));
  const [actual] = await runModel(g.model, feeds, 'y');
  assert.ok(cosine(actual!, expected!) > 0.999);
});

quantized('only products with a constant float32 matrix are layers', () => {
  const g = new GraphBuilder((_, shape) => new Float32Array(shape.reduce((a, b) => a * b)));
  g.input('x', DataType.FLOAT, ['n', 4]);
  g.input('replaced', DataType.FLOAT, [4, 4]);
  const w = g.weight('w', [4, 4], 'linear');
  const gemm = (attributes: Record<string, number | bigint>) => g.node('/gemm', 'Gemm', ['x', w], attributes);
  g.node('/computed', 'MatMul', ['x', g.node('/t', 'Transpose', ['x'])]);
  g.node('/batched', 'MatMul', ['x', g.weight('batched', [1, 4, 4], 'linear')]);
  g.node('/vector', 'MatMul', ['x', g.weight('vector', [4], 'linear')]);
  g.node('/constant', 'MatMul', [w, w]);
  g.node('/input', 'MatMul', ['x', g.weight('replaced', [4, 4], 'linear')]);
  gemm({ alpha: 2 });
  gemm({ beta: 0.5 });
  gemm({ transA: 1n });
  assert.equal(quantizableLayers(g.model), []);
  g.model.graph.node.push(makeNode('MatMul', { inputs: ['x', w], outputs: ['unnamed'] }));
  gemm({});
  assert.equal(
    quantizableLayers(g.model).map(({ name }) => name),
    ['unnamed', '/gemm/Gemm_3'],
  );
});

quantized('what cannot be quantised is refused, and the model left as it was', async () => {
  const model = await readModel(fixture('tiny-siglip2/onnx/vision_model.onnx'));
  const before = model.graph;
  await refused(() => quantize(model, { keep: new Set(['nothing']) }), 'INVALID_ARGUMENT', /"nothing"/);
  for (const alpha of [-0.1, 1.1, Number.NaN])
    await refused(() => quantize(model, { smoothing: { stats: {}, alpha } }), 'INVALID_ARGUMENT', /alpha/);
  const [layer] = quantizableLayers(model);
  const bad = [new Float32Array(3), new Float32Array(layer!.inputs).fill(Number.NaN)];
  for (const vector of bad) {
    const stats = { [layer!.name]: vector };
    await refused(() => quantize(model, { smoothing: { stats, alpha: 0.5 } }), 'INVALID_ARGUMENT', /stats/);
  }
  assert.is(model.graph, before);

  const damaged = smallModel({
    rows: 1,
    inputs: 2,
    outputs: 1,
    gemm: false,
    transB: false,
    bias: false,
    x: new Float32Array(2),
    weight: Float32Array.of(1, Infinity),
    addend: new Float32Array(1),
  });
  await refused(() => quantize(damaged), 'MODEL_INVALID', /"layer".*infinity/);
  assert.is(countOf(damaged, 'MatMul'), 1);

  const old = new OnnxModel(
    create(ModelProtoSchema, { irVersion: 4n, opsetImport: [{ domain: '', version: 9n }] }),
  );
  await refused(() => quantize(old), 'MODEL_INVALID', /version 9/);
});

quantized('observed: the largest magnitude of each channel that goes into each layer', async () => {
  for (const { feeds, open } of MODELS) {
    const model = await open();
    const nodes = model.graph.node.length;
    const { model: observed, outputs } = withActivationOutputs(model);
    assert.is(model.graph.node.length, nodes, 'the model is not changed');
    const layers = quantizableLayers(model);
    assert.equal(
      [...outputs.keys()],
      layers.map(({ name }) => name),
    );

    const [feed] = feeds;
    // The inputs themselves, to compare with.
    const inputs = new Map(
      layers.map(({ name }) => [name, model.graph.node.find((node) => node.name === name)!.input[0]!]),
    );
    const raw = new Graph(model).model;
    for (const name of new Set(inputs.values()))
      raw.graph.output.push(create(ValueInfoProtoSchema, { name }));
    const [whole, reduced] = [await openModel(raw), await openModel(observed)];
    const [values, maxima] = [await whole.run(feed!), await reduced.run(feed!)];
    assert.equal(maxima[POOLED]!.data, (await runModel(model, [feed!], POOLED))[0]);
    for (const { name, inputs: channels } of layers) {
      const expected = new Float32Array(channels);
      (values[inputs.get(name)!]!.data as Float32Array).forEach((value, i) => {
        expected[i % channels] = Math.max(expected[i % channels]!, Math.abs(value));
      });
      const actual = maxima[outputs.get(name)!]!.data as Float32Array;
      assert.is(actual.length, channels, name);
      actual.forEach((value, i) =>
        assert.ok(Math.abs(value - expected[i]!) <= 1e-4 * (1 + expected[i]!), name),
      );
    }
    await whole.release();
    await reduced.release();
  }
});

quantized.after(() => rmSync(folder, { recursive: true }));
quantized.run();
