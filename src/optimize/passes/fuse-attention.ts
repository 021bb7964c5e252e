// Attention that exporters write out -> com.microsoft MultiHeadAttention, with the biases of its projections.
import { Facts } from '../facts/facts.js';
import { isOperator, type Graph } from '../graph.js';
import { makeNode, type NodeParts } from '../onnx/attributes.js';
import { DataType, type NodeProto } from '../onnx/proto.js';
import { floatValues } from '../onnx/tensor.js';
import type { Join } from './attention-join.js';
import type { Layer, Operand } from './attention-operand.js';
import { withoutBias } from './linear.js';
import { matchAttention, type Attention } from './match-attention.js';
import type { PassReport } from './report.js';

interface Projection {
  /** Without its bias. */
  input: string;
  /** Its bias; undefined: none that can be taken over. */
  bias: Float32Array | undefined;
}

const ROLES = ['query', 'key', 'value'] as const;
/** From `[tokens, batch, channels]` to `[batch, tokens, channels]`, and back. */
const SWAPPED = [1n, 0n, 2n];

/**
 * @param graph - is changed
 * @returns how many there were
 */
export function fuseAttention(graph: Graph): PassReport {
  const facts = new Facts(graph);
  const report: PassReport = { name: 'fuse-attention', found: 0, left: [] };
  const shared = new Map<string, string>();
  for (const softmax of graph.nodes.filter((node) => isOperator(node, 'Softmax'))) {
    const found = matchAttention(graph, facts, softmax);
    if (typeof found === 'string') report.left.push({ node: softmax.name, why: found });
    else {
      new Replacement(graph, facts, found, shared).make();
      report.found++;
    }
  }
  return report;
}

/** One attention, and the nodes that take its place. */
class Replacement {
  readonly #graph: Graph;
  readonly #facts: Facts;
  readonly #attention: Attention;
  readonly #last: NodeProto;
  /** Values that are made once for all attentions, by what they are. */
  readonly #shared: Map<string, string>;

  constructor(graph: Graph, facts: Facts, attention: Attention, shared: Map<string, string>) {
    this.#graph = graph;
    this.#facts = facts;
    this.#attention = attention;
    this.#last = attention.join.last;
    this.#shared = shared;
  }

  make(): void {
    const graph = this.#graph;
    const { heads, scale, join } = this.#attention;
    const name = graph.uniqueName(`${this.#last.name}/MultiHeadAttention`);
    const parts = ROLES.map((role) => this.#projection(role));
    const inputs = parts.map(({ input }) => input);
    const bias = this.#bias(`${name}/bias`, parts);
    const mask = this.#mask(inputs);
    // The fifth is a mask of keys, which is not used.
    const optional = mask === undefined ? (bias === '' ? [] : [bias]) : [bias, '', mask];
    graph.model.setOpset('com.microsoft', 1);
    this.#finish(name, join, {
      inputs: [...inputs, ...optional],
      attributes: { num_heads: BigInt(heads), scale },
      domain: 'com.microsoft',
    });
  }

  // The result, in the order and the shape in which it is wanted.
  #finish(name: string, { tokensFirst, reshape }: Join, attention: Omit<NodeParts, 'outputs'>): void {
    const graph = this.#graph;
    const [output = ''] = this.#last.output;
    const attended = makeNode('MultiHeadAttention', { ...attention, name, outputs: [output] });
    if (!tokensFirst && !reshape) {
      graph.replaceNode(this.#last, attended);
      return;
    }
    attended.output = [name];
    graph.insertBefore(this.#last, attended);
    const turn = { inputs: [name], attributes: { perm: SWAPPED } };
    if (!reshape) {
      const turned = makeNode('Transpose', { ...turn, name: `${name}/Transpose`, outputs: [output] });
      graph.replaceNode(this.#last, turned);
      return;
    }
    const turned = tokensFirst ? this.#add('Transpose', `${name}/Transpose`, turn) : name;
    const shape = this.#integers(`${name}/shape`, reshape);
    const shaped = { name: `${name}/Reshape`, inputs: [turned, shape], outputs: [output] };
    graph.replaceNode(this.#last, makeNode('Reshape', shaped));
  }

  #projection(role: (typeof ROLES)[number]): Projection {
    const operand = this.#attention[role];
    return operand.layer ? this.#columns(role, operand, operand.layer) : this.#unbiased(operand.input);
  }

  // The layer anew, with the columns that are wanted, over rows in the order that is wanted.
  #columns(role: string, { input, tokensFirst, shape }: Operand, layer: Layer): Projection {
    const { model } = this.#graph;
    const { node, weight, tensor, rows, columns, bias, from } = layer;
    const count = shape[2] * shape[3];
    const turned = tokensFirst ? this.#once(`${input}/batch_first`, () => this.#turned(input)) : input;
    const narrow = () => {
      const values = columnsOf(floatValues(model, tensor), columns, from, count);
      return this.#graph.addConstant(`${weight}/${role}`, DataType.FLOAT, [rows, count], values);
    };
    const part = columns === count ? weight : narrow();
    const vector = this.#graph.constantOf(bias);
    return {
      input: this.#add('MatMul', `${node.name}/${role}`, { inputs: [turned, part] }),
      bias: vector && floatValues(model, vector).slice(from, from + count),
    };
  }

  #turned(input: string): string {
    return this.#add('Transpose', `${input}/batch_first`, { inputs: [input], attributes: { perm: SWAPPED } });
  }

  #unbiased(source: string): Projection {
    const { input, bias } = withoutBias(this.#graph, this.#facts, source);
    const tensor = this.#graph.constantOf(bias);
    const fits = tensor && this.#facts.shapeOf(input)?.length === 3 && this.#facts.isFloat32(bias);
    return fits
      ? { input, bias: floatValues(this.#graph.model, tensor) }
      : { input: source, bias: undefined };
  }

  // One after the other; zeros where there is none.
  #bias(name: string, parts: readonly Projection[]): string {
    if (parts.every(({ bias }) => bias === undefined)) return '';
    const widths = ROLES.map((role) => this.#attention[role].shape[2] * this.#attention[role].shape[3]);
    const joined = new Float32Array(widths.reduce((sum, width) => sum + width, 0));
    let offset = 0;
    parts.forEach(({ bias }, i) => {
      if (bias) joined.set(bias, offset);
      offset += widths[i] as number;
    });
    return this.#graph.addConstant(name, DataType.FLOAT, [joined.length], joined);
  }

  // The layers share one mask: it is stretched once.
  #mask([query = '', key = '']: readonly string[]): string | undefined {
    const { mask, stretch } = this.#attention;
    if (mask === undefined || !stretch) return mask;
    return this.#once(`${mask} ${stretch.join(' ')}`, () => {
      const base = `${mask}/stretched`;
      const add = (opType: string, inputs: string[], attributes = {}) =>
        this.#add(opType, `${base}/${opType}`, { inputs, attributes });
      const list = (values: readonly number[]) => this.#integers(`${base}/sizes`, values);
      const sizes = stretch.map((dim, i) =>
        typeof dim === 'number'
          ? list([dim])
          : add('Gather', [add('Shape', [i === 0 ? query : key]), list([1])]),
      );
      return add('Expand', [mask, add('Concat', [list([1, 1]), ...sizes], { axis: 0n })]);
    });
  }

  #once(what: string, make: () => string): string {
    const made = this.#shared.get(what) ?? make();
    this.#shared.set(what, made);
    return made;
  }

  #add(opType: string, base: string, parts: Omit<NodeParts, 'name' | 'outputs'>): string {
    const name = this.#graph.uniqueName(base);
    this.#graph.insertBefore(this.#last, makeNode(opType, { ...parts, name, outputs: [name] }));
    return name;
  }

  #integers(base: string, values: readonly number[]): string {
    return this.#graph.addConstant(base, DataType.INT64, [values.length], BigInt64Array.from(values, BigInt));
  }
}

function columnsOf(values: Float32Array, width: number, from: number, count: number): Float32Array {
  const rows = values.length / width;
  const part = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++)
    part.set(values.subarray(row * width + from, row * width + from + count), row * count);
  return part;
}
