// A model in memory: the messages of its file, and where the tensors lie that are kept outside of it.
import { readExternal } from './external.js';
import {
  DataLocation,
  GraphProtoSchema,
  OperatorSetIdProtoSchema,
  create,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from './proto.js';

/**
 * An ONNX model. `proto` is the whole of the file: change it freely, what is not touched is written back as it was
 * read. Tensors inside the file are views of the bytes that were read; tensors outside are read when they are asked for.
 */
export class OnnxModel {
  /** Every field of the file, unknown ones included. */
  readonly proto: ModelProto;
  /** Where external data is looked for; undefined for a model that was made, not read. */
  readonly folder: string | undefined;

  /**
   * @param proto - the message
   * @param folder - the folder of the file it was read from
   */
  constructor(proto: ModelProto, folder?: string) {
    this.proto = proto;
    this.folder = folder;
  }

  /** The main graph. */
  get graph(): GraphProto {
    return (this.proto.graph ??= create(GraphProtoSchema));
  }

  /**
   * @param domain - of operators; `''` is ONNX's own
   * @returns the version of its operators, or undefined when the model uses none of them
   */
  opset(domain = ''): number | undefined {
    const entry = this.proto.opsetImport.find(
      (one) => canonicalDomain(one.domain) === canonicalDomain(domain),
    );
    return entry && Number(entry.version);
  }

  /**
   * Declares a domain of operators, or changes its version.
   * @param domain - for example `com.microsoft`
   * @param version - of its operators
   */
  setOpset(domain: string, version: number): void {
    const entry = this.proto.opsetImport.find(
      (one) => canonicalDomain(one.domain) === canonicalDomain(domain),
    );
    if (entry) entry.version = BigInt(version);
    else this.proto.opsetImport.push(create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }));
  }

  /**
   * The bytes of a tensor that is stored as such (`raw_data`), in the file or outside.
   * @param tensor - of this model
   * @returns a view for tensors in the file, a new buffer for those outside; undefined when its values are kept in
   * typed fields
   * @throws `MODEL_INVALID`, `MODEL_NOT_FOUND` when the data outside is not there
   */
  rawBytes(tensor: TensorProto): Uint8Array | undefined {
    if (tensor.dataLocation === DataLocation.EXTERNAL) return readExternal(this.folder, tensor);
    return tensor.rawData.length > 0 ? tensor.rawData : undefined;
  }
}

/**
 * Every tensor of a graph: initialisers, values of attributes, and those of the graphs inside.
 * @param graph - a graph
 * @yields its tensors
 */
export function* tensorsOf(graph: GraphProto): Generator<TensorProto> {
  yield* graph.initializer;
  for (const { values, indices } of graph.sparseInitializer) {
    if (values) yield values;
    if (indices) yield indices;
  }
  for (const node of graph.node) yield* tensorsOfNode(node);
}

/**
 * @param node - a node
 * @yields the tensors in its attributes, and those of the graphs in them
 */
export function* tensorsOfNode(node: NodeProto): Generator<TensorProto> {
  for (const { t, tensors, g, graphs } of node.attribute) {
    if (t) yield t;
    yield* tensors;
    for (const inner of g ? [g, ...graphs] : graphs) yield* tensorsOf(inner);
  }
}

// "ai.onnx" is the long name of the domain with the empty one.
function canonicalDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}
