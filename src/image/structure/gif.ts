// Cuts the first frame out of a GIF, so that the decoder sees nothing else, and tells whether that frame is whole.
import { bufferOver } from '../buffer-over.js';

/** The first frame of a GIF. */
export interface GifFrame {
  /** A GIF of the first frame alone. */
  bytes: Uint8Array;
  /** The larger of screen and frame: what a decoder would have to allocate, pixels. */
  width: number;
  height: number;
  /** The frame reaches out of the logical screen: nothing but damage or malice writes that. */
  outside: boolean;
}

/**
 * Walks the blocks up to the end of the first frame. The reference drops transparency and shows the colour beneath: with
 * the flag cleared, the GIF decoder gives every pixel its palette colour.
 * @param bytes - the file
 * @param keepTransparency - leaves the flag as it is
 * @returns undefined when the file ends before its first frame does
 */
export function firstGifFrame(bytes: Uint8Array, keepTransparency = false): GifFrame | undefined {
  const b = bufferOver(bytes);
  if (b.length < 13) return undefined;
  const screenWidth = b.readUInt16LE(6);
  const screenHeight = b.readUInt16LE(8);
  const controls: number[] = []; // offsets of the flag bytes of graphic control extensions
  let p = 13 + colourTableLength(b[10] ?? 0);
  while (b[p] === 0x21) {
    // One of another length is none, and its flags would be those of something else.
    if (b[p + 1] === 0xf9 && b[p + 2] === 4) controls.push(p + 3);
    p = afterSubBlocks(b, p + 2);
    if (p < 0) return undefined;
  }
  if (b[p] !== 0x2c || p + 11 > b.length) return undefined;
  const [left, top, width, height] = [
    b.readUInt16LE(p + 1),
    b.readUInt16LE(p + 3),
    b.readUInt16LE(p + 5),
    b.readUInt16LE(p + 7),
  ];
  const end = afterSubBlocks(b, p + 10 + colourTableLength(b[p + 9] ?? 0) + 1);
  if (end < 0) return undefined;
  const frame = Buffer.allocUnsafe(end + 1);
  b.copy(frame, 0, 0, end);
  frame[end] = 0x3b;
  if (!keepTransparency) for (const at of controls) frame[at] = (frame[at] ?? 0) & 0xfe;
  return {
    bytes: frame,
    width: Math.max(screenWidth, left + width),
    height: Math.max(screenHeight, top + height),
    outside: left + width > screenWidth || top + height > screenHeight,
  };
}

function colourTableLength(flags: number): number {
  return flags & 0x80 ? 3 * (2 << (flags & 7)) : 0;
}

// Offset behind the terminator of a chain of sub-blocks, or -1 if the file ends first.
function afterSubBlocks(b: Buffer, from: number): number {
  for (let p = from; ;) {
    const length = b[p];
    if (length === undefined) return -1;
    p += length + 1;
    if (length === 0) return p;
  }
}
