// Replaces by initialisers what is the same in every run: constants, parts of shapes that are known, moved weights.
import { sameShape } from '../facts/dims.js';
import { Facts } from '../facts/facts.js';
import { isOperator, type Graph } from '../graph.js';
import { attribute } from '../onnx/attributes.js';
import { copyWith, DataType, type NodeProto, type TensorProto } from '../onnx/proto.js';
import { elementCount, makeTensor, shapeOf } from '../onnx/tensor.js';
import { moveElements } from './move-elements.js';
import type { PassReport } from './report.js';

/**
 * @param graph - is changed
 * @returns how many nodes became constants
 */
export function foldConstants(graph: Graph): PassReport {
  const facts = new Facts(graph);
  const report: PassReport = { name: 'fold-constants', found: 0, left: [] };
  for (const node of [...graph.nodes]) {
    if (node.output.some((name) => graph.isExposed(name))) continue;
    const tensors =
      valueOf(node) ?? knownInts(node, facts) ?? reshaped(graph, node, facts) ?? moveElements(graph, node);
    if (!tensors) continue;
    graph.replaceByConstants(node, tensors);
    report.found++;
  }
  return report;
}

function valueOf(node: NodeProto): TensorProto[] | undefined {
  const tensor = isOperator(node, 'Constant') ? attribute(node, 'value')?.t : undefined;
  return tensor && [tensor];
}

function knownInts(node: NodeProto, facts: Facts): TensorProto[] | undefined {
  const { ints, shape, type } = facts.of(node.output[0]);
  const int64: number = DataType.INT64;
  if (node.output.length !== 1 || type !== int64 || !ints?.every(Number.isSafeInteger)) return undefined;
  const dims = shape?.filter((dim) => typeof dim === 'number');
  // A shape that its elements do not fill is a fault of the graph.
  if (!dims || !sameShape(dims, shape) || elementCount(dims) !== ints.length) return undefined;
  return [makeTensor('', DataType.INT64, dims, BigInt64Array.from(ints as number[], BigInt))];
}

// Another shape over the same bytes.
function reshaped(graph: Graph, node: NodeProto, facts: Facts): TensorProto[] | undefined {
  const tensor = graph.constantOf(node.input[0]);
  const isReshape = ['Reshape', 'Unsqueeze', 'Squeeze'].some((opType) => isOperator(node, opType));
  const shape = facts.shapeOf(node.output[0]);
  if (!tensor || !isReshape || !shape?.every((dim) => typeof dim === 'number')) return undefined;
  return sameShape(shape, shapeOf(tensor)) ? [tensor] : [copyWith(tensor, { dims: shape.map(BigInt) })];
}
