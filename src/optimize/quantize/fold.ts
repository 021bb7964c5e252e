// Factors of a value's channels moved into the constants of the nodes that make it, which is exact.
import { multiply } from '../facts/dims.js';
import { Facts } from '../facts/facts.js';
import { isOperator, type Graph } from '../graph.js';
import { intAttribute, intsAttribute } from '../onnx/attributes.js';
import { DataType, type NodeProto, type TensorProto } from '../onnx/proto.js';
import { floatValues, isOfType, shapeOf } from '../onnx/tensor.js';
import { addendOf, type Product } from './layers.js';

/** Where the channels of a value can be scaled. */
export interface Fold {
  /** Name of the node whose constant decides about the channels: a norm's, or a layer's. */
  into: string;
  /** The layer, when it is one: its columns are to be scaled as well, which is left to the caller. */
  layer: Product | undefined;
  /** Vectors of one number for each channel that are to be scaled. */
  vectors: Vector[];
}

interface Vector {
  node: NodeProto;
  position: number;
  tensor: TensorProto;
  /** Where the channels begin. */
  offset: number;
}

const MICROSOFT = 'com.microsoft';
const HEADS_APART = [0, 2, 1, 3];

/** Looks for places to scale in one graph. */
export class ChannelFolder {
  readonly #graph: Graph;
  readonly #facts: Facts;
  readonly #layers: ReadonlyMap<NodeProto, Product>;

  /**
   * @param graph - is edited by {@link scale}
   * @param products - all of its layers
   */
  constructor(graph: Graph, products: readonly Product[]) {
    this.#graph = graph;
    this.#facts = new Facts(graph);
    this.#layers = new Map(products.map((product) => [product.node, product]));
  }

  /**
   * @param value - whose channels, along the last axis, are to be scaled; who uses it is the caller's matter
   * @param channels - how many there are
   * @returns where that can be done, or undefined when something on the way is not linear or is used elsewhere
   */
  find(value: string, channels: number): Fold | undefined {
    const node = this.#graph.producerOf(value);
    // What else a node makes is no value with these channels.
    if (node?.output[0] !== value) return undefined;
    const layer = this.#layers.get(node);
    if (layer) return this.#ofLayer(layer, channels);
    if (isOperator(node, 'LayerNormalization')) return this.#ofNorm(node, 1, channels);
    if (isOperator(node, 'SkipLayerNormalization', MICROSOFT)) return this.#ofNorm(node, 2, channels);
    if (isOperator(node, 'MultiHeadAttention', MICROSOFT)) return this.#ofAttention(node, channels);
    if (isOperator(node, 'Add') || isOperator(node, 'Mul')) return this.#ofVector(node, channels);
    if (isOperator(node, 'Reshape')) return this.#ofJoinedHeads(node, channels);
    if (isOperator(node, 'Transpose')) return this.#ofTransposed(node, channels);
    if (isOperator(node, 'Gather')) return this.#ofRows(node, channels);
    return undefined;
  }

  /**
   * @param fold - what was found
   * @param factors - one for each channel
   */
  scale(fold: Fold, factors: Float32Array): void {
    const graph = this.#graph;
    for (const { node, position, tensor, offset } of fold.vectors) {
      const values = Float32Array.from(floatValues(graph.model, tensor));
      factors.forEach((factor, i) => (values[offset + i] = (values[offset + i] as number) * factor));
      const base = `${node.input[position] ?? ''}_smoothed`;
      graph.setInput(node, position, graph.addConstant(base, DataType.FLOAT, shapeOf(tensor), values));
    }
  }

  // A value on the way: what it feeds is the node that we came from, and nothing else.
  #through(value: string | undefined, channels: number): Fold | undefined {
    if (value === undefined || value === '' || !this.#isPrivate(value)) return undefined;
    return this.find(value, channels);
  }

  #isPrivate(value: string): boolean {
    return countUses(this.#graph, value) === 1 && !this.#graph.isExposed(value);
  }

  #ofLayer(layer: Product, channels: number): Fold | undefined {
    if (layer.outputs !== channels || !this.#isPrivate(layer.weightName)) return undefined;
    const vectors = addendOf(layer) === undefined ? [] : this.#vector(layer.node, 2, channels);
    return vectors && { into: layer.name, layer, vectors };
  }

  #ofNorm(node: NodeProto, gamma: number, channels: number): Fold | undefined {
    if (intAttribute(node, 'axis', -1) !== -1) return undefined;
    const scale = this.#vector(node, gamma, channels);
    const bias = (node.input[gamma + 1] ?? '') === '' ? [] : this.#vector(node, gamma + 1, channels);
    return scale && bias && { into: node.name, layer: undefined, vectors: [...scale, ...bias] };
  }

  // x * vector ends the search; x + vector goes on with x.
  #ofVector(node: NodeProto, channels: number): Fold | undefined {
    for (const position of [0, 1]) {
      const vector = this.#vector(node, position, channels);
      if (!vector) continue;
      if (isOperator(node, 'Mul')) return { into: node.name, layer: undefined, vectors: vector };
      const rest = this.#through(node.input[1 - position], channels);
      return rest && { ...rest, vectors: [...rest.vectors, ...vector] };
    }
    return undefined;
  }

  // Each channel of the output is a mean, over the tokens, of the same channel of the value.
  #ofAttention(node: NodeProto, channels: number): Fold | undefined {
    if (node.output.slice(1).some((name) => name !== '')) return undefined;
    const packed = node.input[3] ?? '';
    const bias = packed === '' ? [] : this.#vector(node, 3, channels, 2 * channels);
    const rest = bias && this.#through(node.input[2], channels);
    return rest && { ...rest, vectors: [...rest.vectors, ...bias] };
  }

  // The same, decomposed: values are cut into heads, mixed over the tokens, and put together again.
  #ofJoinedHeads(joined: NodeProto, channels: number): Fold | undefined {
    const graph = this.#graph;
    if (this.#facts.shapeOf(joined.output[0])?.at(-1) !== channels) return undefined;
    const apart = (name: string | undefined) => {
      const node = this.#isPrivate(name ?? '') ? graph.producerOfType(name, 'Transpose') : undefined;
      const same = intsAttribute(node ?? joined, 'perm')?.join() === HEADS_APART.join();
      return same ? node?.input[0] : undefined;
    };
    const mixed = apart(joined.input[0]);
    const product = this.#isPrivate(mixed ?? '') ? graph.producerOfType(mixed, 'MatMul') : undefined;
    const heads = apart(product?.input[1]);
    const split = this.#isPrivate(heads ?? '') ? graph.producerOfType(heads, 'Reshape') : undefined;
    if (!split) return undefined;
    return this.#cutsChannels(split, channels) ? this.#through(split.input[0], channels) : undefined;
  }

  // [batch, tokens, heads, size]: the last two must be the channels, all of them.
  #cutsChannels(split: NodeProto, channels: number): boolean {
    const shape = this.#facts.shapeOf(split.output[0]);
    return shape?.length === 4 && multiply(shape.slice(2)) === channels;
  }

  // Rows change their places, channels do not.
  #ofTransposed(node: NodeProto, channels: number): Fold | undefined {
    const perm = intsAttribute(node, 'perm') ?? [];
    return perm.at(-1) === perm.length - 1 ? this.#through(node.input[0], channels) : undefined;
  }

  // Some rows are taken.
  #ofRows(node: NodeProto, channels: number): Fold | undefined {
    const rank = this.#facts.shapeOf(node.input[0])?.length;
    const axis = intAttribute(node, 'axis', 0);
    const last = rank === undefined || axis === rank - 1 || axis === -1;
    return last ? undefined : this.#through(node.input[0], channels);
  }

  #vector(node: NodeProto, position: number, channels: number, offset = 0): Vector[] | undefined {
    const tensor = this.#graph.constantOf(node.input[position]);
    if (!tensor || !isOfType(tensor, DataType.FLOAT)) return undefined;
    const shape = shapeOf(tensor);
    const fits = shape.length === 1 && shape[0] === offset + channels;
    return fits ? [{ node, position, tensor, offset }] : undefined;
  }
}

/**
 * @param graph - a graph
 * @param value - one of its values
 * @returns how many inputs of nodes it is, other than to tell its shape, which no factor changes
 */
export function countUses(graph: Graph, value: string): number {
  const users = graph.usersOf(value).filter((node) => !isOperator(node, 'Shape'));
  return users.flatMap(({ input }) => input.filter((name) => name === value)).length;
}
