// Layer normalisation in the nine nodes that older exporters write it in -> LayerNormalization.
//
// ONNX Runtime knows the operator in ONNX's own domain in every operator set, although ONNX has it only since 17: its
// own optimiser writes it into older graphs as well.
import { Facts } from '../facts/facts.js';
import { isOperator, type Graph } from '../graph.js';
import { intAttribute, intsAttribute, makeNode } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';
import { shapeOf } from '../onnx/tensor.js';
import type { PassReport } from './report.js';

interface LayerNorm {
  /** Makes the result. */
  last: NodeProto;
  x: string;
  scale: string;
  bias: string;
  epsilon: number;
}

/**
 * `(x - mean) / sqrt(mean((x - mean)^2) + epsilon) * scale + bias`, over the last axis.
 * @param graph - is changed
 * @returns how many there were
 */
export function fuseLayerNorm(graph: Graph): PassReport {
  const facts = new Facts(graph);
  const report: PassReport = { name: 'fuse-layer-norm', found: 0, left: [] };
  for (const root of graph.nodes.filter((node) => isOperator(node, 'Sqrt'))) {
    const found = match(graph, facts, root);
    if (typeof found === 'string') {
      report.left.push({ node: root.name, why: found });
      continue;
    }
    if (!found) continue;
    const { last, x, scale, bias, epsilon } = found;
    const outputs = [last.output[0] ?? ''];
    const name = graph.uniqueName(`${last.name}/LayerNormalization`);
    const attributes = { axis: -1n, epsilon };
    graph.replaceNode(
      last,
      makeNode('LayerNormalization', { name, inputs: [x, scale, bias], outputs, attributes }),
    );
    report.found++;
  }
  return report;
}

// Undefined: a root of something else. A string: a normalisation, but not one that can be replaced, and why.
function match(graph: Graph, facts: Facts, root: NodeProto): LayerNorm | string | undefined {
  const sum = graph.producerOfType(root.input[0], 'Add');
  const [variance, epsilon] = sum ? withScalar(graph, sum) : [];
  const mean = graph.producerOfType(variance, 'ReduceMean');
  const centred = mean && squared(graph, mean.input[0]);
  const difference = graph.producerOfType(centred, 'Sub');
  const [x, average] = difference?.input ?? [];
  const first = graph.producerOfType(average, 'ReduceMean');
  if (!mean || epsilon === undefined || centred === undefined || x === undefined || first?.input[0] !== x)
    return undefined;

  const quotient = graph.onlyUserOf(root.output[0], 'Div');
  const product = quotient?.input[0] === centred ? graph.onlyUserOf(quotient.output[0], 'Mul') : undefined;
  const last = graph.onlyUserOf(product?.output[0], 'Add');
  const scale = product?.input.find((name) => name !== quotient?.output[0]);
  const bias = last?.input.find((name) => name !== product?.output[0]);
  if (!last || scale === undefined || bias === undefined)
    return 'no scale and bias behind it, or values in between are used elsewhere';
  const shape = facts.shapeOf(x);
  const size = shape?.at(-1);
  if (shape === undefined || !facts.isFloat32(x))
    return 'the type or the shape of its input is not known to be float32';
  const lastAxis = (node: NodeProto) => overLastAxis(graph, node, shape.length);
  if (!lastAxis(mean) || !lastAxis(first)) return 'not over the last axis';
  for (const name of [scale, bias]) {
    const tensor = graph.constantOf(name);
    const dims = tensor && shapeOf(tensor);
    if (dims?.length !== 1 || dims[0] !== size)
      return 'scale and bias are not constants of the size of the last axis';
  }
  return { last, x, scale, bias, epsilon };
}

function withScalar(
  graph: Graph,
  { input }: NodeProto,
): [other: string | undefined, scalar: number | undefined] {
  const [a, b] = input;
  const scalar = graph.scalarOf(b);
  return scalar === undefined ? [b, graph.scalarOf(a)] : [a, scalar];
}

function squared(graph: Graph, name: string | undefined): string | undefined {
  const node = graph.producerOf(name);
  if (!node) return undefined;
  if (isOperator(node, 'Pow') && graph.scalarOf(node.input[1]) === 2) return node.input[0];
  return isOperator(node, 'Mul') && node.input[0] === node.input[1] ? node.input[0] : undefined;
}

function overLastAxis(graph: Graph, node: NodeProto, rank: number): boolean {
  const axes = intsAttribute(node, 'axes') ?? graph.intsOf(node.input[1]);
  const [axis, ...others] = axes ?? [];
  return others.length === 0 && (axis === -1 || axis === rank - 1) && intAttribute(node, 'keepdims', 1) === 1;
}
