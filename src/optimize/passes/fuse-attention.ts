// Attention that exporters write out -> com.microsoft MultiHeadAttention, with the biases of its projections.
import { Facts } from '../facts/facts.js';
import { isOperator, type Graph } from '../graph.js';
import { makeNode } from '../onnx/attributes.js';
import { DataType } from '../onnx/proto.js';
import { floatValues, shapeOf } from '../onnx/tensor.js';
import { matchAttention, type Attention } from './match-attention.js';
import type { PassReport } from './pass.js';

interface Projection {
  /** The product without its bias. */
  input: string;
  /** Its bias; undefined: none that can be taken over. */
  bias: Float32Array | undefined;
}

/**
 * @param graph - is changed
 * @returns how many there were
 */
export function fuseAttention(graph: Graph): PassReport {
  const facts = new Facts(graph);
  const report: PassReport = { name: 'fuse-attention', found: 0, left: [] };
  for (const softmax of graph.nodes.filter((node) => isOperator(node, 'Softmax'))) {
    const found = matchAttention(graph, facts, softmax);
    if (typeof found === 'string') report.left.push({ node: softmax.name, why: found });
    else {
      replace(graph, facts, found);
      report.found++;
    }
  }
  return report;
}

function replace(graph: Graph, facts: Facts, attention: Attention): void {
  const { last, heads, scale, mask } = attention;
  const given = [attention.query, attention.key, attention.value];
  const name = graph.uniqueName(`${last.name}/MultiHeadAttention`);
  const projections = given.map((source) => unbiased(graph, facts, source));
  const biases = projections.map(({ bias }) => bias);
  const taken = biases.every((bias) => bias !== undefined && bias.length === biases[0]?.length);
  const inputs = taken ? projections.map(({ input }) => input) : given;
  const bias = taken ? joinedBias(graph, `${name}/bias`, biases as Float32Array[]) : '';
  graph.model.setOpset('com.microsoft', 1);
  graph.replaceNode(
    last,
    makeNode('MultiHeadAttention', {
      name,
      // The fifth is a mask of keys, which is not used.
      inputs: mask === undefined ? [...inputs, ...(taken ? [bias] : [])] : [...inputs, bias, '', mask],
      outputs: [last.output[0] ?? ''],
      attributes: { num_heads: BigInt(heads), scale },
      domain: 'com.microsoft',
    }),
  );
}

function unbiased(graph: Graph, facts: Facts, source: string): Projection {
  const none = { input: source, bias: undefined };
  const sum = graph.producerOfType(source, 'Add');
  const name = sum?.input.find((each) => graph.constantOf(each));
  const input = sum?.input.find((each) => each !== name);
  const tensor = graph.constantOf(name);
  if (!tensor || input === undefined || facts.shapeOf(input)?.length !== 3) return none;
  const shape = shapeOf(tensor);
  const fits = shape.length === 1 && shape[0] === facts.shapeOf(input)?.at(-1);
  return fits && facts.isFloat32(name) ? { input, bias: floatValues(graph.model, tensor) } : none;
}

function joinedBias(graph: Graph, name: string, biases: readonly Float32Array[]): string {
  const joined = new Float32Array(biases.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const bias of biases) {
    joined.set(bias, offset);
    offset += bias.length;
  }
  return graph.addConstant(name, DataType.FLOAT, [joined.length], joined);
}
