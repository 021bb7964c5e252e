// Random small graphs for property tests: arbitrary operators among the patterns that the passes look for, whole and
// with a flaw.
import fc from 'fast-check';
import { DataType } from '../../dist/esm/optimize/onnx/proto.js';
import type { OnnxModel } from '../../dist/esm/optimize/onnx/model.js';
import { GraphBuilder } from '../../bench/models/graph-builder.js';
import { randomWeights } from '../../bench/models/random-weights.js';
import { crossAttention } from './cross-attention.js';

/** Every value that a step takes and gives is `[batch, TOKENS, WIDTH]`. */
export const TOKENS = 4;
/** See {@link TOKENS}. */
export const WIDTH = 8;

/** What one step does: numbers choose among variants and among the values there are. */
export interface Step {
  kind: (typeof KINDS)[number];
  picks: readonly number[];
}

const KINDS = [
  ...['arithmetic', 'constant', 'unary', 'linear', 'products', 'identity', 'shapes', 'moved', 'halves'],
  ...['layerNorm', 'layerNorm', 'gelu', 'gelu', 'gelu', 'attention', 'attention', 'attention'],
  ...['pooling', 'pooling', 'pooling'],
] as const;

/** Steps of a graph, and what of it is put out besides its end. */
export const randomGraph = fc.record({
  steps: fc.array(
    fc.record({
      kind: fc.constantFrom(...KINDS),
      picks: fc.array(fc.nat(1000), { minLength: 24, maxLength: 24 }),
    }),
    { minLength: 1, maxLength: 6 },
  ),
  exposed: fc.array(fc.nat(1000), { maxLength: 3 }),
  input: fc.constantFrom('sizes', 'symbols', 'nothing'),
});

/**
 * @param graph - a value of {@link randomGraph}
 * @returns a model from `x` to `y`
 */
export function buildGraph({
  steps,
  exposed,
  input,
}: typeof randomGraph extends fc.Arbitrary<infer T> ? T : never): OnnxModel {
  const g = new GraphBuilder(randomWeights(1));
  const sizes = input === 'symbols' ? ['batch', 'tokens', 'width'] : ['batch', TOKENS, WIDTH];
  g.input('x', DataType.FLOAT, input === 'nothing' ? ['a', 'b', 'c'] : sizes);
  const values = ['x'];
  steps.forEach(({ kind, picks }, i) => {
    const choices = [...picks];
    const pick = (count: number) => (choices.shift() ?? 0) % count;
    const value = () => values[values.length - 1 - pick(values.length)] as string;
    values.push(STEPS[kind]!({ g, scope: `/step${i}`, pick, value }));
  });
  g.node('/end', 'Identity', [values.at(-1) as string], {}, 'y');
  g.output('y', DataType.FLOAT, ['batch', TOKENS, WIDTH]);
  const names = g.model.graph.node
    .filter(({ opType }) => opType !== 'Constant')
    .map(({ output }) => output[0] as string);
  for (const name of new Set(exposed.map((i) => names[i % names.length] as string))) {
    if (name !== 'y') g.untypedOutput(name);
  }
  return g.model;
}

interface Context {
  g: GraphBuilder;
  scope: string;
  pick: (count: number) => number;
  value: () => string;
}

const STEPS: Record<string, (context: Context) => string> = {
  arithmetic: ({ g, scope, pick, value }) => {
    const op = ['Add', 'Sub', 'Mul', 'Max'][pick(4)] as string;
    return bounded(g, scope, g.node(scope, op, [value(), value()]));
  },
  constant: ({ g, scope, pick, value }) => {
    const constants = [
      () => g.float(scope, pick(5) - 1),
      () => g.weight(`${scope}.a`, [WIDTH], 'scale'),
      () => g.weight(`${scope}.b`, [TOKENS, 1], 'bias'),
      () => g.weight(`${scope}.c`, [1, TOKENS, WIDTH], 'bias'),
    ];
    const op = ['Add', 'Mul', 'Sub'][pick(3)] as string;
    const operands = [value(), constants[pick(4)]!()];
    return g.node(scope, op, pick(2) === 0 ? operands : operands.reverse());
  },
  unary: ({ g, scope, pick, value }) =>
    g.node(scope, ['Tanh', 'Sigmoid', 'Softmax', 'Abs', 'Neg', 'Relu'][pick(6)] as string, [value()]),
  linear: ({ g, scope, pick, value }) => linear(g, scope, pick, value()),
  products: ({ g, scope, value }) => {
    const turned = g.node(scope, 'Transpose', [value()], { perm: [0n, 2n, 1n] });
    const square = g.node(scope, 'MatMul', [turned, value()]);
    return bounded(g, scope, g.node(scope, 'MatMul', [value(), square]));
  },
  identity: ({ g, scope, pick, value }) => {
    const x = value();
    const kinds = [
      () => g.node(scope, 'Identity', [x]),
      () => g.node(scope, 'Cast', [x], { to: 1n }),
      () => g.node(scope, 'Cast', [g.node(scope, 'Cast', [x], { to: 6n })], { to: 1n }),
      () => g.node(scope, 'Reshape', [x, g.ints(scope, [0, TOKENS, -1])]),
      () => g.node(scope, 'Transpose', [x], { perm: [0n, 1n, 2n] }),
      () =>
        g.node(scope, 'Squeeze', [g.node(scope, 'Unsqueeze', [x, g.ints(scope, [1])]), g.ints(scope, [1])]),
    ];
    return kinds[pick(kinds.length)]!();
  },
  shapes: ({ g, scope, pick, value }) => {
    const x = value();
    const shape = g.node(scope, 'Shape', [value()]);
    const part = (axis: number) => {
      const scalar = g.node(scope, 'Gather', [shape, g.int(scope, axis)], { axis: 0n });
      return g.node(scope, 'Unsqueeze', [scalar, g.ints(scope, [0])]);
    };
    const rest = pick(3);
    const parts = [0, 1, 2].map((axis) => (axis === rest ? g.ints(scope, [-1]) : part(axis)));
    return g.node(scope, 'Reshape', [x, g.node(scope, 'Concat', parts, { axis: 0n })]);
  },
  moved: ({ g, scope, pick, value }) => {
    const weight = g.weight(`${scope}.w`, [3 * WIDTH, WIDTH], 'linear');
    const from = pick(3) * WIDTH;
    const cut = g.node(scope, 'Slice', [
      weight,
      g.ints(scope, [from]),
      g.ints(scope, [from + WIDTH]),
      g.ints(scope, [0]),
    ]);
    const turned = pick(2) === 0 ? cut : g.node(scope, 'Transpose', [cut], { perm: [1n, 0n] });
    return g.node(scope, 'MatMul', [value(), turned]);
  },
  halves: ({ g, scope, pick, value }) => {
    const x = value();
    const at = 1 + pick(WIDTH - 1);
    const half = (from: number, to: number) =>
      g.node(scope, 'Slice', [x, g.ints(scope, [from]), g.ints(scope, [to]), g.ints(scope, [-1])]);
    return g.node(scope, 'Concat', [half(at, 2 ** 31), half(0, at)], { axis: 2n });
  },
  // Larger epsilons than real ones: they bound how much a normalisation can enlarge the last bits of what comes in.
  layerNorm: ({ g, scope, pick, value }) => {
    const x = value();
    const axis = pick(6) === 0 ? 1 : [-1, 2][pick(2)]!;
    const mean = g.node(scope, 'ReduceMean', [x], { axes: [BigInt(axis)] });
    const centred = g.node(scope, 'Sub', [x, mean]);
    const square =
      pick(2) === 0
        ? g.node(scope, 'Pow', [centred, g.float(scope, 2)])
        : g.node(scope, 'Mul', [centred, centred]);
    const variance = g.node(scope, 'ReduceMean', [square], { axes: [BigInt(axis)] });
    const epsilon = g.float(scope, [1e-3, 1e-2, 0.1][pick(3)]!);
    const sum = swapped(g, scope, 'Add', [variance, epsilon], pick);
    const normal = g.node(scope, 'Div', [pick(8) === 0 ? x : centred, g.node(scope, 'Sqrt', [sum])]);
    const sizes = [[WIDTH], [WIDTH], [WIDTH], [1], [TOKENS, 1]][pick(5)] as number[];
    const scaled = swapped(g, scope, 'Mul', [normal, g.weight(`${scope}.scale`, sizes, 'scale')], pick);
    const bias = pick(8) === 0 ? value() : g.weight(`${scope}.bias`, [WIDTH], 'bias');
    return swapped(g, scope, 'Add', [scaled, bias], pick);
  },
  gelu: ({ g, scope, pick, value }) => {
    const x = pick(2) === 0 ? linear(g, scope, pick, value()) : value();
    const flaw = pick(6) === 0 ? 1.01 : 1;
    const mul = (a: string, b: string) => swapped(g, scope, 'Mul', [a, b], pick);
    const add = (a: string, b: string) => swapped(g, scope, 'Add', [a, b], pick);
    const number = (n: number) => g.float(scope, n);
    const cubic = 0.044715 * flaw;
    const root = Math.sqrt(2 / Math.PI);
    const angles = [
      () => mul(number(root), add(x, mul(number(cubic), mul(x, mul(x, x))))),
      () => mul(add(x, mul(number(cubic), g.node(scope, 'Pow', [x, number(3)]))), number(root)),
      () => mul(mul(x, number(root)), add(number(1), mul(mul(number(cubic), x), x))),
      () => mul(x, add(number(root), mul(number(root * cubic), g.node(scope, 'Pow', [x, number(2)])))),
    ];
    const bracket = add(number(1), g.node(scope, 'Tanh', [angles[pick(4)]!()]));
    const half = number(pick(6) === 0 ? 0.6 : 0.5);
    const wholes = [
      () => mul(half, mul(x, bracket)),
      () => mul(mul(half, x), bracket),
      () => mul(mul(half, bracket), x),
    ];
    return wholes[pick(3)]!();
  },
  attention: (context) => attention(context),
  pooling: ({ g, scope, pick, value }) => {
    const [x, target] = [value(), value()];
    const masks = [[TOKENS], [1, 1, TOKENS], [TOKENS, TOKENS], [TOKENS, 1]];
    const query = (['tiled', 'expanded', 'value'] as const)[pick(3)]!;
    const pooled = crossAttention(g, scope, x, target, [TOKENS, WIDTH], {
      heads: [1, 2, 4][pick(3)]!,
      query,
      packed: (['gather', 'split', 'slice', 'apart'] as const)[pick(4)]!,
      tokensFirst: pick(4) === 0,
      scaled: (['query', 'early', 'key', 'scores'] as const)[pick(4)]!,
      biases: pick(3) !== 0,
      mask: pick(3) === 0 ? masks[pick(query === 'value' ? 4 : 2)] : undefined,
      flaw: (
        [
          ...Array<undefined>(9),
          'interleaved',
          'mixed',
          'tokens',
          'join',
          'axis',
          'value',
          'exposed',
        ] as const
      )[pick(16)],
    });
    return g.node(scope, 'Add', [x, pooled]);
  },
};

function attention({ g, scope, pick, value }: Context): string {
  const heads = [1, 2, 4][pick(3)]!;
  const size = WIDTH / heads;
  const input = value();
  const source = pick(2) === 0 ? input : value();
  const split = (name: string, x: string) => {
    const projected = pick(4) === 0 ? x : linear(g, `${scope}/${name}`, pick, x);
    const shape = [
      [0, TOKENS, heads, size],
      [-1, TOKENS, heads, size],
      [0, 0, -1, size],
    ][pick(3)] as number[];
    return g.node(`${scope}/${name}`, 'Reshape', [projected, g.ints(scope, shape)]);
  };
  const turn = (x: string, perm: number[]) => g.node(scope, 'Transpose', [x], { perm: perm.map(BigInt) });
  const scaled = (x: string) => (pick(3) === 0 ? g.node(scope, 'Mul', [x, g.float(scope, 0.6)]) : x);
  const query = scaled(turn(split('q', input), [0, 2, 1, 3]));
  const key = split('k', source);
  const keys = pick(2) === 0 ? turn(key, [0, 2, 3, 1]) : turn(turn(key, [0, 2, 1, 3]), [0, 1, 3, 2]);
  const values = turn(split('v', pick(6) === 0 ? value() : source), [0, 2, 1, 3]);
  const product = g.node(scope, 'MatMul', [query, scaled(keys)]);
  const scores = pick(3) === 0 ? g.node(scope, 'Div', [product, g.float(scope, 2)]) : product;
  const masks = [
    () => g.weight(`${scope}.mask`, [1, 1, TOKENS, TOKENS], 'embedding'),
    () => g.weight(`${scope}.mask`, [1, heads, TOKENS, TOKENS], 'embedding'),
    () => g.weight(`${scope}.mask`, [TOKENS], 'embedding'),
    () => g.node(scope, 'Expand', [g.float(scope, 0.25), g.ints(scope, [1, 1, TOKENS, TOKENS])]),
  ];
  const masked = pick(2) === 0 ? scores : swapped(g, scope, 'Add', [scores, masks[pick(4)]!()], pick);
  let weights = g.node(scope, 'Softmax', [masked], { axis: pick(8) === 0 ? 2n : -1n });
  if (pick(3) === 0) {
    weights = g.node(scope, 'Where', [g.node(scope, 'IsNaN', [weights]), g.float(scope, 0), weights]);
  }
  const mixed = turn(g.node(scope, 'MatMul', [weights, values]), [0, 2, 1, 3]);
  return g.node(scope, 'Reshape', [mixed, g.ints(scope, [0, TOKENS, pick(2) === 0 ? WIDTH : -1])]);
}

function linear(g: GraphBuilder, scope: string, pick: Context['pick'], x: string): string {
  const product = g.node(scope, 'MatMul', [
    x,
    g.weight(`${scope}.weight`, [WIDTH, WIDTH], 'linear', `${scope}.w`),
  ]);
  return swapped(
    g,
    scope,
    'Add',
    [product, g.weight(`${scope}.bias`, [WIDTH], 'embedding', `${scope}.b`)],
    pick,
  );
}

function swapped(
  g: GraphBuilder,
  scope: string,
  op: string,
  operands: string[],
  pick: Context['pick'],
): string {
  return g.node(scope, op, pick(2) === 0 ? operands : operands.reverse());
}

// So that long chains of products stay within what float32 tells apart.
function bounded(g: GraphBuilder, scope: string, x: string): string {
  return g.node(scope, 'Mul', [g.node(scope, 'Tanh', [x]), g.float(scope, 2)]);
}
