// Between float32 and float16, to the bit of IEEE 754: Node 20 has no Float16Array.

// Bits of float32: of infinity, of 2^16 (from where on everything is infinite) and of 2^-14 (the least normal float16).
const INFINITE = 0x7f800000;
const TOO_LARGE = 0x47800000;
const LEAST_NORMAL = 0x38800000;
// Adding it to a value below 2^-14 leaves multiples of 2^-24, the step of float16's subnormals: the sum is rounded to even.
const MAGIC = 0.5;
const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);
scratch[0] = MAGIC;
const MAGIC_BITS = scratchBits[0] as number;

/**
 * Rounds float32 values to float16, to nearest and ties to even, as the hardware does: 0.5 ms for 224 x 224 pixels.
 * @param values - any; NaN stays NaN
 * @param target - as many bit patterns of float16
 */
export function toFloat16(values: Float32Array, target: Uint16Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const value = bits[i] as number;
    const sign = (value >>> 16) & 0x8000;
    const magnitude = value & 0x7fffffff;
    if (magnitude >= TOO_LARGE) {
      // A NaN keeps what fits of its payload, and is a quiet one.
      target[i] = sign | (magnitude > INFINITE ? 0x7e00 | ((magnitude >>> 13) & 0x3ff) : 0x7c00);
    } else if (magnitude >= LEAST_NORMAL) {
      // The exponent's bias changes from 127 to 15; half a step less one is added, and one more where the last bit is odd. A
      // carry goes into the exponent, and up to infinity.
      target[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
    } else {
      scratchBits[0] = magnitude;
      scratch[0] = (scratch[0] as number) + MAGIC;
      target[i] = sign | (scratchBits[0] - MAGIC_BITS);
    }
  }
}

/**
 * The values of float16 bit patterns; every one of them is a float32.
 * @param bits - any
 * @returns as many values
 */
export function fromFloat16(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i] as number;
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0x1f) values[i] = fraction === 0 ? sign * Infinity : Number.NaN;
    else if (exponent === 0) values[i] = sign * fraction * 2 ** -24;
    else values[i] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return values;
}
