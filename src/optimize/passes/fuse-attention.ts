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
  const stretched = new Map<string, string>();
  for (const softmax of graph.nodes.filter((node) => isOperator(node, 'Softmax'))) {
    const found = matchAttention(graph, facts, softmax);
    if (typeof found === 'string') report.left.push({ node: softmax.name, why: found });
    else {
      replace(graph, facts, found, stretched);
      report.found++;
    }
  }
  return report;
}

function replace(graph: Graph, facts: Facts, attention: Attention, stretched: Map<string, string>): void {
  const { last, heads, scale } = attention;
  const mask = maskOf(graph, attention, stretched);
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

// The layers share one mask: it is stretched once.
function maskOf(
  graph: Graph,
  { mask, stretch, last, query, key }: Attention,
  stretched: Map<string, string>,
): string | undefined {
  if (mask === undefined || !stretch) return mask;
  const name = `${mask} ${stretch.join(' ')}`;
  const known = stretched.get(name);
  if (known !== undefined) return known;
  const base = `${mask}/stretched`;
  const list = (values: readonly number[]) =>
    graph.addConstant(`${base}/sizes`, DataType.INT64, [values.length], BigInt64Array.from(values, BigInt));
  const add = (opType: string, inputs: string[], attributes = {}) => {
    const output = graph.uniqueName(`${base}/${opType}`);
    graph.insertBefore(last, makeNode(opType, { name: output, inputs, outputs: [output], attributes }));
    return output;
  };
  const sizes = stretch.map((dim, i) =>
    typeof dim === 'number' ? list([dim]) : add('Gather', [add('Shape', [i === 0 ? query : key]), list([1])]),
  );
  const result = add('Expand', [mask, add('Concat', [list([1, 1]), ...sizes], { axis: 0n })]);
  stretched.set(name, result);
  return result;
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
