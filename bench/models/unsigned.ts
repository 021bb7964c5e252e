// The form of the hub's `*_quantized` files: products of bytes whose weights are unsigned around a zero point.
import { makeNode } from '../../dist/esm/optimize/onnx/attributes.js';
import { Graph } from '../../dist/esm/optimize/graph.js';
import type { OnnxModel } from '../../dist/esm/optimize/onnx/model.js';
import { DataType } from '../../dist/esm/optimize/onnx/proto.js';
import { makeTensor, shapeOf, tensorValues } from '../../dist/esm/optimize/onnx/tensor.js';

const ZERO_POINT = 128;

/**
 * @param quantized - a model with signed weights; is not changed
 * @returns a model that computes the same with unsigned ones
 */
export function withUnsignedWeights(quantized: OnnxModel): OnnxModel {
  const graph = new Graph(quantized);
  const { model } = graph;
  const zero = graph.addConstant('weight_zero_point', DataType.UINT8, [], Uint8Array.of(ZERO_POINT));
  const weights = new Set<string>();
  for (const node of [...graph.nodes]) {
    if (node.opType !== 'MatMulInteger') continue;
    const { name, input, output } = node;
    weights.add(input[1]!);
    graph.replaceNode(
      node,
      makeNode('MatMulInteger', { name, inputs: [...input, zero], outputs: output }),
    );
  }
  model.graph.initializer = model.graph.initializer.map((tensor) => {
    if (!weights.has(tensor.name)) return tensor;
    const bytes = Uint8Array.from(tensorValues(model, tensor) as Int8Array, (byte) => byte + ZERO_POINT);
    return makeTensor(tensor.name, DataType.UINT8, shapeOf(tensor), bytes);
  });
  return model;
}
