// A model as pieces of its file: small messages encoded, large tensors left where they are until they are written.
import { VisionError } from '../../errors.js';
import { externalEntries, locateExternal } from './external.js';
import type { OnnxModel } from './model.js';
import {
  BinaryWriter,
  DataLocation,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  WireType,
  clearField,
  create,
  isFieldSet,
  toBinary,
  type DescMessage,
  type MessageShape,
  type TensorProto,
} from './proto.js';

/** Bytes of the file: those at hand, or those of a tensor outside that is read when its turn comes. */
export interface Piece {
  length: number;
  bytes: () => Uint8Array;
}

/** The pieces of the model's file, and of the file with the data outside of it. */
export interface EncodedModel {
  model: Piece[];
  data: Piece[];
}

/** Which tensors go outside, and into which file. */
export interface ExternalRequest {
  /** Name of the data file, in the folder of the model's. */
  location: string;
  /** Tensors of this many bytes and more. */
  minBytes: number;
}

// Page-aligned, so that the runtime can map each tensor.
const ALIGNMENT = 4096;
// Protobuf's own limit: lengths are int32 in the runtimes that read the file.
const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

const MODEL_GRAPH = 7;
const GRAPH_NODE = 1;
const GRAPH_INITIALIZER = 5;
const TENSOR_RAW_DATA = 9;

/**
 * Cuts a model into the pieces of its file, in the order of the fields' numbers, as every protobuf library writes them.
 * @param model - is not changed
 * @param external - which initialisers go outside; undefined: none, those that lie outside are brought in
 * @returns the pieces
 * @throws `INVALID_ARGUMENT` when the file would be larger than protobuf allows
 */
export function encodeModel(model: OnnxModel, external?: ExternalRequest): EncodedModel {
  const data: Piece[] = [];
  let dataLength = 0;
  const place = (payload: Piece) => {
    const padding = (ALIGNMENT - (dataLength % ALIGNMENT)) % ALIGNMENT;
    if (padding > 0) data.push(atHand(new Uint8Array(padding)));
    const offset = dataLength + padding;
    data.push(payload);
    dataLength = offset + payload.length;
    return offset;
  };
  const { graph, proto } = model;
  const initializers = graph.initializer.flatMap((tensor) => {
    const payload = payloadOf(model, tensor);
    if (external && payload && payload.length >= external.minBytes) {
      const { location } = external;
      const moved = partOf(TensorProtoSchema, tensor, (number) => number !== TENSOR_RAW_DATA, true);
      moved.dataLocation = DataLocation.EXTERNAL;
      moved.externalData = externalEntries({ location, offset: place(payload), length: payload.length });
      return framed(GRAPH_INITIALIZER, [atHand(toBinary(TensorProtoSchema, moved))]);
    }
    return framed(GRAPH_INITIALIZER, tensorPieces(tensor, payload));
  });
  const graphPieces = [
    ...graph.node.flatMap((node) => framed(GRAPH_NODE, [atHand(toBinary(NodeProtoSchema, node))])),
    part(GraphProtoSchema, graph, (number) => number > GRAPH_NODE && number < GRAPH_INITIALIZER, false),
    ...initializers,
    part(GraphProtoSchema, graph, (number) => number > GRAPH_INITIALIZER, true),
  ];
  const pieces = [
    part(ModelProtoSchema, proto, (number) => number < MODEL_GRAPH, false),
    ...framed(MODEL_GRAPH, graphPieces),
    part(ModelProtoSchema, proto, (number) => number > MODEL_GRAPH, true),
  ];
  const length = totalLength(pieces);
  if (length > MAX_MESSAGE_BYTES) {
    throw new VisionError(
      'INVALID_ARGUMENT',
      `Expected a model of at most ${MAX_MESSAGE_BYTES} bytes for one file but received one of ${length}: ` +
        'write it with external data.',
    );
  }
  return { model: pieces, data };
}

/**
 * @param pieces - of a file
 * @returns how many bytes they are
 */
export function totalLength(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

function tensorPieces(tensor: TensorProto, payload: Piece | undefined): Piece[] {
  if (!payload) return [atHand(toBinary(TensorProtoSchema, tensor))];
  const rest = partOf(TensorProtoSchema, tensor, (number) => number > TENSOR_RAW_DATA, true);
  if (rest.dataLocation === DataLocation.EXTERNAL) {
    clearField(rest, TensorProtoSchema.field.dataLocation);
    clearField(rest, TensorProtoSchema.field.externalData);
  }
  return [
    part(TensorProtoSchema, tensor, (number) => number < TENSOR_RAW_DATA, false),
    ...framed(TENSOR_RAW_DATA, [payload]),
    atHand(toBinary(TensorProtoSchema, rest)),
  ];
}

function payloadOf(model: OnnxModel, tensor: TensorProto): Piece | undefined {
  if (tensor.dataLocation === DataLocation.EXTERNAL) {
    const { length } = locateExternal(model.folder, tensor);
    return { length, bytes: () => model.rawBytes(tensor) ?? new Uint8Array() };
  }
  return isFieldSet(tensor, TensorProtoSchema.field.rawData) ? atHand(tensor.rawData) : undefined;
}

// A field that holds a message or bytes: its tag, its length, its content.
function framed(number: number, content: readonly Piece[]): Piece[] {
  const header = new BinaryWriter()
    .tag(number, WireType.LengthDelimited)
    .uint32(totalLength(content))
    .finish();
  return [atHand(header), ...content];
}

function part<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
  keep: (number: number) => boolean,
  unknown: boolean,
): Piece {
  return atHand(toBinary(schema, partOf(schema, message, keep, unknown)));
}

// Encoding the whole at once would copy the weights once for every message around them.
function partOf<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
  keep: (number: number) => boolean,
  unknown: boolean,
): MessageShape<Desc> {
  const copy = create(schema);
  const target = copy as Record<string, unknown>;
  const source = message as Record<string, unknown>;
  for (const field of schema.fields) {
    if (keep(field.number) && isFieldSet(message, field)) target[field.localName] = source[field.localName];
  }
  if (unknown && message.$unknown) copy.$unknown = message.$unknown;
  return copy;
}

function atHand(bytes: Uint8Array): Piece {
  return { length: bytes.length, bytes: () => bytes };
}
