// Attention as PyTorch's MultiheadAttention writes it out: tokens before the batch, batch and heads as one axis, key and
// value packed into one layer; in the forms that exporters give it, and with flaws.
import type { GraphBuilder } from '../../bench/models/graph-builder.js';

/** Which form. */
export interface CrossAttention {
  heads: number;
  /** `[1, 1, width]`, repeated for each image, or a value of the tokens' shape. */
  query: 'tiled' | 'expanded' | 'value';
  /** How the packed layers are taken apart. `apart`: three layers. */
  packed: 'gather' | 'split' | 'slice' | 'apart';
  /** Tokens are the first axis of what comes in, not turned that way. */
  tokensFirst: boolean;
  /** What is multiplied. `early`: the query, before it is split into heads. */
  scaled: 'query' | 'early' | 'key' | 'scores';
  biases: boolean;
  /** Shape of what is added to the scores. */
  mask?: readonly number[] | undefined;
  /**
   * `interleaved`: heads of the keys in another order than those of the queries; `mixed`: heads before images there;
   * `tokens`: values of other tokens than the keys, if the layers are apart.
   */
  flaw?: 'interleaved' | 'mixed' | 'tokens' | 'join' | 'axis' | 'value' | 'exposed' | undefined;
}

/** The form that PyTorch 2 gives SigLIP's pooling head. */
export const POOLING: CrossAttention = {
  heads: 2,
  query: 'tiled',
  packed: 'gather',
  tokensFirst: false,
  scaled: 'query',
  biases: true,
};

/**
 * @param g - the graph
 * @param scope - of the nodes
 * @param x - `[batch, tokens, width]`
 * @param target - of the same shape, if the query is a value
 * @param sizes - tokens and width
 * @param form - which form
 * @returns `[batch, queries, width]`: one query, or as many as there are tokens
 */
export function crossAttention(
  g: GraphBuilder,
  scope: string,
  x: string,
  target: string,
  [tokens, width]: readonly [tokens: number, width: number],
  form: CrossAttention,
): string {
  const { heads, packed, scaled, flaw } = form;
  const size = width / heads;
  const rows = form.query === 'value' ? tokens : 1;
  const ints = (...values: number[]) => g.ints(scope, values);
  const turn = (value: string, ...perm: number[]) =>
    g.node(scope, 'Transpose', [value], { perm: perm.map(BigInt) });
  const shape = (value: string, ...sizes: number[]) => g.node(scope, 'Reshape', [value, ints(...sizes)]);
  const times = (value: string, when: CrossAttention['scaled']) =>
    when === scaled ? g.node(scope, 'Mul', [value, g.float(scope, size ** -0.5)]) : value;
  // What is first made with the tokens in front cannot be had the other way round.
  const incoming = (value: string) => {
    const turned = turn(value, 1, 0, 2);
    return form.tokensFirst ? g.node(scope, 'Tanh', [turned]) : turned;
  };
  const linear = (name: string, value: string, columns: number) => {
    const weight = g.weight(`${scope}.${name}.weight`, [width, columns], 'linear');
    const product = g.node(scope, 'MatMul', [value, weight]);
    if (!form.biases) return product;
    return g.node(scope, 'Add', [g.weight(`${scope}.${name}.bias`, [columns], 'embedding'), product]);
  };

  const source = incoming(x);
  const query = times(
    linear('q', incoming(form.query === 'value' ? target : repeated(g, scope, x, width, form)), width),
    'early',
  );
  const [key, value] =
    packed === 'apart'
      ? [linear('k', source, width), linear('v', flaw === 'tokens' ? incoming(target) : source, width)]
      : unpacked(g, scope, linear('kv', source, 2 * width), tokens, width, packed);
  const ofKey = () => {
    if (flaw === 'interleaved')
      return shape(turn(shape(key, tokens, -1, size, heads), 0, 1, 3, 2), tokens, -1, size);
    if (flaw === 'mixed')
      return shape(turn(shape(key, tokens, -1, heads, size), 0, 2, 1, 3), tokens, -1, size);
    return shape(key, tokens, -1, size);
  };
  const queries = times(turn(shape(query, rows, -1, size), 1, 0, 2), 'query');
  const keys = times(turn(ofKey(), 1, 2, 0), 'key');
  const product = times(g.node(scope, 'MatMul', [queries, keys]), 'scores');
  const scores = form.mask
    ? g.node(scope, 'Add', [product, g.weight(`${scope}.mask`, form.mask, 'embedding')])
    : product;
  const weights = g.node(scope, 'Softmax', [scores], { axis: flaw === 'axis' ? 1n : -1n });
  const values = turn(shape(value, tokens, -1, size), 1, 0, 2);
  const mixed = g.node(scope, 'MatMul', [
    weights,
    flaw === 'value' ? g.node(scope, 'Mul', [values, g.float(scope, 0.5)]) : values,
  ]);
  if (flaw === 'exposed') g.untypedOutput(mixed);
  // Heads in the place of tokens, or what is one for the other.
  const back = flaw === 'join' ? shape(mixed, rows, -1, size) : turn(mixed, 1, 0, 2);
  const out = linear('out', shape(back, -1, width), width);
  return turn(shape(out, rows, -1, width), 1, 0, 2);
}

function repeated(
  g: GraphBuilder,
  scope: string,
  x: string,
  width: number,
  { query }: CrossAttention,
): string {
  const probe = g.weight(`${scope}.probe`, [1, 1, width], 'embedding');
  const shape = g.node(scope, 'Shape', [x]);
  const batch = g.node(scope, 'Gather', [shape, g.ints(scope, [0])]);
  const ones = g.ints(scope, [1, query === 'tiled' ? 1 : width]);
  const counts = g.node(scope, 'Concat', [batch, ones], { axis: 0n });
  return g.node(scope, query === 'tiled' ? 'Tile' : 'Expand', [probe, counts]);
}

function unpacked(
  g: GraphBuilder,
  scope: string,
  packed: string,
  tokens: number,
  width: number,
  how: 'gather' | 'split' | 'slice',
): [key: string, value: string] {
  const ints = (...values: number[]) => g.ints(scope, values);
  if (how === 'slice') {
    const cut = (from: number) =>
      g.node(scope, 'Slice', [packed, ints(from), ints(from + width), ints(-1), ints(1)]);
    return [cut(0), cut(width)];
  }
  if (how === 'split') {
    const first = g.node(scope, 'Split', [packed, ints(width, width)], { axis: 2n });
    const second = `${first}_second`;
    g.model.graph.node.at(-1)!.output.push(second);
    return [first, second];
  }
  const pairs = g.node(scope, 'Reshape', [packed, ints(tokens, -1, 2, width)]);
  const turned = g.node(scope, 'Transpose', [g.node(scope, 'Unsqueeze', [pairs, ints(0)])], {
    perm: [3n, 1n, 2n, 0n, 4n],
  });
  const stacked = g.node(scope, 'Squeeze', [turned, ints(3)]);
  const take = (i: number) => g.node(scope, 'Gather', [stacked, g.int(scope, i)], { axis: 0n });
  return [take(0), take(1)];
}
