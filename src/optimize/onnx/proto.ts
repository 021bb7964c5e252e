// ONNX's messages as they stand in a file: the only import of the schema (onnx-buf) and of the protobuf library.
export { clearField, create, fromBinary, isFieldSet, toBinary } from '@bufbuild/protobuf';
export type { DescMessage, MessageShape } from '@bufbuild/protobuf';
export { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
export {
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  TensorShapeProtoSchema,
  TensorShapeProto_DimensionSchema,
  TypeProtoSchema,
  TypeProto_TensorSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
export type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  StringStringEntryProto,
  TensorProto,
  ValueInfoProto,
} from 'onnx-buf';

/**
 * A copy of a message with some fields changed. What it holds is shared. (A spread would lose the fields' defaults,
 * which are the prototype's.)
 * @param message - any
 * @param changes - fields of the copy
 * @returns the copy
 */
export function copyWith<T extends object>(message: T, changes: Partial<T>): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message) as object) as T, message, changes);
}
