// Normalisation as a reader would write it: what the C++ kernels are compared with.

/**
 * Interleaved bytes to planar float32, one rounding per operation, as the kernels promise.
 * @returns `3 * width * height` numbers: all of R, then G, then B
 */
export function referenceNormalize(
  source: Uint8Array,
  layout: { offset: number; width: number; height: number; channels: number; rowStride: number },
  scale: Float32Array,
  bias: Float32Array,
): Float32Array {
  const { offset, width, height, channels, rowStride } = layout;
  const target = new Float32Array(3 * width * height);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const byte = source[offset + y * rowStride + x * channels + c]!;
        const product = Math.fround(byte * scale[c]!);
        target[(c * height + y) * width + x] = Math.fround(product + bias[c]!);
      }
    }
  }
  return target;
}
