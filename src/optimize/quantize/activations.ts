// What goes into the layers, seen from outside: a copy of the graph that also tells each channel's largest magnitude.
import { Graph } from '../graph.js';
import { makeNode } from '../onnx/attributes.js';
import type { OnnxModel } from '../onnx/model.js';
import {
  DataType,
  TensorShapeProtoSchema,
  TensorShapeProto_DimensionSchema,
  TypeProtoSchema,
  TypeProto_TensorSchema,
  ValueInfoProtoSchema,
  create,
  type ValueInfoProto,
} from '../onnx/proto.js';
import { productsOf } from './layers.js';
import { reduceMax } from './reduce-max.js';

/** A graph to calibrate with. */
export interface ObservedModel {
  /** The graph as it was, with more outputs. It shares its tensors with the one it was made from. */
  model: OnnxModel;
  /** By the name of a layer: the output that holds the largest magnitude of each channel of its input, over all rows. */
  outputs: Map<string, string>;
}

/**
 * @param model - in float32; is not changed
 * @returns a copy with an output of `inputs` numbers for each layer; layers of the same input share theirs
 */
export function withActivationOutputs(model: OnnxModel): ObservedModel {
  const graph = new Graph(model);
  const observed = new Map<string, string>();
  const outputs = new Map<string, string>();
  const nodes = [];
  for (const { name, activation, inputs } of productsOf(graph)) {
    let output = observed.get(activation);
    if (output === undefined) {
      const value = (what: string) => graph.uniqueName(`${activation}_${what}`);
      const [rows, sizes, largest] = [value('rows'), value('magnitudes'), value('largest')];
      const shape = graph.addConstant(`${activation}_rows_shape`, DataType.INT64, [2], rowsOf(inputs));
      nodes.push(
        makeNode('Reshape', { inputs: [activation, shape], outputs: [rows] }),
        makeNode('Abs', { inputs: [rows], outputs: [sizes] }),
        reduceMax(graph, { input: sizes, output: largest, axis: 0, keep: false }),
      );
      graph.model.graph.output.push(vectorInfo(largest, inputs));
      output = largest;
      observed.set(activation, output);
    }
    outputs.set(name, output);
  }
  graph.model.graph.node.push(...nodes);
  return { model: graph.model, outputs };
}

function rowsOf(channels: number): BigInt64Array {
  return BigInt64Array.of(-1n, BigInt(channels));
}

function vectorInfo(name: string, length: number): ValueInfoProto {
  const dim = [
    create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(length) } }),
  ];
  const tensor = create(TypeProto_TensorSchema, {
    elemType: DataType.FLOAT,
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
  });
}
