// Reads how a WebP is built: its features and the kinds of its chunks.
import { bufferOver } from '../buffer-over.js';

/** How a WebP is built. */
export interface WebpStructure {
  /** Of the first frame, or of the one picture: lossy or lossless. */
  coding: 'VP8 ' | 'VP8L' | undefined;
  animated: boolean;
  /** The header says that there is alpha. */
  alphaFlag: boolean;
  /** An alpha plane of its own stands beside a lossy picture. */
  alphaPlane: boolean;
  /** How many bytes the file's own header names beyond the end. */
  missingBytes: number;
}

// A chunk takes 8 bytes at least: hostile files could hold millions.
const MAX_CHUNKS = 65_536;
const RIFF_HEADER = 8;
const CHUNK_HEADER = 8;
const FRAME_HEADER = 16;

/**
 * Walks the chunks up to the first picture.
 * @param bytes - the whole file
 * @returns the structure; without `coding` where no picture is found
 * @see RFC 9649, section 2
 */
export function readWebpStructure(bytes: Uint8Array): WebpStructure {
  const b = bufferOver(bytes);
  const found: WebpStructure = {
    coding: undefined,
    animated: false,
    alphaFlag: false,
    alphaPlane: false,
    missingBytes: Math.max(0, b.readUInt32LE(4) + RIFF_HEADER - b.length),
  };
  for (let p = 12, n = 0; p + CHUNK_HEADER <= b.length && n < MAX_CHUNKS; n++) {
    const name = b.toString('latin1', p, p + 4);
    const length = b.readUInt32LE(p + 4);
    if (name === 'VP8 ' || name === 'VP8L') return { ...found, coding: name };
    if (name === 'VP8X') found.alphaFlag = ((b[p + CHUNK_HEADER] ?? 0) & 0x10) !== 0;
    if (name === 'ALPH') found.alphaPlane = true;
    if (name === 'ANIM') found.animated = true;
    // A frame holds chunks of its own behind its header.
    p += name === 'ANMF' ? CHUNK_HEADER + FRAME_HEADER : CHUNK_HEADER + length + (length & 1);
  }
  return found;
}
