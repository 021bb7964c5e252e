// Rules of operators that multiply and sum.
import { intAttribute, intsAttribute, stringAttribute } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';
import { atAxis, axesOf } from './common.js';
import { broadcast, type Dim } from './dims.js';
import { NOTHING, type Fact, type RuleInput } from './fact.js';

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function attention(input: RuleInput): Fact[] {
  const {
    inputs: [query = NOTHING, , value = NOTHING],
  } = input;
  const [batch, tokens] = query.shape ?? [];
  const width = value.shape?.[2];
  const known = batch !== undefined && tokens !== undefined && width !== undefined;
  return [{ type: query.type, shape: known ? [batch, tokens, width] : undefined }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function matmul(input: RuleInput): Fact[] {
  const {
    inputs: [a = NOTHING, b = NOTHING],
    fresh,
  } = input;
  const rows = a.shape?.at(-2);
  const columns = b.shape?.at(-1);
  if (!a.shape || !b.shape || rows === undefined || columns === undefined || b.shape.length < 2)
    return [{ type: a.type }];
  return [
    { type: a.type, shape: [...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2), fresh), rows, columns] },
  ];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function fusedMatmul(input: RuleInput): Fact[] {
  const { node, inputs } = input;
  const turned = ['transA', 'transB'].map((name, i): Fact => {
    const { type, shape } = inputs[i] ?? NOTHING;
    const [rows, columns] = shape?.slice(-2) ?? [];
    const swap = intAttribute(node, name, 0) !== 0 && rows !== undefined && columns !== undefined;
    return { type, shape: swap ? [...(shape ?? []).slice(0, -2), columns, rows] : shape };
  });
  return matmul({ ...input, inputs: turned });
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function gemm(input: RuleInput): Fact[] {
  const {
    node,
    inputs: [a = NOTHING, b = NOTHING],
  } = input;
  const rows = a.shape?.[intAttribute(node, 'transA', 0) === 1 ? 1 : 0];
  const columns = b.shape?.[intAttribute(node, 'transB', 0) === 1 ? 0 : 1];
  return [{ type: a.type, shape: rows === undefined || columns === undefined ? undefined : [rows, columns] }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function conv(input: RuleInput): Fact[] {
  const {
    node,
    inputs: [x = NOTHING, w = NOTHING],
    fresh,
  } = input;
  const batch = x.shape?.[0];
  const channels = w.shape?.[0];
  if (!x.shape || batch === undefined || channels === undefined) return [{ type: x.type }];
  const sizes = x.shape.slice(2).map((size, i) => steps(node, i, size, w.shape?.[2 + i]) ?? fresh());
  return [{ type: x.type, shape: [batch, channels, ...sizes] }];
}

// How many places a kernel takes along one axis.
function steps(node: NodeProto, axis: number, size: Dim, kernel: Dim | undefined): number | undefined {
  const padding = stringAttribute(node, 'auto_pad', 'NOTSET');
  if (typeof size !== 'number' || typeof kernel !== 'number' || !['NOTSET', 'VALID'].includes(padding))
    return undefined;
  const pads = (padding === 'VALID' ? undefined : intsAttribute(node, 'pads')) ?? [];
  const padded = size + (pads[axis] ?? 0) + (pads[axis + pads.length / 2] ?? 0);
  const reach = (intsAttribute(node, 'dilations')?.[axis] ?? 1) * (kernel - 1) + 1;
  const places = Math.floor((padded - reach) / (intsAttribute(node, 'strides')?.[axis] ?? 1)) + 1;
  return places > 0 && Number.isSafeInteger(places) ? places : undefined;
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function reduce(input: RuleInput): Fact[] {
  const [x = NOTHING] = input.inputs;
  const axes = axesOf(input);
  if (!x.shape || !axes) return [{ type: x.type }];
  const { length } = x.shape;
  const reduced = new Set(axes.map((axis) => atAxis(axis, length)));
  const kept = intAttribute(input.node, 'keepdims', 1) === 1;
  const shape = kept
    ? x.shape.map((dim, i) => (reduced.has(i) ? 1 : dim))
    : x.shape.filter((_, i) => !reduced.has(i));
  return [{ type: x.type, shape }];
}
