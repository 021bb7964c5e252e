// The parts that both towers are made of, decomposed as the TorchScript exporter decomposes them (opset 14, eager).
import type { GraphBuilder, WeightRole } from './graph-builder.js';

/** Of one tower. */
export interface TowerSize {
  hidden: number;
  layers: number;
  heads: number;
  mlp: number;
}

/** `layer_norm_eps` of every SigLIP. */
const EPSILON = 1e-6;

/** `/a/b.0/c` -> `a.b.0.c`: the exporter's scopes are PyTorch's modules. */
export function parameter(scope: string, name: string): string {
  return `${scope.slice(1).replaceAll('/', '.')}.${name}`;
}

export function layerNorm(g: GraphBuilder, scope: string, x: string, size: number, output?: string): string {
  const mean = g.node(scope, 'ReduceMean', [x], { axes: [-1n] });
  const centred = g.node(scope, 'Sub', [x, mean]);
  const square = g.node(scope, 'Pow', [centred, g.float(scope, 2)]);
  const variance = g.node(scope, 'ReduceMean', [square], { axes: [-1n] });
  const deviation = g.node(scope, 'Sqrt', [g.node(scope, 'Add', [variance, g.float(scope, EPSILON)])]);
  const normal = g.node(scope, 'Div', [centred, deviation]);
  const scaled = g.node(scope, 'Mul', [normal, g.weight(parameter(scope, 'weight'), [size], 'scale')]);
  return g.node(scope, 'Add', [scaled, g.weight(parameter(scope, 'bias'), [size], 'bias')], {}, output);
}

export function linear(
  g: GraphBuilder,
  scope: string,
  x: string,
  shape: readonly [number, number],
  role: WeightRole = 'linear',
): string {
  const product = g.node(scope, 'MatMul', [x, g.matmulWeight(parameter(scope, 'weight'), shape, role)]);
  return g.node(scope, 'Add', [g.weight(parameter(scope, 'bias'), [shape[1]], 'bias'), product]);
}

export function mlp(g: GraphBuilder, scope: string, x: string, { hidden, mlp }: TowerSize): string {
  const inner = linear(g, `${scope}/fc1`, x, [hidden, mlp]);
  return linear(g, `${scope}/fc2`, tanhGelu(g, `${scope}/activation_fn`, inner), [mlp, hidden], 'residual');
}

function tanhGelu(g: GraphBuilder, scope: string, x: string): string {
  const square = g.node(scope, 'Mul', [x, x]);
  const cube = g.node(scope, 'Mul', [x, square]);
  const inner = g.node(scope, 'Add', [x, g.node(scope, 'Mul', [g.float(scope, 0.044715), cube])]);
  const angle = g.node(scope, 'Mul', [g.float(scope, Math.sqrt(2 / Math.PI)), inner]);
  const one = g.node(scope, 'Add', [g.float(scope, 1), g.node(scope, 'Tanh', [angle])]);
  return g.node(scope, 'Mul', [g.float(scope, 0.5), g.node(scope, 'Mul', [x, one])]);
}

/** The scalar `x.shape[axis]`. */
export function dimension(g: GraphBuilder, scope: string, x: string, axis: number): string {
  const shape = g.node(scope, 'Shape', [x]);
  return g.node(scope, 'Gather', [shape, g.int(scope, axis)], { axis: 0n });
}

/** A scalar as a list of one. */
export function asList(g: GraphBuilder, scope: string, scalar: string): string {
  return g.node(scope, 'Unsqueeze', [scalar, g.ints(scope, [0])]);
}

export function reshape(g: GraphBuilder, scope: string, x: string, parts: readonly string[]): string {
  const shape = g.node(scope, 'Concat', parts, { axis: 0n });
  return g.node(scope, 'Reshape', [x, shape], { allowzero: 0n });
}

export function transpose(g: GraphBuilder, scope: string, x: string, perm: readonly number[]): string {
  return g.node(scope, 'Transpose', [x], { perm: perm.map(BigInt) });
}

export function encoder(g: GraphBuilder, scope: string, x: string, size: TowerSize): string {
  let hidden = x;
  for (let i = 0; i < size.layers; i++) {
    const layer = `${scope}/layers.${i}`;
    const normal = layerNorm(g, `${layer}/layer_norm1`, hidden, size.hidden);
    hidden = g.node(layer, 'Add', [hidden, selfAttention(g, `${layer}/self_attn`, normal, size)]);
    const inner = layerNorm(g, `${layer}/layer_norm2`, hidden, size.hidden);
    hidden = g.node(layer, 'Add', [hidden, mlp(g, `${layer}/mlp`, inner, size)]);
  }
  return hidden;
}

function selfAttention(g: GraphBuilder, scope: string, x: string, { hidden, heads }: TowerSize): string {
  const perHead = hidden / heads;
  const batch = dimension(g, scope, x, 0);
  const tokens = dimension(g, scope, x, 1);
  const rows = () => [asList(g, scope, batch), asList(g, scope, tokens)];
  const split = (name: string) => {
    const projected = linear(g, `${scope}/${name}`, x, [hidden, hidden]);
    return reshape(g, scope, projected, [...rows(), g.ints(scope, [-1]), g.ints(scope, [perHead])]);
  };
  const query = transpose(g, scope, split('q_proj'), [0, 2, 1, 3]);
  const key = transpose(g, scope, split('k_proj'), [0, 2, 3, 1]);
  const value = transpose(g, scope, split('v_proj'), [0, 2, 1, 3]);
  const scores = g.node(scope, 'MatMul', [query, key]);
  const scaled = g.node(scope, 'Mul', [scores, g.float(scope, perHead ** -0.5)]);
  const weights = g.node(scope, 'Softmax', [scaled], { axis: -1n });
  const same = g.node(scope, 'Cast', [g.node(scope, 'Cast', [weights], { to: 1n })], { to: 1n });
  const mixed = transpose(g, scope, g.node(scope, 'MatMul', [same, value]), [0, 2, 1, 3]);
  const joined = reshape(g, scope, mixed, [...rows(), g.ints(scope, [-1])]);
  return linear(g, `${scope}/out_proj`, joined, [hidden, hidden], 'residual');
}
