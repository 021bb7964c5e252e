// What quantising each layer alone does to its own output, all layers measured in one run.
import { Graph } from '../graph.js';
import { makeNode } from '../onnx/attributes.js';
import type { OnnxModel } from '../onnx/model.js';
import {
  DataType,
  NodeProtoSchema,
  TensorShapeProtoSchema,
  TypeProtoSchema,
  TypeProto_TensorSchema,
  ValueInfoProtoSchema,
  create,
  type ValueInfoProto,
} from '../onnx/proto.js';
import { bytesOf } from '../quantize.js';
import { IntegerProducts } from './integer-products.js';
import { productsOf } from './layers.js';
import { scaleWeights, smooth, type Smoothing } from './smooth.js';

/** Outputs that tell of one layer; each is a scalar. */
export interface LayerOutputs {
  /** Sum of the squares of what quantising changes in the layer's output. */
  error: string;
  /** Sum of the squares of the output. */
  size: string;
  /** How many numbers the output has, as float32. */
  count: string;
}

/**
 * Puts beside each layer its quantised twin, which gets the same float32 input and feeds nothing.
 * @param model - in float32; is not changed
 * @param smoothing - as it will be quantised
 * @param evened - whether with every activation evened out
 * @returns a copy with three more outputs for each layer, by the layer's name
 */
export function withQuantizationErrors(
  model: OnnxModel,
  smoothing: Smoothing,
  evened: boolean,
): { model: OnnxModel; outputs: Map<string, LayerOutputs> } {
  const graph = new Graph(model);
  const layers = productsOf(graph);
  const even = new Set(evened ? layers.map(({ name }) => name) : []);
  const { scalings, divisors } = smooth(graph, layers, new Set(), even, smoothing);
  scaleWeights(graph, layers, scalings);
  const smoothed = productsOf(graph);
  const integers = new IntegerProducts(graph);
  const outputs = new Map<string, LayerOutputs>();
  for (const product of smoothed) {
    const { name, node, result } = product;
    const value = (what: string) => graph.uniqueName(`${name}_${what}`);
    const twin = {
      ...product,
      name: value('twin'),
      node: Object.assign(create(NodeProtoSchema), node, {
        name: value('twin_node'),
        input: [...node.input],
      }),
      result: value('twin_result'),
    };
    twin.node.output = [twin.result];
    graph.insertBefore(node, twin.node);
    const inputs = divisors.get(product.activation);
    const evening = evened ? { divisors: inputs } : undefined;
    integers.replace(twin, () => bytesOf(graph, product, inputs && { inputs }), evening);
    const [difference, integer] = [value('difference'), value('elements')];
    const told = { error: value('error'), size: value('size'), count: value('count') };
    graph.model.graph.node.push(
      makeNode('Sub', { inputs: [result, twin.result], outputs: [difference] }),
      makeNode('ReduceSumSquare', {
        inputs: [difference],
        outputs: [told.error],
        attributes: { keepdims: 0n },
      }),
      makeNode('ReduceSumSquare', { inputs: [result], outputs: [told.size], attributes: { keepdims: 0n } }),
      makeNode('Size', { inputs: [result], outputs: [integer] }),
      makeNode('Cast', {
        inputs: [integer],
        outputs: [told.count],
        attributes: { to: BigInt(DataType.FLOAT) },
      }),
    );
    graph.model.graph.output.push(...Object.values(told).map(scalarInfo));
    outputs.set(name, told);
  }
  return { model: graph.model, outputs };
}

function scalarInfo(name: string): ValueInfoProto {
  const tensor = create(TypeProto_TensorSchema, {
    elemType: DataType.FLOAT,
    shape: create(TensorShapeProtoSchema),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
  });
}
