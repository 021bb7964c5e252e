// Whether this machine's CPU multiplies signed bytes fast and exactly.
import { byteDotProducts } from '../../image/binding.js';

// Products of bytes summed in 32 bits: the instructions of x86 (for vectors of 512 and of 256 bits) and of arm.
const INSTRUCTIONS = ['avx512_vnni', 'avx_vnni', 'i8mm', 'asimddp'];

/**
 * x86 without them sums pairs of products in 16 bits: slower, and wrong where a sum does not fit. The default asks the
 * addon, whose first use in a process takes about a millisecond.
 * @param available - names of instructions of the CPU
 * @returns the best one that does it; undefined where there is none, or none is known of
 * @throws `NATIVE_UNAVAILABLE`, `INVALID_OPTION` as every use of the addon: no instance could be created either
 */
export function byteProducts(available: readonly string[] = byteDotProducts()): string | undefined {
  return INSTRUCTIONS.find((name) => available.includes(name));
}
