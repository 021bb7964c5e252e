// The layers that can be quantised: products of activations with a constant matrix.
import { isOperator, type Graph } from '../graph.js';
import { floatAttribute, intAttribute } from '../onnx/attributes.js';
import { DataType, type NodeProto, type TensorProto } from '../onnx/proto.js';
import { isOfType, shapeOf } from '../onnx/tensor.js';

/** A layer as the outside knows it. */
export interface Layer {
  /** The name of its node; of the node's output where the node has none of its own. */
  name: string;
  /** Channels that go in: the rows of the weight. */
  inputs: number;
  /** Channels that come out: the columns of the weight. */
  outputs: number;
}

/** A layer in its graph. */
export interface Product extends Layer {
  node: NodeProto;
  /** The value that goes in. */
  activation: string;
  /** The value that comes out. */
  result: string;
  weight: TensorProto;
  /** Name of the value that the weight is. */
  weightName: string;
  /** The weight is stored as `[outputs, inputs]`. */
  transposed: boolean;
}

/**
 * @param product - a layer
 * @returns the value that its Gemm adds; undefined where there is none
 */
export function addendOf({ node }: Product): string | undefined {
  return node.input[2] === '' ? undefined : node.input[2];
}

/**
 * @param graph - to look through
 * @returns its layers, in the order in which they run
 */
export function productsOf(graph: Graph): Product[] {
  const names = new Set<string>();
  return graph.nodes.flatMap((node) => {
    const product = productOf(graph, node);
    if (!product) return [];
    // A name stands for one layer only.
    if (product.name === '' || names.has(product.name)) product.name = product.result;
    names.add(product.name);
    return [product];
  });
}

function productOf(graph: Graph, node: NodeProto): Product | undefined {
  const gemm = isOperator(node, 'Gemm');
  if (!gemm && !isOperator(node, 'MatMul')) return undefined;
  if (gemm && !isPlain(node)) return undefined;
  const [activation = '', weightName = ''] = node.input;
  const weight = graph.constantOf(weightName);
  if (!weight || graph.constantOf(activation)) return undefined;
  const shape = shapeOf(weight);
  if (!isOfType(weight, DataType.FLOAT) || shape.length !== 2 || shape.includes(0)) return undefined;
  const transposed = gemm && intAttribute(node, 'transB', 0) !== 0;
  const [inputs, outputs] = (transposed ? shape.reverse() : shape) as [number, number];
  return {
    name: node.name,
    inputs,
    outputs,
    node,
    activation,
    result: node.output[0] ?? '',
    weight,
    weightName,
    transposed,
  };
}

// y = x * W + c, and nothing more.
function isPlain(gemm: NodeProto): boolean {
  return (
    intAttribute(gemm, 'transA', 0) === 0 &&
    floatAttribute(gemm, 'alpha', 1) === 1 &&
    floatAttribute(gemm, 'beta', 1) === 1
  );
}
