// Values whose elements are all the same number in every run, as the masks that exporters write where nothing is masked.
import { isOperator, type Graph } from '../graph.js';
import { attribute } from '../onnx/attributes.js';
import { DataType, type NodeProto, type TensorProto } from '../onnx/proto.js';
import { elementCount, isOfType, numberValues, shapeOf } from '../onnx/tensor.js';

const SHAPE_ONLY = ['Identity', 'Expand', 'Unsqueeze', 'Squeeze', 'Reshape', 'Transpose', 'Tile'];
// Masks are small: a larger constant is a weight.
const MAX_ELEMENTS = 1 << 16;

/**
 * @param graph - of the value
 * @param name - of the value
 * @returns the number that all its elements are (truth as 1 and 0); undefined when that is not known
 */
export function uniformValue(graph: Graph, name: string | undefined): number | undefined {
  const tensor = graph.constantOf(name);
  if (tensor) return uniformTensor(graph, tensor);
  const node = graph.producerOf(name);
  if (!node) return undefined;
  if (SHAPE_ONLY.some((opType) => isOperator(node, opType))) return uniformValue(graph, node.input[0]);
  if (isOperator(node, 'ConstantOfShape')) {
    const value = attribute(node, 'value')?.t;
    return value ? uniformTensor(graph, value) : 0;
  }
  if (isOperator(node, 'Where')) {
    const condition = uniformValue(graph, node.input[0]);
    return condition === undefined ? undefined : uniformValue(graph, node.input[condition === 0 ? 2 : 1]);
  }
  if (isOperator(node, 'GreaterOrEqual')) return notBelow(graph, node) ? 1 : undefined;
  return undefined;
}

function uniformTensor(graph: Graph, tensor: TensorProto): number | undefined {
  if (isOfType(tensor, DataType.STRING) || elementCount(shapeOf(tensor)) > MAX_ELEMENTS) return undefined;
  const values = new Set(numberValues(graph.model, tensor));
  return values.size === 1 ? [...values][0] : undefined;
}

// transformers asks of every position whether it is at least 0.
function notBelow(graph: Graph, { input }: NodeProto): boolean {
  const bound = graph.scalarOf(input[1]);
  let node = graph.producerOf(input[0]);
  while (node && ['Unsqueeze', 'Reshape', 'Expand'].includes(node.opType))
    node = graph.producerOf(node.input[0]);
  if (!node || !isOperator(node, 'Range') || bound === undefined) return false;
  const start = graph.scalarOf(node.input[0]);
  const step = graph.scalarOf(node.input[2]);
  return start !== undefined && step !== undefined && step > 0 && start >= bound;
}
