// Recognises multi-head attention as exporters write it out: split into heads, scores, softmax, mix, join.
//
// What leads to the two products and away from the second are reshapes, transposes and picks, different from exporter
// to exporter. They are not matched node by node: it is worked out where every axis comes from, and that must be right.
import { sameShape, type Dim } from '../facts/dims.js';
import type { Facts } from '../facts/facts.js';
import { isOperator, type Graph } from '../graph.js';
import { intAttribute } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';
import { joinOf, type Join } from './attention-join.js';
import { operandOf, type Operand } from './attention-operand.js';
import { uniformValue } from './uniform.js';
import { unscaled } from './view.js';

/** Attention that has been recognised. */
export interface Attention {
  query: Operand;
  key: Operand;
  value: Operand;
  heads: number;
  /** What the scores are multiplied by. */
  scale: number;
  /** Added to the scores. */
  mask: string | undefined;
  /** What the mask must be stretched to before it is `[1 or batch, 1 or heads, tokens, key tokens]`, as it must be. */
  stretch: readonly Dim[] | undefined;
  join: Join;
}

interface Scores {
  query: string;
  key: string;
  scale: number;
  mask: string | undefined;
  shape: readonly Dim[];
}

// Where Softmax began to go over the last axis unless told otherwise.
const LAST_AXIS_OPSET = 13;

/**
 * @param graph - of the node
 * @param facts - of the graph
 * @param softmax - a Softmax node
 * @returns the attention around it, or why it is not one that can be replaced
 */
export function matchAttention(graph: Graph, facts: Facts, softmax: NodeProto): Attention | string {
  const rank = facts.shapeOf(softmax.input[0])?.length;
  // The first two axes may be one.
  if (rank !== 4 && rank !== 3) return 'its scores are not known to be [batch, heads, tokens, tokens]';
  const axis = intAttribute(softmax, 'axis', (graph.model.opset() ?? 0) < LAST_AXIS_OPSET ? 1 : -1);
  if (![-1, rank - 1].includes(axis)) return 'not over the last axis';
  const mix = mixOf(graph, softmax);
  if (!mix) return 'its result is not multiplied with values alone';
  const scores = matchScores(graph, facts, softmax.input[0] ?? '');
  if (scores?.shape.length !== rank)
    return 'its scores are not a product of query and key with a scale and a mask';
  if (mix.guarded && scores.mask !== undefined) return 'it gives zeros where everything is masked';
  const find = (name: string, tokens: number, size: number) =>
    facts.shapeOf(name)?.length === rank ? operandOf(graph, facts, name, tokens, size) : undefined;
  const query = find(scores.query, rank - 2, rank - 1);
  const key = find(scores.key, rank - 1, rank - 2);
  const value = find(mix.node.input[1] ?? '', rank - 2, rank - 1);
  // Of three axes, the first is known to hold heads only where they are seen to be split.
  if (!query || !key || !value || (rank === 3 && query.shape[2] === 1))
    return 'query, key and value are not [batch, tokens, heads * size], split into heads';
  const [batch, tokens, heads, size] = query.shape;
  const [, keyTokens] = key.shape;
  const agree =
    sameShape([batch, heads, size], [key.shape[0], ...key.shape.slice(2)]) &&
    sameShape([batch, keyTokens, heads], value.shape.slice(0, 3));
  if (!agree) return 'the shapes of query, key and value do not agree, or are not known to';
  // Zero would mean another scale, the operator's own.
  const scale = scores.scale * query.scale * key.scale;
  if (value.scale !== 1 || Math.fround(scale) === 0 || !Number.isFinite(Math.fround(scale)))
    return 'its values are scaled, or its scale is no number';
  const join = joinOf(graph, facts, mix.node, heads);
  if (!join) return 'the heads are not joined again, or values in between are used elsewhere';

  const { mask } = scores;
  const full = [batch, heads, tokens, keyTokens] as const;
  const maskShape = mask === undefined ? full : facts.shapeOf(mask);
  if (!fitsInto(maskShape, full)) return 'its mask does not stretch to [batch, heads, tokens, key tokens]';
  const stretch =
    maskShape?.length === 4 && sameShape(maskShape.slice(2), full.slice(2)) ? undefined : full.slice(2);
  return { query, key, value, heads, scale, mask, stretch, join };
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

// mask + scale * (query x key); exporters also scale query and key themselves, at any place.
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
  const { name: inner = name, scale } = unscaled(graph, graph.producerOf(name));
  const [query, key] = graph.producerOfType(inner, 'MatMul')?.input ?? [];
  const shape = facts.shapeOf(inner);
  return query === undefined || key === undefined || !shape
    ? undefined
    : { query, key, scale, mask: undefined, shape };
}
