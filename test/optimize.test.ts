// Fusing the reference models: both exporters, both towers; and what is no such model.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Tensor } from 'onnxruntime-node';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VisionError } from '../dist/esm/errors.js';
import { SemanticVision } from '../dist/esm/index.js';
import { parseModel, readModel } from '../dist/esm/optimize/onnx/read.js';
import { writeModel } from '../dist/esm/optimize/onnx/write.js';
import { fuse } from '../dist/esm/optimize/optimize.js';
import { randomWeights } from '../bench/models/random-weights.js';
import { visionTower } from '../bench/models/towers.js';
import { ROOT, TINY_MODEL, fixture, photo, photoNames } from './helpers/fixtures.js';
import { bytesOf, floats, found, ids, near, run } from './helpers/onnx.js';

interface Golden {
  file: string;
  feeds: (batch: number) => Record<string, Tensor>;
  layerNorm: number;
  attention: number;
  gelu: number;
  /** Pooling heads, whose one query is known. */
  query: number;
  /** Nodes after fusing, at most. */
  nodes: number;
}

const pixels = (size: number) => (batch: number) => ({ pixel_values: floats([batch, 3, size, size]) });
const tokens = (limit: number) => (batch: number) => ({ input_ids: ids([batch, 16], limit) });
const GOLDEN: Golden[] = [
  {
    file: 'tiny-siglip/onnx/vision_model.onnx',
    feeds: pixels(64),
    layerNorm: 8,
    attention: 4,
    gelu: 4,
    query: 1,
    nodes: 76,
  },
  {
    file: 'tiny-siglip/onnx/text_model.onnx',
    feeds: tokens(448),
    layerNorm: 7,
    attention: 3,
    gelu: 3,
    query: 0,
    nodes: 55,
  },
  {
    file: 'tiny-siglip2/onnx/vision_model.onnx',
    feeds: pixels(96),
    layerNorm: 6,
    attention: 3,
    gelu: 3,
    query: 1,
    nodes: 62,
  },
  {
    file: 'tiny-siglip2/onnx/vision_model_dynamo.onnx',
    feeds: pixels(96),
    layerNorm: 0,
    attention: 3,
    gelu: 3,
    query: 1,
    nodes: 53,
  },
  {
    file: 'tiny-siglip2/onnx/text_model_dynamo.onnx',
    feeds: tokens(300),
    layerNorm: 0,
    attention: 2,
    gelu: 2,
    query: 0,
    nodes: 35,
  },
];

const optimize = suite('fuse');

for (const { file, feeds, layerNorm, attention, gelu, query, nodes } of GOLDEN) {
  optimize(`${file}: every pattern is found, the outputs stay`, async () => {
    const model = await readModel(fixture(file));
    const before = bytesOf(model);
    const { model: fused, report } = fuse(model);
    assert.ok(report.recognised);
    const counts = found(report.passes);
    assert.is(counts['fuse-layer-norm'], layerNorm);
    assert.is(counts['fuse-attention'], attention);
    assert.is(counts['fuse-gelu'], gelu);
    assert.is(counts['fold-query'], query);
    assert.is(counts['keep-pooled-output'], 1);
    assert.equal(
      report.passes.flatMap((pass) => pass.left),
      [],
    );
    assert.ok(fused.graph.node.length <= nodes, `${fused.graph.node.length} nodes`);
    assert.equal(
      fused.graph.output.map(({ name }) => name),
      ['pooler_output'],
    );
    assert.ok(before.equals(bytesOf(model)), 'the model that was given is unchanged');
    for (const batch of [1, 3]) {
      const expected = await run(model, feeds(batch));
      const actual = await run(fused, feeds(batch));
      near(actual.pooler_output, expected.pooler_output, 1e-5, `batch of ${batch}`);
    }
  });
}

optimize('a fused model embeds photos as before, by the way of a downloaded one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-fused-'));
  cpSync(TINY_MODEL, folder, { recursive: true });
  const path = join(folder, 'onnx', 'vision_model.onnx');
  const { model } = fuse(await readModel(path));
  await writeModel(model, path, { externalData: true });
  const before = await SemanticVision.create({ model: TINY_MODEL, workers: 1 });
  const after = await SemanticVision.create({ model: folder, workers: 1 });
  for (const name of photoNames.slice(0, 10)) {
    const [expected, actual] = [await before.embedImage(photo(name)), await after.embedImage(photo(name))];
    actual.vector.forEach((value, i) => {
      assert.ok(Math.abs(value - (expected.vector[i] as number)) < 1e-5, `${name} at ${i}`);
    });
  }
  await before.close();
  await after.close();
  rmSync(folder, { recursive: true });
});

optimize('fusing what is fused changes nothing more', async () => {
  const { model } = fuse(await readModel(fixture('tiny-siglip/onnx/vision_model.onnx')));
  const { model: again, report } = fuse(model);
  assert.not(report.recognised);
  assert.is(again, model);
});

optimize('a graph without the patterns is left as it was', async () => {
  for (const name of ['vision_model.onnx', 'text_model.onnx']) {
    const path = join(ROOT, 'models', 'bundled', name);
    const model = await readModel(path);
    const { model: same, report } = fuse(model);
    assert.is(same, model);
    assert.not(report.recognised);
    assert.ok(readFileSync(path).equals(bytesOf(same)));
  }
});

optimize('a quantised tower: what is still written out is fused', async () => {
  const model = await readModel(fixture('tiny-siglip2/onnx/vision_model_quantized.onnx'));
  const { model: fused, report } = fuse(model);
  const counts = found(report.passes);
  assert.is(counts['fuse-layer-norm'], 6);
  assert.is(counts['fuse-attention'], 3);
  assert.is(counts['fuse-gelu'], 3);
  const feeds = { pixel_values: floats([1, 3, 96, 96]) };
  const [expected, actual] = [await run(model, feeds), await run(fused, feeds)];
  // A last bit that differs moves whole steps of the quantisation behind it.
  near(actual.pooler_output, expected.pooler_output, 0.05);
});

optimize('a damaged model: fused, or refused as one', () => {
  const bytes = readFileSync(fixture('tiny-siglip2/onnx/vision_model.onnx'));
  // The nodes come first, the weights behind them.
  const flips = fc.array(fc.tuple(fc.integer({ min: 0, max: 120_000 }), fc.nat(7)), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(flips, (places) => {
      const damaged = Buffer.from(bytes);
      for (const [at, bit] of places) damaged[at] = (damaged[at] as number) ^ (1 << bit);
      try {
        fuse(parseModel(damaged, 'damaged.onnx'));
      } catch (error) {
        if (!(error instanceof VisionError)) throw error;
        assert.is(error.code, 'MODEL_INVALID', error.message);
      }
    }),
    { numRuns: 400 },
  );
});

optimize('large models: weights are shared with the model that was given, not copied', () => {
  const model = visionTower(
    { hidden: 32, layers: 2, heads: 2, mlp: 48, image: 16, patch: 8 },
    randomWeights(2),
  );
  const { model: fused } = fuse(model);
  const own = new Set(model.graph.initializer.map(({ rawData }) => rawData));
  const large = fused.graph.initializer.filter(({ name }) => name.startsWith('onnx::MatMul'));
  assert.is(large.length, 14);
  for (const { rawData, name } of large) assert.ok(own.has(rawData), name);
});

optimize.run();
