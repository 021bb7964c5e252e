// Recognises multi-head attention as exporters write it out: split into heads, scores, softmax, mix, join.
import { sameShape, type Dim } from '../facts/dims.js';
import type { Facts } from '../facts/facts.js';
import { isOperator, type Graph } from '../graph.js';
import { intAttribute, intsAttribute } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';
import { uniformValue } from './uniform.js';

/** Attention that has been recognised. Query, key and value are `[batch, tokens, heads * size]`. */
export interface Attention {
  /** Makes the result, `[batch, tokens, heads * size]`. */
  last: NodeProto;
  query: string;
  key: string;
  value: string;
  heads: number;
  /** What the scores are multiplied by. */
  scale: number;
  /** Added to the scores. */
  mask: string | undefined;
  /** What the mask must be stretched to before it is `[1 or batch, 1 or heads, tokens, key tokens]`, as it must be. */
  stretch: readonly Dim[] | undefined;
}

/** One of query, key and value, from before it was split into heads. */
interface Split {
  source: string;
  /** `[batch, tokens, heads, size]`. */
  shape: readonly [Dim, Dim, Dim, Dim];
}

interface Scores {
  query: string;
  key: string;
  scale: number;
  mask: string | undefined;
  shape: readonly Dim[];
}

/**
 * @param graph - of the node
 * @param facts - of the graph
 * @param softmax - a Softmax node
 * @returns the attention around it, or why it is not one that can be replaced
 */
export function matchAttention(graph: Graph, facts: Facts, softmax: NodeProto): Attention | string {
  const rank = facts.shapeOf(softmax.input[0])?.length;
  if (rank !== 4) return 'its scores are not known to be [batch, heads, tokens, tokens]';
  if (![-1, rank - 1].includes(intAttribute(softmax, 'axis', -1))) return 'not over the last axis';
  const mix = mixOf(graph, softmax);
  if (!mix) return 'its result is not multiplied with values alone';
  const last = joined(graph, mix.node);
  if (!last) return 'the heads are not joined again, or values in between are used elsewhere';
  const scores = matchScores(graph, facts, softmax.input[0] ?? '');
  if (!scores) return 'its scores are not a product of query and key with a scale and a mask';
  if (mix.guarded && scores.mask !== undefined) return 'it gives zeros where everything is masked';
  const value = splitOf(graph, facts, mix.node.input[1] ?? '', [0, 2, 1, 3]);
  const query = splitOf(graph, facts, scores.query, [0, 2, 1, 3]);
  const key = splitOf(graph, facts, scores.key, [0, 2, 3, 1]);
  if (!query || !key || !value)
    return 'query, key and value are not [batch, tokens, heads * size], split into heads';

  const [batch, tokens, heads, size] = query.shape;
  const [keyBatch, keyTokens, keyHeads, keySize] = key.shape;
  const agree =
    sameShape([batch, heads, size], [keyBatch, keyHeads, keySize]) &&
    sameShape(key.shape.slice(0, 3), value.shape.slice(0, 3)) &&
    typeof heads === 'number' &&
    sameShape(facts.shapeOf(last.output[0]), [batch, tokens, joinedSize(heads, value.shape[3])]);
  if (!agree) return 'the shapes of query, key and value do not agree, or are not known to';
  const { mask, scale } = scores;
  const full = [batch, heads, tokens, keyTokens] as const;
  const maskShape = mask === undefined ? full : facts.shapeOf(mask);
  if (!fitsInto(maskShape, full)) return 'its mask does not stretch to [batch, heads, tokens, key tokens]';
  const stretch =
    maskShape?.length === 4 && sameShape(maskShape.slice(2), full.slice(2)) ? undefined : full.slice(2);
  return { last, query: query.source, key: key.source, value: value.source, heads, scale, mask, stretch };
}

function joinedSize(heads: number, size: Dim): Dim {
  return typeof size === 'number' ? heads * size : `?${heads}*${size}`;
}

function fitsInto(shape: readonly Dim[] | undefined, full: readonly Dim[]): boolean {
  const offset = full.length - (shape?.length ?? 0);
  return offset >= 0 && (shape?.every((dim, i) => dim === 1 || dim === full[offset + i]) ?? false);
}

// softmax -> MatMul, or by way of Where(IsNaN(weights), 0, weights), which the dynamo exporter adds.
function mixOf(graph: Graph, softmax: NodeProto): { node: NodeProto; guarded: boolean } | undefined {
  const [weights = ''] = softmax.output;
  const direct = graph.onlyUserOf(weights, 'MatMul');
  if (direct) return direct.input[0] === weights ? { node: direct, guarded: false } : undefined;
  const where = graph.usersOf(weights).find((user) => isOperator(user, 'Where'));
  const test = graph.producerOfType(where?.input[0], 'IsNaN');
  if (!where || test?.input[0] !== weights || where.input[2] !== weights) return undefined;
  if (
    graph.isExposed(weights) ||
    graph.usersOf(weights).length !== 2 ||
    uniformValue(graph, where.input[1]) !== 0
  ) {
    return undefined;
  }
  const node = graph.onlyUserOf(where.output[0], 'MatMul');
  return node && node.input[0] === where.output[0] ? { node, guarded: true } : undefined;
}

function joined(graph: Graph, mix: NodeProto): NodeProto | undefined {
  const turned = graph.onlyUserOf(mix.output[0], 'Transpose');
  return isPermuted(turned, [0, 2, 1, 3]) ? graph.onlyUserOf(turned?.output[0], 'Reshape') : undefined;
}

// mask + scale * (query x key); exporters also scale query and key themselves.
function matchScores(graph: Graph, facts: Facts, name: string): Scores | undefined {
  const whole = matchProduct(graph, facts, name);
  if (whole) return whole;
  const [a = '', b = ''] = graph.producerOfType(name, 'Add')?.input ?? [];
  const left = matchProduct(graph, facts, a);
  const product = left ?? matchProduct(graph, facts, b);
  const mask = left ? b : a;
  if (!product || !facts.isFloat32(mask)) return undefined;
  // The softmax of scores does not change when all of them grow by the same.
  const fits = fitsInto(facts.shapeOf(mask), product.shape);
  return fits && Number.isFinite(uniformValue(graph, mask)) ? product : { ...product, mask };
}

function matchProduct(graph: Graph, facts: Facts, name: string): Scores | undefined {
  const outer = unscaled(graph, name);
  const product = graph.producerOfType(outer.name, 'MatMul');
  const shape = facts.shapeOf(outer.name);
  const [left, right] = product?.input ?? [];
  if (left === undefined || right === undefined || !shape) return undefined;
  const query = unscaled(graph, left);
  const key = unscaled(graph, right);
  const scale = outer.scale * query.scale * key.scale;
  return { query: query.name, key: key.name, scale, mask: undefined, shape };
}

function unscaled(graph: Graph, name: string): { name: string; scale: number } {
  const node = graph.producerOf(name);
  const [a = '', b = ''] = node?.input ?? [];
  const divisor = node && isOperator(node, 'Div') ? graph.scalarOf(b) : undefined;
  if (divisor !== undefined) return { name: a, scale: 1 / divisor };
  if (!node || !isOperator(node, 'Mul')) return { name, scale: 1 };
  const [left, right] = [graph.scalarOf(a), graph.scalarOf(b)];
  if (right !== undefined) return { name: a, scale: right };
  return left === undefined ? { name, scale: 1 } : { name: b, scale: left };
}

// Back through the transposes to where [batch, tokens, heads * size] was split. `perm` is what they amount to.
function splitOf(graph: Graph, facts: Facts, name: string, perm: readonly number[]): Split | undefined {
  let at = name;
  let left = perm;
  for (;;) {
    const node = graph.producerOf(at);
    if (!node) return undefined;
    if (isOperator(node, 'Transpose')) {
      const given = intsAttribute(node, 'perm') ?? [];
      if (given.length !== 4) return undefined;
      // What is left is the permutation before this one.
      left = given.map((_, i) => left[given.indexOf(i)] as number);
    } else if (isOperator(node, 'Reshape') && isPlain(left)) {
      const source = node.input[0] ?? '';
      const shape = facts.shapeOf(node.output[0]);
      const [batch, tokens, heads, size] = shape ?? [];
      const known = batch !== undefined && tokens !== undefined && heads !== undefined && size !== undefined;
      if (!known || typeof heads !== 'number' || typeof size !== 'number' || !facts.isFloat32(source))
        return undefined;
      const whole = sameShape(facts.shapeOf(source), [batch, tokens, heads * size]);
      return whole ? { source, shape: [batch, tokens, heads, size] } : undefined;
    } else {
      const detour = flattenedTranspose(graph, facts, node);
      if (detour === undefined) return undefined;
      at = detour;
      left = [0, 1, 3, 2].map((i) => left[i] as number);
      continue;
    }
    at = node.input[0] ?? '';
  }
}

// The dynamo exporter turns the last two axes by way of [batch * heads, tokens, size].
function flattenedTranspose(graph: Graph, facts: Facts, node: NodeProto): string | undefined {
  const turned = isOperator(node, 'Reshape') ? graph.producerOfType(node.input[0], 'Transpose') : undefined;
  const flat = isPermuted(turned, [0, 2, 1]) ? graph.producerOfType(turned?.input[0], 'Reshape') : undefined;
  const [source = ''] = flat?.input ?? [];
  const before = facts.shapeOf(source);
  const between = facts.shapeOf(flat?.output[0]);
  const after = facts.shapeOf(node.output[0]);
  if (before?.length !== 4 || after?.length !== 4 || !sameShape(between?.slice(1), before.slice(2)))
    return undefined;
  const swapped = [before[0], before[1], before[3], before[2]] as Dim[];
  return sameShape(after, swapped) ? source : undefined;
}

function isPermuted(node: NodeProto | undefined, perm: readonly number[]): boolean {
  return node !== undefined && isPlain(perm, intsAttribute(node, 'perm'));
}

function isPlain(perm: readonly number[], expected: readonly number[] = [0, 1, 2, 3]): boolean {
  return perm.length === expected.length && perm.every((axis, i) => axis === expected[i]);
}
