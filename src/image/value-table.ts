// What each of the 256 byte values becomes, per channel: rescaled and normalised exactly as the reference does.
import type { Preprocessing } from './preprocessing.js';

/** Values in a channel's part of the table. */
const BYTES = 256;

/**
 * The table that the kernel looks bytes up in. transformers multiplies in double precision and rounds to float32, then
 * subtracts and divides in float32; every step is rounded here in the same way, so the values are equal to the bit.
 * @param config - the model's preprocessing
 * @param config.rescaleFactor - see there
 * @param config.normalize - see there
 * @returns `3 * 256` values: R, G, B
 */
export function valueTable({ rescaleFactor, normalize }: Preprocessing): Float32Array {
  const table = new Float32Array(3 * BYTES);
  for (let i = 0; i < table.length; i++) {
    const channel = Math.floor(i / BYTES);
    const rescaled = Math.fround((i % BYTES) * rescaleFactor);
    const mean = Math.fround(normalize?.mean[channel] ?? 0);
    const std = Math.fround(normalize?.std[channel] ?? 1);
    // Dividing two floats in double precision and rounding once gives the float32 quotient.
    table[i] = Math.fround(rescaled - mean) / std;
  }
  return table;
}
