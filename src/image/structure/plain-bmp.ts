// Writes a BMP anew in one of the few forms that its decoder is proven for: no run lengths, whole bytes, nothing left out.
import { expandRuns, unmask } from './bmp-pixels.js';
import {
  BITFIELDS,
  FILE_HEADER,
  INFO_HEADER,
  WITH_ALPHA_MASK,
  hasRunLengths,
  isWholeByte,
  type BmpStructure,
} from './bmp.js';

// What 16 bits a pixel mean without masks: five bits each, the highest unused.
const FIVE_BITS = [0x7c00, 0x3e0, 0x1f];

/** How the pixels of the new file are stored. */
interface Form {
  bits: number;
  /** Of red, green, blue, alpha; empty where the order is the usual one. */
  masks: readonly number[];
  pixels: Uint8Array;
}

/**
 * The same picture in a file with a header of 40 bytes (56 where there are masks), a whole palette of four bytes an entry,
 * and the pixels right behind.
 * @param bytes - the file
 * @param bmp - its structure
 * @returns a file of its own; undefined where the pixels are cut off or would lie in the headers
 */
export function plainBmp(bytes: Uint8Array, bmp: BmpStructure): Uint8Array | undefined {
  const form = formOf(bytes, bmp);
  if (form === undefined) return undefined;
  const { bits, masks, pixels } = form;
  const entries = bits <= 8 ? 2 ** bits : 0;
  const headerBytes = masks.length > 0 ? WITH_ALPHA_MASK : INFO_HEADER;
  const paletteAt = FILE_HEADER + headerBytes;
  const pixelsAt = paletteAt + 4 * entries;
  const plain = Buffer.alloc(pixelsAt + pixels.length);
  plain.write('BM', 'latin1');
  plain.writeUInt32LE(plain.length, 2);
  plain.writeUInt32LE(pixelsAt, 10);
  plain.writeUInt32LE(headerBytes, FILE_HEADER);
  plain.writeInt32LE(bmp.width, 18);
  plain.writeInt32LE(bmp.topDown ? -bmp.height : bmp.height, 22);
  plain.writeUInt16LE(1, 26);
  plain.writeUInt16LE(bits, 28);
  plain.writeUInt32LE(masks.length > 0 ? BITFIELDS : 0, 30);
  masks.forEach((mask, i) => plain.writeUInt32LE(mask, FILE_HEADER + INFO_HEADER + 4 * i));
  const { at, entryBytes } = bmp.palette;
  for (let i = 0; i < entries; i++) {
    const from = at + i * entryBytes;
    // What the file leaves out of its palette is grey, as in the reference.
    const colour = i < bmp.palette.entries ? bytes.subarray(from, from + 3) : [i, i, i];
    plain.set(colour, paletteAt + 4 * i);
  }
  plain.set(pixels, pixelsAt);
  return plain;
}

function formOf(bytes: Uint8Array, bmp: BmpStructure): Form | undefined {
  const { width, height, bits, masks, palette, dataAt } = bmp;
  const paletteEnd = palette.at + palette.entries * palette.entryBytes;
  if (dataAt < palette.at || paletteEnd > bytes.length) return undefined;
  if (hasRunLengths(bmp)) {
    const pixels = expandRuns(bytes, bmp);
    return pixels && { bits: 8, masks: [], pixels };
  }
  const length = Math.ceil((width * bits) / 32) * 4 * height;
  if (dataAt + length > bytes.length) return undefined;
  if (bits === 16) {
    return {
      bits: 24,
      masks: [],
      pixels: unmask(bytes, bmp, masks.length > 0 ? masks.slice(0, 3) : FIVE_BITS),
    };
  }
  const pixels = bytes.subarray(dataAt, dataAt + length);
  // Masks of 24 bits, and masks that are all 0, say nothing new; the usual order is meant.
  if (bits !== 32 || masks.every((mask) => mask === 0)) return { bits, masks: [], pixels };
  if (masks.every((mask) => mask === 0 || isWholeByte(mask)))
    return { bits, masks: [...masks, 0].slice(0, 4), pixels };
  return { bits: 24, masks: [], pixels: unmask(bytes, bmp, masks.slice(0, 3)) };
}
