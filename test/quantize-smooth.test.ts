// Smoothing: exact in float32 wherever it is done, done nowhere else, and what it is for: outliers.
import fc from 'fast-check';
import { Tensor } from 'onnxruntime-node';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../bench/models/graph-builder.js';
import { withOutliers, type OutlierPlace } from '../bench/models/outliers.js';
import { randomWeights } from '../bench/models/random-weights.js';
import { textTower, visionTower } from '../bench/models/towers.js';
import { Graph } from '../dist/esm/optimize/graph.js';
import { makeNode } from '../dist/esm/optimize/onnx/attributes.js';
import type { OnnxModel } from '../dist/esm/optimize/onnx/model.js';
import { DataType, create, ValueInfoProtoSchema } from '../dist/esm/optimize/onnx/proto.js';
import { fuse } from '../dist/esm/optimize/optimize.js';
import { readModel } from '../dist/esm/optimize/onnx/read.js';
import { quantizableLayers, quantize, type ActivationStats } from '../dist/esm/optimize/quantize.js';
import { productsOf } from '../dist/esm/optimize/quantize/layers.js';
import { scaleWeights, smooth } from '../dist/esm/optimize/quantize/smooth.js';
import { fixture, noise } from './helpers/fixtures.js';
import { collectStats, imageFeed, meanCosine, runModel, textFeeds } from './helpers/models.js';

const POOLED = 'pooler_output';
const pictures = (side: number) => Array.from({ length: 8 }, (_, i) => imageFeed(noise(i, side).data, side));
const NOTHING = new Set<string>();

/** Made-up stats, from 0.01 to 100: folding must be exact for all of them. */
function wildStats(model: OnnxModel, seed = 1): ActivationStats {
  return Object.fromEntries(
    quantizableLayers(model).map(({ name, inputs }) => [
      name,
      Float32Array.from({ length: inputs }, (_, i) => 10 ** (2 * Math.sin(seed + i * 2.3 + i * i))),
    ]),
  );
}

/** The float32 graph with factors folded and made up for. */
function smoothed(model: OnnxModel, stats: ActivationStats, alpha = 0.5) {
  const graph = new Graph(model);
  const products = productsOf(graph);
  const { groups, scalings } = smooth(graph, products, NOTHING, NOTHING, { stats, alpha });
  scaleWeights(graph, products, scalings);
  return { model: graph.model, into: groups.map(({ into }) => into) };
}

function apart(a: Float32Array, b: Float32Array): number {
  const size = Math.max(...b.map(Math.abs));
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / size;
}

/** `x` of 2 x 3 x 8 numbers to `y`; the weights are random. */
function build(make: (g: GraphBuilder, x: string) => string): OnnxModel {
  const g = new GraphBuilder((name, shape, role) => randomWeights(2)(name, shape, role));
  g.model.setOpset('', 17);
  g.model.setOpset('com.microsoft', 1);
  g.input('x', DataType.FLOAT, [2, 3, 8]);
  g.node('/end', 'Identity', [make(g, 'x')], {}, 'y');
  g.output('y', DataType.FLOAT, ['a', 'b', 'c']);
  return g.model;
}

function norm(g: GraphBuilder, x: string): string {
  return g.node('/norm', 'LayerNormalization', [
    x,
    g.weight(`gamma.${x}`, [8], 'scale'),
    g.weight(`beta.${x}`, [8], 'bias'),
  ]);
}

function linear(g: GraphBuilder, x: string, columns = 8): string {
  const product = g.node('/linear', 'MatMul', [x, g.weight(`weight.${x}`, [8, columns], 'linear')]);
  return g.node('/bias', 'Add', [product, g.weight(`bias.${x}`, [columns], 'bias')]);
}

function attention(g: GraphBuilder, inputs: readonly string[], extra: readonly string[] = []): string {
  const node = makeNode('MultiHeadAttention', {
    name: '/attention',
    domain: 'com.microsoft',
    inputs: [...inputs, ...extra],
    outputs: ['mixed'],
    attributes: { num_heads: 2n },
  });
  g.model.graph.node.push(node);
  return 'mixed';
}

const SMALL_FEED = {
  x: new Tensor(
    'float32',
    Float32Array.from({ length: 48 }, (_, i) => 3 * Math.sin(i * i + i)),
    [2, 3, 8],
  ),
};

async function staysEqual(model: OnnxModel, into: readonly string[], seed = 1): Promise<void> {
  const [expected] = await runModel(model, [SMALL_FEED], 'y');
  const folded = smoothed(model, wildStats(model, seed));
  assert.equal(folded.into, into);
  const [actual] = await runModel(folded.model, [SMALL_FEED], 'y');
  assert.ok(apart(actual!, expected!) < 1e-5, `differs by ${apart(actual!, expected!)}`);
}

const smoothing = suite('quantize: smoothing');

smoothing('folding changes float32 by rounding alone: both exporters, both towers', async () => {
  const models = [
    { path: 'tiny-siglip/onnx/vision_model.onnx', feeds: pictures(64), groups: 10, fused: 10 },
    { path: 'tiny-siglip/onnx/text_model.onnx', feeds: textFeeds(8, 16, 448), groups: 9, fused: 10 },
    { path: 'tiny-siglip2/onnx/vision_model.onnx', feeds: pictures(96), groups: 7, fused: 7 },
    { path: 'tiny-siglip2/onnx/vision_model_dynamo.onnx', feeds: pictures(96), groups: 7, fused: 7 },
    { path: 'tiny-siglip2/onnx/text_model_dynamo.onnx', feeds: textFeeds(8, 16, 640), groups: 6, fused: 7 },
  ];
  for (const { path, feeds, ...counts } of models) {
    const exported = await readModel(fixture(path));
    const expected = await runModel(exported, feeds, POOLED);
    for (const [model, groups] of [
      [exported, counts.groups],
      [fuse(exported).model, counts.fused],
    ] as const) {
      const folded = smoothed(model, wildStats(model));
      assert.is(folded.into.length, groups, path);
      const actual = await runModel(folded.model, feeds, POOLED);
      actual.forEach((vector, i) => {
        const difference = apart(vector, expected[i]!);
        assert.ok(difference < 1e-5, `${path} differs by ${difference}`);
      });
      assert.not.equal(actual, expected, 'something was folded');
    }
  }
});

smoothing('folded: norms, layers, the values of attention', async () => {
  await staysEqual(
    build((g, x) => linear(g, norm(g, x))),
    ['/norm/LayerNormalization'],
  );
  await staysEqual(
    build((g, x) => linear(g, linear(g, x))),
    ['/linear/MatMul'],
  );
  await staysEqual(
    build((g, x) => {
      const [q, k, v] = [linear(g, x), linear(g, norm(g, x)), linear(g, g.node('/v', 'Tanh', [x]))];
      return linear(g, attention(g, [q, k, v]));
    }),
    ['/norm/LayerNormalization', '/linear/MatMul_2'],
  );
  await staysEqual(
    build((g, x) => {
      const products = [1, 2, 3].map((i) =>
        g.node('/apart', 'MatMul', [x, g.weight(`packed.${i}`, [8, 8], 'linear')]),
      );
      return linear(g, attention(g, products, [g.weight('packed.bias', [24], 'bias')]));
    }),
    ['/apart/MatMul_2'],
  );
});

smoothing(
  'folded into a norm that ONNX Runtime has fused with the residual, which itself is left alone',
  async () => {
    await staysEqual(
      build((g, x) => {
        const weights = [g.weight('skip.gamma', [8], 'scale'), g.weight('skip.beta', [8], 'bias')];
        const outputs = ['skipped', '', '', 'sum'];
        const inputs = [x, g.node('/other', 'Tanh', [x]), ...weights];
        const domain = 'com.microsoft';
        const name = '/skip';
        g.model.graph.node.push(makeNode('SkipLayerNormalization', { name, domain, inputs, outputs }));
        return g.node('/residual', 'Add', [linear(g, 'skipped'), linear(g, 'sum')]);
      }),
      ['/skip'],
    );
  },
);

smoothing('folded through rows that are moved or taken', async () => {
  await staysEqual(
    build((g, x) => linear(g, g.node('/turn', 'Transpose', [norm(g, x)], { perm: [1n, 0n, 2n] }))),
    ['/norm/LayerNormalization'],
  );
  await staysEqual(
    build((g, x) => linear(g, g.node('/take', 'Gather', [norm(g, x), g.int('/take', 2)], { axis: 1n }))),
    ['/norm/LayerNormalization'],
  );
});

smoothing('not folded: what is not linear, or seen by others', async () => {
  const cases: ((g: GraphBuilder, x: string) => string)[] = [
    // Through a function.
    (g, x) => linear(g, g.node('/between', 'Tanh', [linear(g, x)])),
    // The norm feeds the residual too.
    (g, x) => {
      const normal = norm(g, x);
      return g.node('/residual', 'Add', [normal, linear(g, normal)]);
    },
    // It is an output.
    (g, x) => {
      const normal = norm(g, x);
      g.model.graph.output.push(create(ValueInfoProtoSchema, { name: normal }));
      return linear(g, normal);
    },
    // The weight is that of another layer too.
    (g, x) => {
      const w = g.weight('tied', [8, 8], 'linear');
      return g.node('/second', 'MatMul', [g.node('/first', 'MatMul', [norm(g, x), w]), w]);
    },
    // Channels are moved, or taken.
    (g, x) => {
      const square = g.node('/square', 'Gather', [norm(g, x), g.ints('/square', [0, 1, 2, 0, 1, 2, 0, 1])], {
        axis: 1n,
      });
      return linear(g, g.node('/turn', 'Transpose', [square], { perm: [0n, 2n, 1n] }));
    },
    (g, x) =>
      linear(
        g,
        g.node('/take', 'Gather', [norm(g, x), g.ints('/take', [7, 6, 5, 4, 3, 2, 1, 0])], { axis: 2n }),
      ),
    // The values are the queries too.
    (g, x) => {
      const v = linear(g, x);
      return linear(g, attention(g, [v, linear(g, g.node('/k', 'Tanh', [x])), v]));
    },
  ];
  for (const make of cases) await staysEqual(build(make), []);
});

smoothing('random graphs stay equal, whatever is folded in them', async () => {
  const step = fc.constantFrom(
    'norm',
    'linear',
    'gemm',
    'tanh',
    'scale',
    'shift',
    'residual',
    'skip',
    'attention',
  );
  let folds = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 2, maxLength: 10 }),
      fc.integer({ min: 1, max: 99 }),
      async (steps, seed) => {
        const model = build((g, x) => {
          let value = x;
          const earlier = [x];
          steps.forEach((kind, i) => {
            const weight = (shape: number[], role: 'linear' | 'scale' | 'bias') =>
              g.weight(`${kind}.${i}.${role}`, shape, role);
            switch (kind) {
              case 'norm':
                value = norm(g, value);
                break;
              case 'linear':
                value = linear(g, value);
                break;
              case 'gemm': {
                const flat = g.node('/flat', 'Reshape', [value, g.ints('/flat', [6, 8])]);
                const out = g.node('/gemm', 'Gemm', [flat, weight([8, 8], 'linear'), weight([8], 'bias')], {
                  transB: 1n,
                });
                const again = g.node('/gemm', 'Gemm', [out, g.weight(`again.${i}`, [8, 8], 'linear')]);
                value = g.node('/deep', 'Reshape', [again, g.ints('/deep', [2, 3, 8])]);
                break;
              }
              case 'tanh':
                value = g.node('/tanh', 'Tanh', [value]);
                break;
              case 'scale':
                value = g.node('/scale', 'Mul', [weight([8], 'scale'), value]);
                break;
              case 'shift':
                value = g.node('/shift', 'Add', [value, weight([8], 'bias')]);
                break;
              case 'residual':
                value = g.node('/residual', 'Add', [value, earlier[(seed + i) % earlier.length]!]);
                break;
              case 'skip':
                value = earlier[(seed * i) % earlier.length]!;
                break;
              case 'attention': {
                const heads = (name: string, from: string) => {
                  const product = g.node(`/${name}`, 'MatMul', [
                    from,
                    g.weight(`${name}.${i}`, [8, 8], 'linear'),
                  ]);
                  const split = g.node(`/${name}`, 'Reshape', [product, g.ints(`/${name}`, [0, 0, 2, 4])]);
                  return g.node(`/${name}`, 'Transpose', [split], { perm: [0n, 2n, 1n, 3n] });
                };
                const [q, v] = [heads('q', value), heads('v', value)];
                const k = g.node('/k', 'Transpose', [q], { perm: [0n, 1n, 3n, 2n] });
                const scores = g.node('/scores', 'Softmax', [g.node('/scores', 'MatMul', [q, k])], {
                  axis: -1n,
                });
                const mixed = g.node('/mixed', 'Transpose', [g.node('/mixed', 'MatMul', [scores, v])], {
                  perm: [0n, 2n, 1n, 3n],
                });
                value = linear(g, g.node('/joined', 'Reshape', [mixed, g.ints('/joined', [0, 0, 8])]));
                break;
              }
            }
            earlier.push(value);
          });
          return value;
        });
        const [expected] = await runModel(model, [SMALL_FEED], 'y');
        const folded = smoothed(model, wildStats(model, seed));
        folds += folded.into.length;
        const [actual] = await runModel(folded.model, [SMALL_FEED], 'y');
        assert.ok(apart(actual!, expected!) < 2e-5, `differs by ${apart(actual!, expected!)}`);
      },
    ),
    { numRuns: 60 },
  );
  assert.ok(folds > 40, `${folds} folds`);
});

const SIZE = { hidden: 192, layers: 4, heads: 4, mlp: 256 };
const TOWERS = [
  {
    feeds: pictures(64),
    make: (places: readonly OutlierPlace[]) =>
      visionTower({ ...SIZE, image: 64, patch: 16 }, planted(places)),
  },
  {
    feeds: textFeeds(8, 16, 448),
    make: (places: readonly OutlierPlace[]) =>
      textTower({ ...SIZE, vocabulary: 448, positions: 16 }, planted(places)),
  },
];

function planted(places: readonly OutlierPlace[]) {
  return withOutliers(randomWeights(SIZE.layers), { places, factor: 100 });
}

smoothing('planted outliers: plain int8 fails, smoothed int8 holds; exported and fused', async () => {
  const places = ['norm', 'attention'] as const;
  for (const { feeds, make } of TOWERS) {
    const expected = await runModel(make([]), feeds, POOLED);
    const outlying = await runModel(make(places), feeds, POOLED);
    outlying.forEach((vector, i) => assert.ok(apart(vector, expected[i]!) < 1e-4, 'the same function'));
    for (const open of [() => make(places), () => fuse(make(places)).model]) {
      const stats = await collectStats(open(), feeds);
      const [failing, holding] = [open(), open()];
      quantize(failing);
      const plain = meanCosine(await runModel(failing, feeds, POOLED), expected);
      assert.ok(plain < 0.99, `plain int8: ${plain}`);
      const { smoothed: groups } = quantize(holding, { smoothing: { stats, alpha: 0.5 } });
      assert.ok(groups.length >= 3 * SIZE.layers);
      const held = meanCosine(await runModel(holding, feeds, POOLED), expected);
      assert.ok(held > 0.999, `smoothed: ${held}`);
    }
  }
});

smoothing('planted outliers behind GELU cannot be smoothed: the layers after it have to stay', async () => {
  for (const { feeds, make } of TOWERS) {
    const expected = await runModel(make(['mlp']), feeds, POOLED);
    const stats = await collectStats(make(['mlp']), feeds);
    const quality = async (keep: Set<string>) => {
      const model = make(['mlp']);
      quantize(model, { keep, smoothing: { stats, alpha: 0.5 } });
      return meanCosine(await runModel(model, feeds, POOLED), expected);
    };
    const names = quantizableLayers(make(['mlp'])).map(({ name }) => name);
    const all = await quality(NOTHING);
    assert.ok(all < 0.998, `smoothed: ${all}`);
    const some = await quality(new Set(names.filter((name) => /layers.*fc2/.test(name))));
    assert.ok(some > 0.999, `with fc2 in float32: ${some}`);
  }
});

smoothing('layers that stay in float32 make up for it in float32', async () => {
  const model = await readModel(fixture('tiny-siglip/onnx/vision_model.onnx'));
  const feeds = pictures(64);
  const expected = await runModel(model, feeds, POOLED);
  const stats = await collectStats(model, feeds);
  const names = quantizableLayers(model).map(({ name }) => name);
  const keep = new Set(names.filter((name) => !name.includes('q_proj')));
  const { smoothed: groups, kept } = quantize(model, {
    keep,
    smoothing: { stats, alpha: 0.5 },
  });
  // Those without a quantised layer are left alone.
  assert.is(groups.length, 3);
  for (const { layers } of groups) assert.is(layers.length, 3);
  assert.is(kept.length, names.length - 3);
  assert.ok(meanCosine(await runModel(model, feeds, POOLED), expected) > 0.999);
});

smoothing.run();
