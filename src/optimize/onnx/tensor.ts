// Tensors as typed arrays, in both directions.
import { VisionError } from '../../errors.js';
import { fromFloat16 } from '../../inference/float16.js';
import { isBigInt64Array, isBigUint64Array, isFloat32Array } from '../../realm.js';
import type { OnnxModel } from './model.js';
import { DataLocation, DataType, TensorProtoSchema, create, type TensorProto } from './proto.js';

export { fromFloat16 };

/** What the values of a tensor come as. */
export type TensorValues =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

interface ElementType {
  /** Holds the stored form: little-endian, as on every platform that Node runs on. */
  array: new (buffer: ArrayBufferLike, byteOffset: number, length: number) => TensorValues;
  /** The typed field that may hold the values instead of `raw_data`. */
  field: 'floatData' | 'int32Data' | 'int64Data' | 'doubleData' | 'uint64Data';
}

const ELEMENT_TYPES = new Map<number, ElementType>([
  [DataType.FLOAT, { array: Float32Array, field: 'floatData' }],
  [DataType.DOUBLE, { array: Float64Array, field: 'doubleData' }],
  [DataType.FLOAT16, { array: Uint16Array, field: 'int32Data' }],
  [DataType.INT8, { array: Int8Array, field: 'int32Data' }],
  [DataType.UINT8, { array: Uint8Array, field: 'int32Data' }],
  [DataType.INT16, { array: Int16Array, field: 'int32Data' }],
  [DataType.UINT16, { array: Uint16Array, field: 'int32Data' }],
  [DataType.INT32, { array: Int32Array, field: 'int32Data' }],
  [DataType.BOOL, { array: Uint8Array, field: 'int32Data' }],
  [DataType.INT64, { array: BigInt64Array, field: 'int64Data' }],
  [DataType.UINT32, { array: Uint32Array, field: 'uint64Data' }],
  [DataType.UINT64, { array: BigUint64Array, field: 'uint64Data' }],
]);

/**
 * @param tensor - any; a file may say a type that the schema does not know
 * @param type - of elements
 * @returns whether its elements are of that type
 */
export function isOfType({ dataType }: TensorProto, type: DataType): boolean {
  const number: number = type;
  return dataType === number;
}

/**
 * @param tensor - any
 * @returns its dimensions; `[]` for a scalar
 */
export function shapeOf(tensor: TensorProto): number[] {
  return tensor.dims.map(Number);
}

/**
 * @param shape - dimensions
 * @returns how many elements a tensor of that shape has
 */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/**
 * The values of a tensor. They are a view of the model where that is possible: treat them as read-only.
 * @param model - the model that the tensor belongs to
 * @param tensor - of a numeric type; float16 comes as `Float32Array`, bool as `Uint8Array` of 0 and 1
 * @returns `elementCount(shapeOf(tensor))` values
 * @throws `MODEL_INVALID` when the type has no such form, or data and shape disagree
 */
export function tensorValues(model: OnnxModel, tensor: TensorProto): TensorValues {
  const type = ELEMENT_TYPES.get(tensor.dataType);
  if (!type) throw invalid(tensor, 'a numeric type', typeName(tensor));
  const count = elementCount(shapeOf(tensor));
  const values = storedValues(model, tensor, type, count);
  return isOfType(tensor, DataType.FLOAT16) ? fromFloat16(values as Uint16Array) : values;
}

/**
 * The values of a float32 or float16 tensor.
 * @param model - the model that the tensor belongs to
 * @param tensor - of such a type
 * @returns the values, read-only as those of {@link tensorValues}
 * @throws `MODEL_INVALID` when it is of another type or damaged
 */
export function floatValues(model: OnnxModel, tensor: TensorProto): Float32Array {
  const values = tensorValues(model, tensor);
  if (!isFloat32Array(values)) throw invalid(tensor, 'floats', typeName(tensor));
  return values;
}

/**
 * The values of a small tensor, of any numeric type, as numbers.
 * @param model - the model that the tensor belongs to
 * @param tensor - any numeric one
 * @returns its values; int64 beyond 2^53 lose precision
 * @throws `MODEL_INVALID` as {@link tensorValues}
 */
export function numberValues(model: OnnxModel, tensor: TensorProto): number[] {
  return Array.from(tensorValues(model, tensor) as ArrayLike<number | bigint>, Number);
}

/**
 * Makes a tensor over values, which are not copied.
 * @param name - of the tensor
 * @param type - of the elements; must be the one that the array holds (bool: `Uint8Array`, float16: `Uint16Array` of bits)
 * @param shape - dimensions
 * @param values - as many as the shape says
 * @returns the tensor
 * @throws `INVALID_ARGUMENT` when type, shape and values do not agree
 */
export function makeTensor(
  name: string,
  type: number,
  shape: readonly number[],
  values: TensorValues,
): TensorProto {
  const expected = ELEMENT_TYPES.get(type)?.array;
  if (values[Symbol.toStringTag] !== expected?.name || values.length !== elementCount(shape)) {
    throw new VisionError(
      'INVALID_ARGUMENT',
      `Expected ${elementCount(shape)} values in a ${expected?.name ?? 'typed array'} for tensor "${name}" of type ` +
        `${DataType[type] ?? type} but received ${values.length} in a ${values.constructor.name}.`,
    );
  }
  return create(TensorProtoSchema, {
    name,
    dataType: type,
    dims: shape.map(BigInt),
    rawData: new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength),
  });
}

function typeName({ dataType }: TensorProto): string {
  return dataType in DataType ? String(DataType[dataType]) : `type ${dataType}`;
}

function storedValues(model: OnnxModel, tensor: TensorProto, type: ElementType, count: number): TensorValues {
  const elementBytes = (type.array as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
  const raw = model.rawBytes(tensor);
  if (raw) {
    if (raw.length !== count * elementBytes)
      throw invalid(tensor, `${count} elements of ${elementBytes} bytes`, `${raw.length} bytes`);
    // A typed array must start at a multiple of its element: in a file that is chance. (A Buffer's slice copies nothing.)
    const aligned = raw.byteOffset % elementBytes === 0 ? raw : new Uint8Array(raw);
    return new type.array(aligned.buffer, aligned.byteOffset, count);
  }
  const fields: readonly (number | bigint)[] = tensor[type.field];
  if (fields.length !== count) throw invalid(tensor, `${count} elements`, String(fields.length));
  const values = new type.array(new ArrayBuffer(count * elementBytes), 0, count);
  const big = isBigInt64Array(values) || isBigUint64Array(values);
  fields.forEach((value, i) => {
    values[i] = big ? BigInt(value) : Number(value);
  });
  return values;
}

function invalid(tensor: TensorProto, expected: string, found: string): VisionError {
  const where = tensor.dataLocation === DataLocation.EXTERNAL ? 'outside the file' : 'in the file';
  return new VisionError(
    'MODEL_INVALID',
    `Expected ${expected} for tensor "${tensor.name}" [${shapeOf(tensor).join(', ')}] ${where} but found ${found}.`,
  );
}
