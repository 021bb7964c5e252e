// Dynamic quantisation by its definition: ONNX's DynamicQuantizeLinear, and the product of integers, slowly.

/** An activation as bytes. */
export interface ByteActivation {
  bytes: Uint8Array;
  scale: number;
  zeroPoint: number;
}

/**
 * https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html
 * @param values - float32
 * @returns bytes, of which `(byte - zeroPoint) * scale` is about the value
 */
export function dynamicQuantize(values: Float32Array): ByteActivation {
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const scale = Math.fround(Math.fround(high - low) / 255);
  const toByte = (value: number) => Math.min(255, Math.max(0, value));
  const zeroPoint = toByte(halfToEven(Math.fround(-low / scale)));
  const bytes = Uint8Array.from(values, (value) =>
    toByte(halfToEven(Math.fround(value / scale)) + zeroPoint),
  );
  return { bytes, scale, zeroPoint };
}

/**
 * @param activation - `[rows, inputs]`
 * @param weight - `[inputs, outputs]`
 * @param inputs - how many
 * @returns `[rows, outputs]` integers: the sums of `(byte - zeroPoint) * weight`
 */
export function integerProduct(activation: ByteActivation, weight: Int8Array, inputs: number): Int32Array {
  const rows = activation.bytes.length / inputs;
  const outputs = weight.length / inputs;
  const product = new Int32Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < outputs; j++) {
      let sum = 0;
      for (let i = 0; i < inputs; i++) {
        const x = activation.bytes[row * inputs + i]! - activation.zeroPoint;
        sum += x * weight[i * outputs + j]!;
      }
      product[row * outputs + j] = sum;
    }
  }
  return product;
}

function halfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
