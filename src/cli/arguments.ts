// The arguments of the command, with the bytes that Node loses.
import { readFileSync } from 'node:fs';
import { textOf } from './names.js';

/**
 * The arguments of this process. Node reads them as UTF-8 and puts U+FFFD for what is none; Linux still has the bytes.
 * @returns arguments; names of files in them as from {@link textOf}
 */
export function commandArguments(): string[] {
  const read = process.argv.slice(2);
  if (!read.some((argument) => argument.includes('\uFFFD'))) return read;
  try {
    // Each ends with a NUL; those of Node itself come first.
    const all = readFileSync('/proc/self/cmdline').subarray(0, -1).toString('latin1').split('\0');
    const given = all.slice(-read.length).map((argument) => Buffer.from(argument, 'latin1'));
    return given.every((argument, i) => argument.toString() === read[i]) ? given.map(textOf) : read;
  } catch {
    return read; // another system
  }
}
