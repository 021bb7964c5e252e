// Names the type of this machine's CPU: prepacked weights are laid out for it and must not be read on another.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

// What ONNX Runtime chooses its kernels by, in the words of x86 and arm. The frequency, the cache's size and the microcode
// differ between machines of one type, or from boot to boot.
const FIELDS = new Set([
  'vendor_id',
  'cpu family',
  'model',
  'model name',
  'stepping',
  'flags',
  'CPU implementer',
  'CPU architecture',
  'CPU variant',
  'CPU part',
  'CPU revision',
  'Features',
]);

/** A type of CPU; two that are equal in all parts run the same kernels. */
export interface CpuType {
  /** The vendor's name for it. */
  model: string;
  platform: string;
  arch: string;
  /** SHA-256 (hex) of what Linux says about it, every kind of core and every instruction set; empty elsewhere. */
  features: string;
}

/**
 * @param cpuinfo - content of /proc/cpuinfo; undefined where there is none
 * @returns this machine's type of CPU
 */
export function cpuType(cpuinfo: string | undefined = readCpuinfo()): CpuType {
  return {
    model: cpus()[0]?.model ?? 'unknown',
    platform: process.platform,
    arch: process.arch,
    features: cpuinfo === undefined ? '' : featuresOf(cpuinfo),
  };
}

// A set, because one machine may have several kinds of cores and may list them in any order.
function featuresOf(cpuinfo: string): string {
  const lines = new Set<string>();
  for (const line of cpuinfo.split('\n')) {
    const colon = line.indexOf(':');
    const field = line.slice(0, Math.max(0, colon)).trim();
    if (FIELDS.has(field)) lines.add(`${field}:${line.slice(colon + 1).trim()}`);
  }
  return createHash('sha256').update([...lines].sort().join('\n')).digest('hex');
}

function readCpuinfo(): string | undefined {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return undefined;
  }
}
