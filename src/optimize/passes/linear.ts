// Linear layers: a product with a constant matrix, and a vector that is added.
import type { Facts } from '../facts/facts.js';
import type { Graph } from '../graph.js';
import { DataType, type NodeProto, type TensorProto } from '../onnx/proto.js';
import { isOfType, shapeOf } from '../onnx/tensor.js';

/** `input * weight`, in float32. */
export interface MatrixProduct {
  node: NodeProto;
  input: string;
  /** Name of the weight, `[rows, columns]`. */
  weight: string;
  tensor: TensorProto;
  rows: number;
  columns: number;
}

/**
 * @param graph - of the value
 * @param facts - of the graph
 * @param name - of a value
 * @returns the product that makes it, if one does
 */
export function matrixProductOf(graph: Graph, facts: Facts, name: string): MatrixProduct | undefined {
  const node = graph.producerOfType(name, 'MatMul');
  const [input = '', weight = ''] = node?.input ?? [];
  const tensor = graph.constantOf(weight);
  if (!node || !tensor || !isOfType(tensor, DataType.FLOAT) || !facts.isFloat32(input)) return undefined;
  const [rows, columns, ...others] = shapeOf(tensor);
  if (rows === undefined || columns === undefined || others.length > 0) return undefined;
  return { node, input, weight, tensor, rows, columns };
}

/**
 * @param graph - of the value
 * @param facts - of the graph
 * @param name - of a value
 * @returns what it is without the constant vector, one number a channel, that is added to it; itself when there is none
 */
export function withoutBias(
  graph: Graph,
  facts: Facts,
  name: string,
): { input: string; bias: string | undefined } {
  const sum = graph.producerOfType(name, 'Add');
  for (const bias of sum?.input ?? []) {
    const tensor = graph.constantOf(bias);
    const input = sum?.input.find((each) => each !== bias);
    const size = facts.shapeOf(input)?.at(-1);
    if (!tensor || input === undefined || size === undefined) continue;
    const shape = shapeOf(tensor);
    if (shape.length === 1 && shape[0] === size) return { input, bias };
  }
  return { input: name, bias: undefined };
}
