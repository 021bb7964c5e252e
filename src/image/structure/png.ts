// Reads how a PNG is built: its header's fields and the kinds of its chunks.
import { bufferOver } from '../buffer-over.js';

/** What the header chunk of a PNG says. */
export interface PngHeader {
  width: number;
  height: number;
  depth: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA. */
  colourType: number;
  compression: number;
  filter: number;
  /** 0 none, 1 Adam7. */
  interlace: number;
}

/** How a PNG is built. */
export interface PngStructure extends PngHeader {
  /** A critical chunk (their names begin with a capital) that the standard does not know. */
  unknownCritical: string | undefined;
  /** The chunk that ends the picture is there. */
  complete: boolean;
  /** Palette, transparency and picture data stand as often and in the order that the standard says. */
  regular: boolean;
}

const SIGNATURE = 8;
const DECISIVE: Readonly<Record<string, string>> = {
  IHDR: 'H',
  PLTE: 'P',
  tRNS: 'T',
  IDAT: 'D',
  IEND: 'E',
};
const MAX_LETTERS = 8;
// A chunk takes 12 bytes at least: hostile files could hold millions.
const MAX_CHUNKS = 1_000_000;

/**
 * Reads the header chunk.
 * @param bytes - the file, or its beginning
 * @returns what it says; undefined where it is not in its place
 * @see ISO/IEC 15948, PNG; section 11.2.2
 */
export function readPngHeader(bytes: Uint8Array): PngHeader | undefined {
  const b = bufferOver(bytes);
  const header = SIGNATURE + 8;
  if (b.length < header + 17 || b.toString('latin1', header - 4, header) !== 'IHDR') return undefined;
  return {
    width: b.readUInt32BE(header),
    height: b.readUInt32BE(header + 4),
    depth: b[header + 8] as number,
    colourType: b[header + 9] as number,
    compression: b[header + 10] as number,
    filter: b[header + 11] as number,
    interlace: b[header + 12] as number,
  };
}

/**
 * Reads the header and walks the chunks.
 * @param bytes - the whole file
 * @returns the structure; undefined where the header is not in its place
 * @see ISO/IEC 15948, PNG; section 11
 */
export function readPngStructure(bytes: Uint8Array): PngStructure | undefined {
  const header = readPngHeader(bytes);
  return header && { ...header, ...readChunks(bufferOver(bytes)) };
}

function readChunks(b: Buffer): Pick<PngStructure, 'unknownCritical' | 'complete' | 'regular'> {
  // One letter for each chunk that decides about pixels, in their order; of a sound file six at most.
  let order = '';
  let last = '';
  let complete = false;
  let regular = true;
  let unknownCritical: string | undefined;
  let entries = 0;
  for (let p = SIGNATURE, n = 0; p + 8 <= b.length && n < MAX_CHUNKS; n++) {
    const name = b.toString('latin1', p + 4, p + 8);
    const length = b.readUInt32BE(p);
    const letter = DECISIVE[name];
    if (letter === undefined) {
      const isCritical = ((b[p + 4] as number) & 0x20) === 0;
      if (isCritical) unknownCritical ??= name;
      // Something else between two pieces of picture data divides them.
      if (last === 'D') last = ' ';
    } else if (letter !== 'D' || last !== 'D') {
      if (order.length < MAX_LETTERS) order += letter;
      last = letter;
    }
    if (letter === 'P') {
      entries = length / 3;
      regular &&= Number.isInteger(entries) && entries >= 1 && entries <= 256;
    } else if (letter === 'T') {
      regular &&= length >= 1 && length <= Math.max(6, entries);
    } else if (letter === 'E') {
      complete = true;
      break;
    }
    p += 12 + length;
  }
  return { unknownCritical, complete, regular: regular && /^HP?T?DE$/.test(order) };
}
