// Products of bytes in the place of layers, in the form that ONNX Runtime joins into one operator.
import type { Graph } from '../graph.js';
import { makeNode, type NodeParts } from '../onnx/attributes.js';
import { DataType } from '../onnx/proto.js';
import { addendOf, type Product } from './layers.js';
import type { ByteWeight } from './weights.js';

interface StoredWeight {
  bytes: string;
  scale: string;
}

interface QuantizedValue {
  bytes: string;
  scale: string;
  zeroPoint: string;
}

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
   */
  replace(product: Product, makeWeight: () => ByteWeight): void {
    const { name, node, result } = product;
    const addend = addendOf(product);
    const graph = this.#graph;
    const activation = this.#quantized(product);
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
    const rescale = makeNode('Mul', { name, inputs: [float, scale], outputs: [last] });
    if (addend === undefined) {
      graph.replaceNode(node, rescale);
    } else {
      graph.insertBefore(node, rescale);
      const add = graph.uniqueName(`${name}_Add`);
      graph.replaceNode(node, makeNode('Add', { name: add, inputs: [last, addend], outputs: [result] }));
    }
  }

  #quantized({ activation, node }: Product): QuantizedValue {
    const known = this.#activations.get(activation);
    if (known) {
      this.#shared++;
      return known;
    }
    const graph = this.#graph;
    const value = {
      bytes: graph.uniqueName(`${activation}_bytes`),
      scale: graph.uniqueName(`${activation}_scale`),
      zeroPoint: graph.uniqueName(`${activation}_zero_point`),
    };
    const name = graph.uniqueName(`${activation}_DynamicQuantizeLinear`);
    const outputs = [value.bytes, value.scale, value.zeroPoint];
    graph.insertBefore(node, makeNode('DynamicQuantizeLinear', { name, inputs: [activation], outputs }));
    this.#activations.set(activation, value);
    return value;
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
