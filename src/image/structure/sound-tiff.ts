// Mends what is wrong in a TIFF's first directory without touching the picture, and what libtiff would refuse it for.
import { isRangeError } from '../../realm.js';
import { bufferOver } from '../buffer-over.js';
import { LONG, Numbers, SHORT } from './tiff-numbers.js';

const MAX_ENTRIES = 4096;
const ENTRY_BYTES = 12;
// Tags, the values that they may have, and the one that means what the reference makes of any other.
const MENDED = [
  { tag: 274, most: 8, instead: 1 }, // orientation: as stored
  { tag: 296, most: 3, instead: 2 }, // unit of the resolution: inches
];

/**
 * An orientation or a unit that does not exist, and a pointer to a next picture outside of the file, come from careless
 * writers; the reference passes over them.
 * @param bytes - the file; a BigTIFF is left alone
 * @returns a copy without those faults, or the file itself if it has none
 */
export function soundTiff(bytes: Uint8Array): Uint8Array {
  const file = bufferOver(bytes);
  const read = new Numbers(file, file[0] === 0x49);
  let copy: Buffer | undefined;
  const write = (at: number, value: number, type: number): void => {
    copy ??= Buffer.from(file);
    const size = type === SHORT ? 2 : 4;
    if (read.little) copy.writeUIntLE(value, at, size);
    else copy.writeUIntBE(value, at, size);
  };
  try {
    if (read.u16(2) !== 42) return bytes;
    const start = read.u32(4);
    const count = read.u16(start);
    for (let n = 0; n < Math.min(count, MAX_ENTRIES); n++) {
      const at = start + 2 + n * ENTRY_BYTES;
      const mended = MENDED.find(({ tag }) => tag === read.u16(at));
      const type = read.u16(at + 2);
      if (mended === undefined || (type !== SHORT && type !== LONG) || read.u32(at + 4) !== 1) continue;
      const value = read.value(type, at + 8);
      if (value < 1 || value > mended.most) write(at + 8, mended.instead, type);
    }
    const next = start + 2 + count * ENTRY_BYTES;
    if (read.u32(next) + 6 > file.length) write(next, 0, LONG);
  } catch (error) {
    if (!isRangeError(error)) throw error; // out of the buffer: the decoder will say so
  }
  return copy ?? bytes;
}
