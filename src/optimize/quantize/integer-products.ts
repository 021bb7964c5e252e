// Products of bytes in the place of layers, in the form that ONNX Runtime joins into one operator.
import type { Graph } from '../graph.js';
import { makeNode, type NodeParts } from '../onnx/attributes.js';
import { DataType, type NodeProto } from '../onnx/proto.js';
import { addendOf, type Product } from './layers.js';
import { reduceMax } from './reduce-max.js';
import type { ByteWeight } from './weights.js';

interface StoredWeight {
  bytes: string;
  scale: string;
}

interface QuantizedValue {
  bytes: string;
  scale: string;
  zeroPoint: string;
  /** The largest magnitude of each token, by which it was divided; undefined where it was not. */
  tokens: string | undefined;
}

/**
 * How an activation is evened out before it is rounded, so that neither a channel nor a token that is far larger than
 * the others takes the steps from them: each token is divided by its largest magnitude, and before that each channel by
 * a factor, if there are factors.
 */
export interface Evening {
  /** One for each channel; the rows of the layer's weight have to be multiplied by them. */
  divisors: Float32Array | undefined;
}

// A token of nothing but zeros stays one.
const SMALLEST_TOKEN = 1e-30;

/**
 * Replaces layers of one graph by `DynamicQuantizeLinear` -> `MatMulInteger` -> `Cast` -> `Mul`. ONNX Runtime joins the
 * last three, the multiplication of the scales and an `Add` of a constant that may follow into `MatMulIntegerToFloat`,
 * and all of it into `DynamicQuantizeMatMul` where nothing else uses the quantised activation.
 */
export class IntegerProducts {
  readonly #graph: Graph;
  readonly #activations = new Map<string, QuantizedValue>();
  readonly #weights = new Map<string, StoredWeight>();
  #shared = 0;
  #smallest: string | undefined;

  /** @param graph - is edited */
  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** How many products found their activation quantised already, by another one. */
  get shared(): number {
    return this.#shared;
  }

  /**
   * Layers must come in the order in which they run.
   * @param product - of the graph
   * @param makeWeight - is called once for layers of the same weight
   * @param evening - of its activation, if it is to be evened out: the same for all that share it
   */
  replace(product: Product, makeWeight: () => ByteWeight, evening?: Evening): void {
    const { name, node, result } = product;
    const addend = addendOf(product);
    const graph = this.#graph;
    const activation = this.#quantized(product, evening);
    const weight = this.#stored(product, makeWeight);
    const value = (what: string) => graph.uniqueName(`${name}_${what}`);
    const before = (opType: string, parts: NodeParts) => {
      graph.insertBefore(node, makeNode(opType, { name: graph.uniqueName(`${name}_${opType}`), ...parts }));
    };
    const [scale, sum, float] = [value('scale'), value('integers'), value('floats')];
    before('Mul', { inputs: [activation.scale, weight.scale], outputs: [scale] });
    before('MatMulInteger', {
      inputs: [activation.bytes, weight.bytes, activation.zeroPoint],
      outputs: [sum],
    });
    before('Cast', { inputs: [sum], outputs: [float], attributes: { to: BigInt(DataType.FLOAT) } });
    const last = addend === undefined ? result : value('product');
    let rescaled: [value: string, by: string] = [float, scale];
    if (activation.tokens !== undefined) {
      const even = value('even');
      before('Mul', { inputs: rescaled, outputs: [even] });
      rescaled = [even, activation.tokens];
    }
    const rescale = makeNode('Mul', { name, inputs: rescaled, outputs: [last] });
    if (addend === undefined) {
      graph.replaceNode(node, rescale);
    } else {
      graph.insertBefore(node, rescale);
      const add = graph.uniqueName(`${name}_Add`);
      graph.replaceNode(node, makeNode('Add', { name: add, inputs: [last, addend], outputs: [result] }));
    }
  }

  #quantized({ activation, node }: Product, evening: Evening | undefined): QuantizedValue {
    const known = this.#activations.get(activation);
    if (known) {
      this.#shared++;
      return known;
    }
    const graph = this.#graph;
    const { even, tokens } = evening
      ? this.#even(activation, node, evening)
      : { even: activation, tokens: undefined };
    const value = {
      bytes: graph.uniqueName(`${activation}_bytes`),
      scale: graph.uniqueName(`${activation}_scale`),
      zeroPoint: graph.uniqueName(`${activation}_zero_point`),
      tokens,
    };
    const name = graph.uniqueName(`${activation}_DynamicQuantizeLinear`);
    const outputs = [value.bytes, value.scale, value.zeroPoint];
    graph.insertBefore(node, makeNode('DynamicQuantizeLinear', { name, inputs: [even], outputs }));
    this.#activations.set(activation, value);
    return value;
  }

  #even(activation: string, node: NodeProto, { divisors }: Evening): { even: string; tokens: string } {
    const graph = this.#graph;
    const before = (opType: string, what: string, inputs: readonly string[]) => {
      const output = graph.uniqueName(`${activation}_${what}`);
      graph.insertBefore(node, makeNode(opType, { name: output, inputs, outputs: [output] }));
      return output;
    };
    let value = activation;
    if (divisors) {
      const inverse = graph.addConstant(
        `${activation}_factors`,
        DataType.FLOAT,
        [divisors.length],
        divisors.map((divisor) => 1 / divisor),
      );
      value = before('Mul', 'smooth', [value, inverse]);
    }
    const largest = graph.uniqueName(`${activation}_largest`);
    const input = before('Abs', 'magnitudes', [value]);
    graph.insertBefore(node, reduceMax(graph, { input, output: largest, axis: -1, keep: true }));
    this.#smallest ??= graph.addConstant(
      'smallest_token',
      DataType.FLOAT,
      [],
      Float32Array.of(SMALLEST_TOKEN),
    );
    const tokens = before('Max', 'tokens', [largest, this.#smallest]);
    return { even: before('Div', 'even', [value, tokens]), tokens };
  }

  #stored({ weightName, inputs, outputs, transposed }: Product, make: () => ByteWeight): StoredWeight {
    const key = `${weightName}:${transposed}`;
    const known = this.#weights.get(key);
    if (known) return known;
    const { values, scales } = make();
    const graph = this.#graph;
    const weight = {
      bytes: graph.addConstant(`${weightName}_bytes`, DataType.INT8, [inputs, outputs], values),
      scale: graph.addConstant(`${weightName}_scale`, DataType.FLOAT, [outputs], scales),
    };
    this.#weights.set(key, weight);
    return weight;
  }
}
