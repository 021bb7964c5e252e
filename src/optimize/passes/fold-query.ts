// Attention whose one query is the same for every image, as the pooling head's: key and value are never made.
//
// A score is (x Wk + bk) q = x (Wk q) + bk q. The last is the same for every token, which no softmax sees, and Wk q is
// known beforehand: one vector a head. The weights of a mix add up to 1, so the mix of x Wv + bv is (mix of x) Wv + bv:
// the layer of the values has one row a head to go over, not all tokens.
import { Facts } from '../facts/facts.js';
import { isOperator, type Graph } from '../graph.js';
import { floatAttribute, intAttribute, makeNode, type NodeParts } from '../onnx/attributes.js';
import { DataType, type NodeProto } from '../onnx/proto.js';
import { floatValues, isOfType, shapeOf } from '../onnx/tensor.js';
import { matrixProductOf, type MatrixProduct } from './linear.js';
import type { PassReport } from './report.js';

const MICROSOFT = 'com.microsoft';

interface Pooling {
  node: NodeProto;
  /** Tokens: `[batch, tokens, channels]`. */
  x: string;
  heads: number;
  /** Times the scale. */
  query: Float64Array;
  key: MatrixProduct;
  value: MatrixProduct;
  /** Of the values. */
  bias: Float32Array | undefined;
}

/**
 * @param graph - is changed
 * @returns how many there were
 */
export function foldQuery(graph: Graph): PassReport {
  const facts = new Facts(graph);
  const report: PassReport = { name: 'fold-query', found: 0, left: [] };
  for (const node of [...graph.nodes]) {
    if (!isOperator(node, 'MultiHeadAttention', MICROSOFT)) continue;
    const found = match(graph, facts, node);
    if (typeof found === 'string') report.left.push({ node: node.name, why: found });
    else if (found) {
      replace(graph, found);
      report.found++;
    }
  }
  return report;
}

// Undefined: the query is not the same for every image. A string: it is, and why that is of no use.
function match(graph: Graph, facts: Facts, node: NodeProto): Pooling | string | undefined {
  const [queryName = '', keyName = '', valueName = '', biasName = '', ...others] = node.input;
  const asked = matrixProductOf(graph, facts, queryName);
  const row = facts.shapeOf(queryName)?.[1] === 1 ? repeatedRow(graph, asked?.input) : undefined;
  // A row that was repeated along its own axis is too short.
  if (!asked || row?.length !== asked.rows) return undefined;

  const [key, value] = [matrixProductOf(graph, facts, keyName), matrixProductOf(graph, facts, valueName)];
  const more = [...others, ...node.output.slice(1)].some((name) => name !== '');
  if (more || intAttribute(node, 'unidirectional', 0) !== 0) return 'it has a mask, or more than one result';
  if (!key || key.input !== value?.input) return 'key and value are not layers of the same tokens';
  const used = [keyName, valueName].some((name) => graph.isExposed(name) || graph.usersOf(name).length !== 1);
  if (used) return 'its key or value is used elsewhere';
  const heads = intAttribute(node, 'num_heads', 1);
  const [x, columns] = [key.input, asked.columns];
  const tensor = graph.constantOf(biasName);
  const biases = tensor && floatValues(graph.model, tensor);
  if (
    facts.shapeOf(x)?.length !== 3 ||
    key.columns !== columns ||
    (biasName !== '' && biases?.length !== 2 * columns + value.columns)
  ) {
    return 'the shapes of query, key and value do not agree, or are not known to';
  }
  const scale = floatAttribute(node, 'scale', 0) || (columns / heads) ** -0.5;
  const query = product(row, floatValues(graph.model, asked.tensor), columns).map(
    (sum, j) => scale * (sum + (biases?.[j] ?? 0)),
  );
  const bias = biases?.slice(2 * columns);
  return { node, x, heads, query, key, value, bias };
}

// The row that all rows of a value are, where it is made by repeating it.
function repeatedRow(graph: Graph, name: string | undefined): Float32Array | undefined {
  const tensor = graph.constantOf(name);
  if (tensor) {
    const single =
      isOfType(tensor, DataType.FLOAT) &&
      shapeOf(tensor)
        .slice(0, -1)
        .every((dim) => dim === 1);
    return single ? floatValues(graph.model, tensor) : undefined;
  }
  const node = graph.producerOf(name);
  const repeats = node && ['Expand', 'Tile', 'Identity'].some((opType) => isOperator(node, opType));
  return repeats ? repeatedRow(graph, node.input[0]) : undefined;
}

function product(row: Float32Array, values: Float32Array, columns: number): Float64Array {
  const sums = new Float64Array(columns);
  row.forEach((factor, i) => {
    for (let j = 0; j < columns; j++)
      sums[j] = (sums[j] as number) + factor * (values[i * columns + j] as number);
  });
  return sums;
}

function replace(graph: Graph, { node, x, heads, query, key, value, bias }: Pooling): void {
  const add = (what: string, opType: string, parts: Omit<NodeParts, 'name' | 'outputs'>) => {
    const name = graph.uniqueName(`${node.name}/${what}`);
    graph.insertBefore(node, makeNode(opType, { ...parts, name, outputs: [name] }));
    return name;
  };
  const floats = (what: string, shape: readonly number[], values: Float32Array) =>
    graph.addConstant(`${node.name}/${what}`, DataType.FLOAT, shape, values);
  const reshape = (what: string, name: string, shape: readonly number[]): NodeParts => {
    const values = BigInt64Array.from(shape, BigInt);
    const sizes = graph.addConstant(`${node.name}/${what}_shape`, DataType.INT64, [shape.length], values);
    return { inputs: [name, sizes], outputs: [] };
  };

  const keys = floats(
    'keys',
    [heads, key.rows],
    keysOf(query, floatValues(graph.model, key.tensor), key, heads),
  );
  // [heads, channels] x [batch, tokens, channels] -> [batch, heads, tokens]
  const scores = add('scores', 'FusedMatMul', {
    inputs: [keys, x],
    attributes: { transB: 1n },
    domain: MICROSOFT,
  });
  const weights = add('weights', 'Softmax', { inputs: [scores], attributes: { axis: -1n } });
  const mixed = add('mixed', 'MatMul', { inputs: [weights, x] });
  const rows = add('rows', 'Reshape', reshape('rows', mixed, [-1, heads, 1, value.rows]));
  // A weight of three axes is not quantised: one row a head is too little to gain from it.
  const perHead = floats(
    'values',
    [heads, value.rows, value.columns / heads],
    valuesOf(floatValues(graph.model, value.tensor), value, heads),
  );
  const made = add('made', 'MatMul', { inputs: [rows, perHead] });
  const joined = reshape('joined', made, [-1, 1, value.columns]);
  const outputs = [node.output[0] ?? ''];
  const name = graph.uniqueName(`${node.name}/pooled`);
  if (!bias) {
    graph.replaceNode(node, makeNode('Reshape', { ...joined, name, outputs }));
    return;
  }
  const inputs = [add('joined', 'Reshape', joined), floats('bias', [bias.length], bias)];
  graph.replaceNode(node, makeNode('Add', { name, inputs, outputs }));
}

// [heads, channels]: what the tokens are multiplied with.
function keysOf(
  query: Float64Array,
  values: Float32Array,
  { rows, columns }: MatrixProduct,
  heads: number,
): Float32Array {
  const size = columns / heads;
  return Float32Array.from({ length: heads * rows }, (_, at) => {
    const [head, row] = [Math.floor(at / rows), at % rows];
    let sum = 0;
    for (let j = head * size; j < (head + 1) * size; j++)
      sum += (values[row * columns + j] as number) * (query[j] as number);
    return sum;
  });
}

// [heads, channels, size]: the columns of each head by themselves.
function valuesOf(values: Float32Array, { rows, columns }: MatrixProduct, heads: number): Float32Array {
  const size = columns / heads;
  const parts = new Float32Array(values.length);
  for (let head = 0; head < heads; head++) {
    for (let row = 0; row < rows; row++) {
      const from = row * columns + head * size;
      parts.set(values.subarray(from, from + size), (head * rows + row) * size);
    }
  }
  return parts;
}
