// What is told of a graph's values before it runs, against what they are when it does.
import fc from 'fast-check';
import type { Tensor } from 'onnxruntime-node';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { broadcast, clamp, divide, multiply, type Dim } from '../dist/esm/optimize/facts/dims.js';
import { Facts } from '../dist/esm/optimize/facts/facts.js';
import { Graph } from '../dist/esm/optimize/graph.js';
import { copyWith, create, ValueInfoProtoSchema } from '../dist/esm/optimize/onnx/proto.js';
import { OnnxModel } from '../dist/esm/optimize/onnx/model.js';
import { readModel } from '../dist/esm/optimize/onnx/read.js';
import { fuse } from '../dist/esm/optimize/optimize.js';
import { fixture } from './helpers/fixtures.js';
import { floats, ids, run } from './helpers/onnx.js';

// What ONNX Runtime calls the types that the models hold.
const TYPES = new Map([
  ['float32', 1],
  ['uint8', 2],
  ['int8', 3],
  ['int32', 6],
  ['int64', 7],
  ['bool', 9],
]);

// Every value is an output.
function laidOpen(model: OnnxModel): OnnxModel {
  const { graph } = model;
  const named = new Set(graph.output.map(({ name }) => name));
  const inner = graph.node.flatMap(({ output }) => output).filter((name) => name !== '' && !named.has(name));
  return new OnnxModel(
    copyWith(model.proto, {
      graph: copyWith(graph, {
        output: [...graph.output, ...inner.map((name) => create(ValueInfoProtoSchema, { name }))],
      }),
    }),
    model.folder,
  );
}

// Symbols must stand for the same size wherever they are; those of the inputs are known.
class Symbols {
  readonly #sizes = new Map<string, number>();

  check(dim: Dim, size: number, what: string): void {
    if (typeof dim === 'number') {
      assert.is(dim, size, what);
      return;
    }
    const [first = '', ...rest] = dim.split('*');
    const factor = /^\d+$/.test(first) ? Number(first) : 1;
    const symbols = factor === 1 && !/^\d+$/.test(first) ? [first, ...rest] : rest;
    if (symbols.length !== 1) return;
    const [symbol = ''] = symbols;
    const known = this.#sizes.get(symbol) ?? size / factor;
    this.#sizes.set(symbol, known);
    assert.is(known * factor, size, `${what}: ${dim}`);
  }
}

async function compare(
  model: OnnxModel,
  feeds: Record<string, Tensor>,
): Promise<{ known: number; all: number }> {
  const facts = new Facts(new Graph(model));
  const symbols = new Symbols();
  const results = await run(laidOpen(model), feeds);
  for (const [name, { dims }] of Object.entries(feeds)) {
    facts.shapeOf(name)?.forEach((dim, i) => symbols.check(dim, dims[i] as number, name));
  }
  let known = 0;
  for (const [name, { type, dims, data }] of Object.entries(results)) {
    const fact = facts.of(name);
    if (fact.type !== undefined) assert.is(fact.type, TYPES.get(type), `type of ${name}`);
    if (fact.shape) {
      known++;
      assert.is(fact.shape.length, dims.length, `rank of ${name}`);
      fact.shape.forEach((dim, i) => symbols.check(dim, dims[i] as number, `shape of ${name}`));
    }
    fact.ints?.forEach((dim, i) =>
      symbols.check(dim, Number((data as BigInt64Array)[i]), `element ${i} of ${name}`),
    );
  }
  return { known, all: Object.keys(results).length };
}

const facts = suite('facts');

for (const [file, feeds] of [
  ['tiny-siglip/onnx/vision_model.onnx', (batch: number) => ({ pixel_values: floats([batch, 3, 64, 64]) })],
  ['tiny-siglip/onnx/text_model.onnx', (batch: number) => ({ input_ids: ids([batch, 16], 448) })],
  ['tiny-siglip/onnx/text_model.onnx', (batch: number) => ({ input_ids: ids([batch, 7], 448) })],
  [
    'tiny-siglip2/onnx/vision_model_dynamo.onnx',
    (batch: number) => ({ pixel_values: floats([batch, 3, 96, 96]) }),
  ],
  ['tiny-siglip2/onnx/text_model_dynamo.onnx', (batch: number) => ({ input_ids: ids([batch, 16], 300) })],
  [
    'tiny-siglip2/onnx/vision_model_quantized.onnx',
    (batch: number) => ({ pixel_values: floats([batch, 3, 96, 96]) }),
  ],
] as const) {
  facts(
    `${file}: every type, shape and number is what it is when it runs, before and after fusing`,
    async () => {
      const model = await readModel(fixture(file));
      const { model: fused } = fuse(model);
      for (const each of [model, fused]) {
        for (const batch of [1, 2, 5]) {
          const { known, all } = await compare(each, feeds(batch));
          assert.ok(known >= 0.99 * all, `${known} of ${all} shapes are known`);
        }
      }
    },
  );
}

const dim = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom('a', 'b', 'c'));
const valueOf = (product: Dim, sizes: Record<string, number>): number =>
  String(product)
    .split('*')
    .reduce((total, part) => total * (sizes[part] ?? Number(part)), 1);

facts('products of symbols multiply and divide as the sizes do', () => {
  const sizes = { a: 2, b: 3, c: 5 };
  fc.assert(
    fc.property(fc.array(dim, { minLength: 1 }), fc.array(dim), (part, rest) => {
      const whole = multiply([...rest, ...part].reverse());
      assert.is(valueOf(whole, sizes), valueOf(multiply(part), sizes) * valueOf(multiply(rest), sizes));
      assert.is(divide(whole, multiply(part)), multiply(rest));
    }),
  );
  assert.is(divide(7, 2), undefined);
  assert.is(divide('a', 'b'), undefined);
  assert.is(divide('a', 0), undefined);
  assert.is(multiply([]), 1);
});

facts('broadcast: known sizes win, unknown ones that differ make a new one', () => {
  const fresh = () => 'new';
  assert.equal(broadcast(['a', 1, 3], [4, 1], fresh), ['a', 4, 3]);
  assert.equal(broadcast(['a', 5], ['a', 'b'], fresh), ['a', 5]);
  assert.equal(broadcast(['a'], ['b'], fresh), ['new']);
  assert.equal(broadcast([], [2, 'a'], fresh), [2, 'a']);
  assert.equal(broadcast(['a', clamp('b', 16)], [clamp('a', 16), 'b'], fresh), ['a', 'b']);
  assert.equal(broadcast([clamp('a', 16)], [clamp('a', 4)], fresh), ['new']);
});

facts.run();
