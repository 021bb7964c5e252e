// Whether this machine's CPU multiplies signed bytes fast and exactly.
import { readFileSync } from 'node:fs';

// Products of bytes summed in 32 bits: the instructions of x86 (for vectors of 512 and of 256 bits) and of arm.
const INSTRUCTIONS = ['avx512_vnni', 'avx_vnni', 'i8mm', 'asimddp'];

/**
 * x86 without them sums pairs of products in 16 bits: slower, and wrong where a sum does not fit.
 * @param platform - operating system
 * @param arch - of the CPU
 * @param cpuinfo - content of Linux's /proc/cpuinfo
 * @returns the instruction that does it; undefined where there is none, or none is known of
 */
export function byteProducts(
  platform: string = process.platform,
  arch: string = process.arch,
  cpuinfo: string = readCpuinfo(),
): string | undefined {
  // Every arm processor of Apple's computers has it.
  if (platform === 'darwin' && arch === 'arm64') return 'asimddp';
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(' ') ?? [];
  return INSTRUCTIONS.find((name) => flags.includes(name));
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return ''; // not Linux
  }
}
