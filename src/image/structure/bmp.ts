// Reads how a BMP is stored, as the reference does.
import { bufferOver } from '../buffer-over.js';

/** How a BMP is stored. */
export interface BmpStructure {
  /** Bytes of its information header, which is its version. */
  headerBytes: number;
  width: number;
  height: number;
  topDown: boolean;
  /** 1 in every sound file. */
  planes: number;
  /** Of a pixel. */
  bits: number;
  /** 0 none, 1 and 2 run lengths of 8 and 4 bits, 3 colour masks, 4 JPEG, 5 PNG. */
  compression: number;
  /** Of red, green, blue and, in some versions, alpha; with compression 3 only. */
  masks: number[];
  palette: { at: number; entries: number; entryBytes: 3 | 4 };
  /** Where the pixels begin; 0 where nobody can tell. */
  dataAt: number;
}

/** Bytes of the header that every BMP begins with. */
export const FILE_HEADER = 14;
const CORE_HEADER = 12;
/** Bytes of the usual information header. */
export const INFO_HEADER = 40;
/** Bytes of the first information header that holds four colour masks. */
export const WITH_ALPHA_MASK = 56;
const HEADERS = [CORE_HEADER, INFO_HEADER, 52, WITH_ALPHA_MASK, 64, 108, 124];
/** The compression that stands for colour masks. */
export const BITFIELDS = 3;
const RUN_LENGTHS = [1, 2];
const BYTES = [0xff, 0xff00, 0xff0000, 0xff000000];

/**
 * @param bmp - its structure
 * @returns whether its pixels are coded as run lengths
 */
export function hasRunLengths({ compression }: BmpStructure): boolean {
  return RUN_LENGTHS.includes(compression);
}

/**
 * @param mask - of a colour in 32 bits
 * @returns whether it takes one whole byte
 */
export function isWholeByte(mask: number): boolean {
  return BYTES.includes(mask);
}

/**
 * The version of a BMP.
 * @param bytes - the file's beginning
 * @returns bytes of its information header, and whether that is a version which is read here; undefined where it is cut off
 */
export function bmpVersion(bytes: Buffer): { headerBytes: number; known: boolean } | undefined {
  if (bytes.length < FILE_HEADER + 4) return undefined;
  const headerBytes = bytes.readUInt32LE(FILE_HEADER);
  return { headerBytes, known: HEADERS.includes(headerBytes) };
}

/**
 * Reads the headers. Where the pixels begin is found as the reference finds it: a data offset of 0 means right behind the
 * headers, one that forgets the palette is put right.
 * @param bytes - the whole file
 * @returns the structure; undefined for an information header of unknown size, or one that is cut off
 * @see Pillow 12.3, `BmpImagePlugin._bitmap`
 */
export function readBmpStructure(bytes: Uint8Array): BmpStructure | undefined {
  const b = bufferOver(bytes);
  const { headerBytes, known } = bmpVersion(b) ?? { headerBytes: 0, known: false };
  if (!known || b.length < FILE_HEADER + headerBytes) return undefined;
  const info = b.subarray(FILE_HEADER, FILE_HEADER + headerBytes);
  const core = headerBytes === CORE_HEADER;
  const height = core ? info.readUInt16LE(6) : info.readInt32LE(8);
  const bits = core ? info.readUInt16LE(10) : info.readUInt16LE(14);
  const compression = core ? 0 : info.readUInt32LE(16);
  // Behind a header of 40 bytes the masks follow it; longer ones hold them.
  const maskCount = compression === BITFIELDS ? (headerBytes >= WITH_ALPHA_MASK ? 4 : 3) : 0;
  const behindHeader = FILE_HEADER + headerBytes + (headerBytes === INFO_HEADER ? 4 * maskCount : 0);
  if (b.length < behindHeader) return undefined;
  const isIndexed = bits <= 8;
  const entryBytes = core ? 3 : 4;
  const used = core ? 0 : info.readUInt32LE(32);
  const entries = isIndexed ? used || 2 ** bits : 0;
  // Pictures without indices may have a palette as well, which the reference passes over and the format does not.
  const isOpen = !isIndexed && used > 0;
  const offset = b.readUInt32LE(10);
  const forgotten = isIndexed && offset === FILE_HEADER + headerBytes;
  return {
    headerBytes,
    width: core ? info.readUInt16LE(4) : info.readInt32LE(4),
    height: Math.abs(height),
    topDown: height < 0,
    planes: core ? info.readUInt16LE(8) : info.readUInt16LE(12),
    bits,
    compression,
    masks: Array.from({ length: maskCount }, (_, i) => b.readUInt32LE(FILE_HEADER + INFO_HEADER + 4 * i)),
    palette: { at: behindHeader, entries, entryBytes },
    dataAt: (offset === 0 && !isOpen) || forgotten ? behindHeader + entries * entryBytes : offset,
  };
}
