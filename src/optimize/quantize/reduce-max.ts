// ReduceMax in the form that a model's version of ONNX's operators has.
import type { Graph } from '../graph.js';
import { makeNode } from '../onnx/attributes.js';
import { DataType, type NodeProto } from '../onnx/proto.js';

// Where the axes became an input.
const AXES_INPUT_OPSET = 18;

/** Of which value, along which axis. */
export interface Reduction {
  input: string;
  output: string;
  /** May be negative: from the end. */
  axis: number;
  /** Whether the axis stays, of length 1. */
  keep: boolean;
}

/**
 * @param graph - may get a constant
 * @param reduction - what
 * @returns the node, which belongs to no graph yet
 */
export function reduceMax(graph: Graph, { input, output, axis, keep }: Reduction): NodeProto {
  const keepdims = keep ? 1n : 0n;
  if ((graph.model.opset() ?? 0) < AXES_INPUT_OPSET) {
    const attributes = { axes: [BigInt(axis)], keepdims };
    return makeNode('ReduceMax', { name: output, inputs: [input], outputs: [output], attributes });
  }
  const axes = graph.addConstant(`${output}_axes`, DataType.INT64, [1], BigInt64Array.of(BigInt(axis)));
  return makeNode('ReduceMax', {
    name: output,
    inputs: [input, axes],
    outputs: [output],
    attributes: { keepdims },
  });
}
