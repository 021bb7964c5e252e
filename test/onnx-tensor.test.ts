// Tensors and attributes of ONNX as plain values, in both directions.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  attribute,
  floatAttribute,
  intAttribute,
  intsAttribute,
  makeNode,
  setAttribute,
  stringAttribute,
} from '../dist/esm/optimize/onnx/attributes.js';
import { OnnxModel } from '../dist/esm/optimize/onnx/model.js';
import { DataType, ModelProtoSchema, TensorProtoSchema, create } from '../dist/esm/optimize/onnx/proto.js';
import {
  elementCount,
  floatValues,
  fromFloat16,
  isOfType,
  makeTensor,
  numberValues,
  shapeOf,
  tensorValues,
  type TensorValues,
} from '../dist/esm/optimize/onnx/tensor.js';
import { refused } from './helpers/assertions.js';

const model = new OnnxModel(create(ModelProtoSchema));
const BY_TYPE: [DataType, TensorValues, keyof typeof TensorProtoSchema.field][] = [
  [DataType.FLOAT, Float32Array.of(1.5, -2, 3), 'floatData'],
  [DataType.DOUBLE, Float64Array.of(1.1, -2, 3), 'doubleData'],
  [DataType.INT8, Int8Array.of(-128, 0, 127), 'int32Data'],
  [DataType.UINT8, Uint8Array.of(0, 1, 255), 'int32Data'],
  [DataType.INT16, Int16Array.of(-32768, 0, 32767), 'int32Data'],
  [DataType.UINT16, Uint16Array.of(0, 1, 65535), 'int32Data'],
  [DataType.INT32, Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1), 'int32Data'],
  [DataType.INT64, BigInt64Array.of(-(2n ** 63n), 0n, 2n ** 63n - 1n), 'int64Data'],
  [DataType.UINT32, Uint32Array.of(0, 1, 2 ** 32 - 1), 'uint64Data'],
  [DataType.UINT64, BigUint64Array.of(0n, 1n, 2n ** 64n - 1n), 'uint64Data'],
  [DataType.BOOL, Uint8Array.of(0, 1, 1), 'int32Data'],
];

// IEEE 754 by its definition, one bit pattern after the other.
function half(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
}

const tensors = suite('ONNX tensors');

for (const [type, values, field] of BY_TYPE) {
  tensors(`${DataType[type]}: the same values from bytes and from the typed field`, () => {
    const tensor = makeTensor('t', type, [values.length], values);
    assert.ok(isOfType(tensor, type));
    assert.equal(tensorValues(model, tensor), values);
    // Wherever in a file the bytes begin.
    const file = new Uint8Array(tensor.rawData.length + 1);
    file.set(tensor.rawData, 1);
    const unaligned = create(TensorProtoSchema, { ...tensor, rawData: file.subarray(1) });
    assert.equal(tensorValues(model, unaligned), values);
    const typed = create(TensorProtoSchema, {
      name: 't',
      dataType: type,
      dims: [3n],
      [field]: [...(values as Iterable<number | bigint>)].map((value) =>
        field === 'uint64Data' ? BigInt(value) : value,
      ),
    });
    assert.equal(tensorValues(model, typed), values);
  });
}

tensors('makeTensor copies nothing, scalars have no dimensions', () => {
  const values = Float32Array.of(1, 2, 3, 4).subarray(1);
  const tensor = makeTensor('t', DataType.FLOAT, [3, 1], values);
  values[0] = 9;
  assert.equal([...floatValues(model, tensor)], [9, 3, 4]);
  assert.equal(shapeOf(tensor), [3, 1]);
  const scalar = makeTensor('s', DataType.INT64, [], BigInt64Array.of(-7n));
  assert.equal([shapeOf(scalar), numberValues(model, scalar)], [[], [-7]]);
  assert.is(elementCount([]), 1);
  assert.is(elementCount([3, 0, 2]), 0);
});

tensors('float16 comes as the same numbers in float32: every bit pattern', () => {
  const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
  const decoded = fromFloat16(all);
  all.forEach((bits) => assert.ok(Object.is(decoded[bits], half(bits)), bits.toString(16)));
  const tensor = makeTensor('t', DataType.FLOAT16, [2], Uint16Array.of(0x3c00, 0xc000));
  assert.equal([...floatValues(model, tensor)], [1, -2]);
});

tensors('what does not agree is refused', async () => {
  const short = makeTensor('short', DataType.FLOAT, [2], new Float32Array(2));
  short.dims = [3n];
  await refused(() => tensorValues(model, short), 'MODEL_INVALID', /3 elements of 4 bytes.*"short".*8 bytes/);
  const text = create(TensorProtoSchema, { name: 'text', dataType: DataType.STRING, dims: [1n] });
  await refused(() => tensorValues(model, text), 'MODEL_INVALID', /STRING/);
  const unknown = create(TensorProtoSchema, { name: 'new', dataType: 99, dims: [1n] });
  await refused(() => tensorValues(model, unknown), 'MODEL_INVALID', /type 99/);
  const ints = makeTensor('ints', DataType.INT32, [1], new Int32Array(1));
  await refused(() => floatValues(model, ints), 'MODEL_INVALID', /INT32/);
  await refused(() => makeTensor('t', DataType.FLOAT, [2], new Float32Array(3)), 'INVALID_ARGUMENT');
  await refused(() => makeTensor('t', DataType.INT8, [2], new Float32Array(2)), 'INVALID_ARGUMENT');
});

tensors('attributes: what is put in comes out', () => {
  const int64 = fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n });
  const values = fc.record({
    i: int64,
    f: fc.float({ noNaN: true }),
    s: fc.string({ unit: 'grapheme' }),
    ints: fc.array(int64),
    floats: fc.array(fc.float({ noNaN: true }), { minLength: 1 }),
  });
  fc.assert(
    fc.property(values, (given) => {
      const node = makeNode('Op', {
        name: 'n',
        inputs: ['a'],
        outputs: ['b'],
        domain: 'd',
        attributes: given,
      });
      assert.equal(
        [node.opType, node.name, node.domain, node.input, node.output],
        ['Op', 'n', 'd', ['a'], ['b']],
      );
      assert.is(intAttribute(node, 'i', 0), Number(given.i));
      assert.ok(Object.is(floatAttribute(node, 'f', 0), given.f));
      assert.is(stringAttribute(node, 's', ''), given.s);
      assert.equal(intsAttribute(node, 'ints'), given.ints.map(Number));
      assert.equal(attribute(node, 'floats')?.floats, given.floats);
    }),
  );
});

tensors('attributes: defaults, and setting in place of what was there', () => {
  const node = makeNode('Op', { inputs: [], outputs: [] });
  assert.is(intAttribute(node, 'axis', -1), -1);
  assert.is(intAttribute(node, 'axis', undefined), undefined);
  assert.is(floatAttribute(node, 'epsilon', 0.5), 0.5);
  assert.is(stringAttribute(node, 'mode', 'none'), 'none');
  assert.is(intsAttribute(node, 'perm'), undefined);
  setAttribute(node, 'axis', 2n);
  setAttribute(node, 'axis', 3n);
  assert.is(node.attribute.length, 1);
  assert.is(intAttribute(node, 'axis', -1), 3);
  setAttribute(node, 'value', makeTensor('', DataType.INT64, [1], BigInt64Array.of(5n)));
  assert.equal(numberValues(model, attribute(node, 'value')!.t!), [5]);
});

tensors('operator sets: "" and "ai.onnx" are one domain', () => {
  const other = new OnnxModel(
    create(ModelProtoSchema, { opsetImport: [{ domain: 'ai.onnx', version: 14n }] }),
  );
  assert.is(other.opset(), 14);
  assert.is(other.opset('com.microsoft'), undefined);
  other.setOpset('', 17);
  other.setOpset('com.microsoft', 1);
  assert.equal([other.opset(), other.opset('com.microsoft')], [17, 1]);
  assert.is(other.proto.opsetImport.length, 2);
});

tensors.run();
