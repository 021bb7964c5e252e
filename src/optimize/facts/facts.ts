// What is known of every value of a graph before it runs: its type, its shape, and the numbers of small integer lists.
import type { Graph } from '../graph.js';
import { DataType, type TensorProto, type ValueInfoProto } from '../onnx/proto.js';
import { elementCount, isOfType, numberValues, shapeOf } from '../onnx/tensor.js';
import { MAX_LIST } from './common.js';
import type { Dim } from './dims.js';
import type { Fact } from './fact.js';
import { OPERATORS } from './operators.js';

const KNOWN_DOMAINS = new Set(['', 'ai.onnx', 'com.microsoft']);

/** Facts by the names of values. */
export class Facts {
  readonly #facts = new Map<string, Fact>();

  /** @param graph - is walked once; later changes of it are not seen */
  constructor(graph: Graph) {
    let count = 0;
    const fresh = () => `?${count++}`;
    for (const input of graph.model.graph.input) this.#facts.set(input.name, factOfInput(input, fresh));
    for (const tensor of graph.model.graph.initializer) {
      if (graph.constantOf(tensor.name)) this.#facts.set(tensor.name, factOfTensor(graph, tensor));
    }
    for (const node of graph.nodes) {
      const constant = graph.constantOf(node.output[0]);
      const inputs = node.input.map((name) => this.of(name));
      const rule = KNOWN_DOMAINS.has(node.domain) ? OPERATORS.get(node.opType) : undefined;
      const outputs = constant
        ? [factOfTensor(graph, constant)]
        : (rule?.({ node, model: graph.model, inputs, fresh }) ?? []);
      node.output.forEach((name, i) => this.#facts.set(name, outputs[i] ?? {}));
    }
  }

  /**
   * @param name - of a value
   * @returns what is known of it
   */
  of(name: string | undefined): Fact {
    return (name === undefined ? undefined : this.#facts.get(name)) ?? {};
  }

  /**
   * @param name - of a value
   * @returns its shape, if its rank is known
   */
  shapeOf(name: string | undefined): readonly Dim[] | undefined {
    return this.of(name).shape;
  }

  /**
   * @param name - of a value
   * @returns whether it is known to be float32
   */
  isFloat32(name: string | undefined): boolean {
    const float: number = DataType.FLOAT;
    return this.of(name).type === float;
  }
}

function factOfInput({ type }: ValueInfoProto, fresh: () => Dim): Fact {
  if (type?.value.case !== 'tensorType') return {};
  const { elemType, shape } = type.value.value;
  return {
    type: elemType,
    shape: shape?.dim.map(({ value }): Dim => {
      if (value.case === 'dimValue') return Number(value.value);
      // Exporters may write formulas, which would be taken for products.
      return value.case === 'dimParam' && /^[A-Za-z_]\w*$/.test(value.value) ? value.value : fresh();
    }),
  };
}

function factOfTensor(graph: Graph, tensor: TensorProto): Fact {
  const shape = shapeOf(tensor);
  const whole = isOfType(tensor, DataType.INT64) || isOfType(tensor, DataType.INT32);
  const listed = whole && shape.length <= 1 && elementCount(shape) <= MAX_LIST;
  return { type: tensor.dataType, shape, ints: listed ? numberValues(graph.model, tensor) : undefined };
}
