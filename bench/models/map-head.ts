// SigLIP's pooling head for images: a learned probe attends to all patches (PyTorch's MultiheadAttention, exported).
import { DataType } from '../../dist/esm/optimize/onnx/proto.js';
import { makeTensor } from '../../dist/esm/optimize/onnx/tensor.js';
import { asList, dimension, layerNorm, mlp, parameter, reshape, transpose, type TowerSize } from './blocks.js';
import type { GraphBuilder } from './graph-builder.js';

const TO_THE_END = 2n ** 63n - 1n;

/**
 * @param g - the graph
 * @param scope - of the head
 * @param x - `[batch, tokens, hidden]`
 * @param size - of the tower
 * @param tokens - which the exporter bakes in
 * @param output - name of the pooled output, `[batch, hidden]`
 */
export function mapHead(
  g: GraphBuilder,
  scope: string,
  x: string,
  size: TowerSize,
  tokens: number,
  output: string,
): void {
  const batch = dimension(g, scope, x, 0);
  const times = () =>
    g.node(scope, 'Concat', [asList(g, scope, batch), g.ints(scope, [1]), g.ints(scope, [1])], { axis: 0n });
  const repeats = times();
  const ones = g.node(scope, 'ConstantOfShape', [g.node(scope, 'Shape', [times()])], {
    value: makeTensor('', DataType.INT64, [1], BigInt64Array.of(1n)),
  });
  const probe = g.weight(parameter(scope, 'probe'), [1, 1, size.hidden], 'embedding');
  const queries = g.node(scope, 'Tile', [g.node(scope, 'Expand', [probe, ones]), repeats]);
  const pooled = attention(g, `${scope}/attention`, queries, x, size, tokens);
  const normal = layerNorm(g, `${scope}/layernorm`, pooled, size.hidden);
  const sum = g.node(scope, 'Add', [pooled, mlp(g, `${scope}/mlp`, normal, size)]);
  g.node(scope, 'Gather', [sum, g.int(scope, 0)], { axis: 1n }, output);
}

function attention(
  g: GraphBuilder,
  scope: string,
  queries: string,
  x: string,
  { hidden, heads }: TowerSize,
  tokens: number,
): string {
  const target = transpose(g, scope, queries, [1, 0, 2]);
  const source = transpose(g, scope, x, [1, 0, 2]);
  const length = dimension(g, scope, target, 0);
  const batch = dimension(g, scope, target, 1);
  const width = dimension(g, scope, target, 2);
  const quotient = g.node(scope, 'Div', [width, g.int(scope, heads)]);
  const perHead = g.node(scope, 'Cast', [g.node(scope, 'Cast', [quotient], { to: 7n })], { to: 7n });

  const { query, keyValue, inWidth } = project(g, scope, target, source, hidden);
  const [key, value] = unpack(g, scope, keyValue, inWidth);
  const groups = g.node(scope, 'Mul', [batch, g.int(scope, heads)]);
  const byHead = (rows: string, values: string) =>
    reshape(g, scope, values, [rows, asList(g, scope, groups), asList(g, scope, perHead)]);
  const q = transpose(g, scope, byHead(asList(g, scope, length), query), [1, 0, 2]);
  const sourceLength = () => g.ints(scope, [tokens]);
  const k = byHead(sourceLength(), key);
  const v = transpose(g, scope, byHead(sourceLength(), value), [1, 0, 2]);
  const scaled = g.node(scope, 'Mul', [q, g.float(scope, (hidden / heads) ** -0.5)]);
  const scores = g.node(scope, 'MatMul', [scaled, transpose(g, scope, k, [1, 2, 0])]);
  const weights = g.node(scope, 'Softmax', [scores], { axis: -1n });
  const mixed = transpose(g, scope, g.node(scope, 'MatMul', [weights, v]), [1, 0, 2]);

  const rows = g.node(scope, 'Mul', [length, batch]);
  const flat = reshape(g, scope, mixed, [asList(g, scope, rows), asList(g, scope, width)]);
  const out = g.node(
    scope,
    'Gemm',
    [
      flat,
      g.weight(parameter(scope, 'out_proj.weight'), [hidden, hidden], 'linear'),
      g.weight(parameter(scope, 'out_proj.bias'), [hidden], 'bias'),
    ],
    { alpha: 1, beta: 1, transB: 1n },
  );
  const outWidth = dimension(g, scope, out, 1);
  const parts = [length, batch, outWidth].map((scalar) => asList(g, scope, scalar));
  return transpose(g, scope, reshape(g, scope, out, parts), [1, 0, 2]);
}

// The packed weight of query, key and value is cut where the width, a part of the input's shape, says.
function project(g: GraphBuilder, scope: string, target: string, source: string, hidden: number) {
  const zeroAxis = g.ints(scope, [0]);
  const last = g.node(scope, 'Slice', [
    g.node(scope, 'Shape', [target]),
    g.ints(scope, [-1]),
    g.ints(scope, [TO_THE_END]),
    zeroAxis,
  ]);
  const inWidth = g.node(scope, 'Squeeze', [last, g.ints(scope, [0])]);
  const twice = g.node(scope, 'Mul', [inWidth, g.int(scope, 2)]);
  const cut = (packed: string): [first: string, rest: string] => {
    const one = asList(g, scope, inWidth);
    const two = asList(g, scope, twice);
    const axis = g.ints(scope, [0]);
    const middle = g.node(scope, 'Add', [g.ints(scope, [0]), one]);
    const first = g.node(scope, 'Slice', [packed, g.ints(scope, [0]), middle, axis]);
    const end = g.node(scope, 'Add', [middle, two]);
    return [first, g.node(scope, 'Slice', [packed, middle, end, axis])];
  };
  const weights = cut(g.weight(parameter(scope, 'in_proj_weight'), [3 * hidden, hidden], 'linear'));
  const biases = cut(g.weight(parameter(scope, 'in_proj_bias'), [3 * hidden], 'bias'));
  const apply = (x: string, weight: string, bias: string) =>
    g.node(scope, 'Add', [bias, g.node(scope, 'MatMul', [x, transpose(g, scope, weight, [1, 0])])]);
  return {
    query: apply(target, weights[0], biases[0]),
    keyValue: apply(source, weights[1], biases[1]),
    inWidth,
  };
}

// [tokens, batch, 2 * width] -> two of [tokens, batch, width].
function unpack(g: GraphBuilder, scope: string, packed: string, width: string): [key: string, value: string] {
  const inner = g.node(scope, 'Concat', [g.ints(scope, [2]), asList(g, scope, width)], { axis: 0n });
  const axis = g.node(scope, 'Mod', [g.ints(scope, [2]), g.ints(scope, [3])]);
  const shape = g.node(scope, 'Shape', [packed]);
  const before = g.node(scope, 'Slice', [
    shape,
    g.ints(scope, [0]),
    g.node(scope, 'Reshape', [axis, g.ints(scope, [1])]),
  ]);
  const next = g.node(scope, 'Add', [axis, g.ints(scope, [1])]);
  const after = g.node(scope, 'Slice', [
    shape,
    g.node(scope, 'Reshape', [next, g.ints(scope, [1])]),
    g.ints(scope, [TO_THE_END]),
  ]);
  const pairs = g.node(scope, 'Unsqueeze', [reshape(g, scope, packed, [before, inner, after]), g.ints(scope, [0])]);
  const stacked = g.node(scope, 'Squeeze', [transpose(g, scope, pairs, [3, 1, 2, 0, 4]), g.ints(scope, [3])]);
  const take = (i: number) => g.node(scope, 'Gather', [stacked, g.int(scope, i)], { axis: 0n });
  return [take(0), take(1)];
}
