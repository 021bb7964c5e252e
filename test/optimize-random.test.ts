// Property: whatever the graph, no pass changes what it computes.
import fc from 'fast-check';
import type { Tensor } from 'onnxruntime-node';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Graph } from '../dist/esm/optimize/graph.js';
import type { OnnxModel } from '../dist/esm/optimize/onnx/model.js';
import { fuse } from '../dist/esm/optimize/optimize.js';
import { dropIdentities } from '../dist/esm/optimize/passes/drop-identities.js';
import { foldConstants } from '../dist/esm/optimize/passes/fold-constants.js';
import { fuseAttention } from '../dist/esm/optimize/passes/fuse-attention.js';
import { fuseGelu } from '../dist/esm/optimize/passes/fuse-gelu.js';
import { fuseLayerNorm } from '../dist/esm/optimize/passes/fuse-layer-norm.js';
import { groundShapes } from '../dist/esm/optimize/passes/ground-shapes.js';
import { keepPooledOutput } from '../dist/esm/optimize/passes/keep-pooled-output.js';
import type { Pass } from '../dist/esm/optimize/passes/pass.js';
import { removeDead } from '../dist/esm/optimize/passes/remove-dead.js';
import { floats, found, run } from './helpers/onnx.js';
import { TOKENS, WIDTH, buildGraph, randomGraph } from './helpers/random-graph.js';

const PASSES: Pass[] = [
  removeDead,
  foldConstants,
  groundShapes,
  dropIdentities,
  fuseLayerNorm,
  fuseAttention,
  fuseGelu,
  keepPooledOutput,
];
const GRAPHS = Number(process.env.RANDOM_GRAPHS ?? 150);

function numbersOf(tensor: Tensor | undefined): number[] {
  return Array.from((tensor?.data ?? []) as ArrayLike<number | bigint>, Number);
}

function differences(actual: Tensor | undefined, expected: Tensor | undefined): number[] {
  const others = numbersOf(actual);
  return numbersOf(expected).map((value, i) => {
    const other = others[i] as number;
    return Object.is(value, other) || (Number.isNaN(value) && Number.isNaN(other))
      ? 0
      : Math.abs(value - other);
  });
}

function largest(values: readonly number[]): number {
  return values.reduce((max, value) => Math.max(max, value), 0);
}

// Other kernels round otherwise, and some graphs enlarge that: how much, their own answer to other last bits tells.
function same(
  actual: Record<string, Tensor>,
  expected: Record<string, Tensor>,
  nudged: Record<string, Tensor>,
  what: string,
): void {
  assert.equal(Object.keys(actual).sort(), Object.keys(expected).sort(), what);
  for (const [name, tensor] of Object.entries(expected)) {
    assert.equal(actual[name]?.dims, tensor.dims, `${what}: shape of ${name}`);
    const size = largest(numbersOf(tensor).filter(Number.isFinite).map(Math.abs));
    const limit = 1e-5 * Math.max(1, size) + 30 * largest(differences(nudged[name], tensor));
    const worst = largest(differences(actual[name], tensor));
    assert.ok(worst <= limit, `${what}: ${name} differs by ${worst}, more than ${limit}`);
  }
}

const random = suite('passes on random graphs');

random('each pass alone, and all of them, give the same outputs', async () => {
  const totals: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(randomGraph, fc.integer({ min: 1, max: 3 }), async (description, batch) => {
      const model = buildGraph(description);
      const x = floats([batch, TOKENS, WIDTH], batch);
      const other = floats([batch, TOKENS, WIDTH], batch);
      (other.data as Float32Array).forEach((value, i, all) => {
        all[i] = value * (1 + (i % 2 === 0 ? 1e-6 : -1e-6));
      });
      const expected = await run(model, { x });
      const nudged = await run(model, { x: other });
      const check = async (changed: OnnxModel, what: string) =>
        same(await run(changed, { x }), expected, nudged, what);
      for (const pass of PASSES) {
        const graph = new Graph(model);
        const report = pass(graph);
        if (report.found > 0) await check(graph.model, report.name);
      }
      const { model: fused, report } = fuse(model);
      if (report.recognised) await check(fused, 'all');
      for (const [name, count] of Object.entries(found(report.passes)))
        totals[name] = (totals[name] ?? 0) + count;
    }),
    { numRuns: GRAPHS, includeErrorInReport: true },
  );
  // The graphs do hold what the passes look for.
  for (const name of [
    'fuse-layer-norm',
    'fuse-attention',
    'fold-query',
    'fuse-gelu',
    'fold-constants',
    'drop-identities',
  ]) {
    assert.ok((totals[name] ?? 0) > 0, `${name} found nothing in ${GRAPHS} graphs`);
  }
});

random.run();
