// Reads how a JPEG is built, to its end-of-image marker: which decoders are proven right for it, and whether it is whole.
import { bufferOver } from '../buffer-over.js';

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const DHT = 0xc4;
const APP14 = 0xee;
// Marks of the hierarchical process: DHP and EXP.
const HIERARCHICAL = [0xde, 0xdf];

const MAX_SCANS = 1024;

/** A component as its frame declares it. */
export interface JpegComponent {
  id: number;
  /** Horizontal sampling factor, 1 to 4. */
  h: number;
  /** Vertical sampling factor. */
  v: number;
}

/** How a JPEG is built. */
export interface JpegStructure {
  /** An EOI marker follows at least one scan: the rule by which the reference takes a file for whole. */
  complete: boolean;
  /** Low byte of each SOF marker: 0xc0 baseline, 0xc1 extended, 0xc2 progressive, 0xc9 and 0xca arithmetic, ... */
  frames: number[];
  /** Bits a sample, of the first frame. */
  precision: number;
  /** Those of the first frame. */
  components: JpegComponent[];
  /** Ids of the components in each scan. */
  scans: number[][];
  /** Transform of the Adobe marker: 0 none, 1 YCbCr, 2 YCCK. */
  adobe: number | undefined;
  /** Huffman tables stand before the first scan. */
  huffmanTables: boolean;
  /** Several frames make the picture. */
  hierarchical: boolean;
  /** A marker that libjpeg takes for none of the standard's: of an extension such as JPEG-LS. */
  extension: number | undefined;
}

/**
 * Reads the marker stream. Bytes behind its end-of-image marker are allowed: phones append depth maps, videos and padding
 * there.
 *
 * Segments are skipped by their length fields, so an end marker inside a thumbnail (APP1, APP13) does not count.
 * Entropy-coded data cannot hold a marker: there 0xFF is followed by 0x00 (stuffing), 0xD0-0xD7 (restart) or 0xFF
 * (fill), so the first other pair ends the scan. Stray bytes between segments are skipped, as libjpeg does. It looks at
 * structure only: a flipped bit inside a scan is not seen here (the reference does not see it either).
 * @param bytes - the whole file, of any content: nothing throws
 * @returns what was found up to the end, or to where the structure breaks
 * @see ITU-T T.81, annex B (marker syntax) and F.1.2.3 (byte stuffing)
 */
export function readJpegStructure(bytes: Uint8Array): JpegStructure {
  const buffer = bufferOver(bytes); // a view: Buffer's indexOf is memchr
  const found: JpegStructure = {
    complete: false,
    frames: [],
    precision: 0,
    components: [],
    scans: [],
    adobe: undefined,
    huffmanTables: false,
    hierarchical: false,
    extension: undefined,
  };
  if (buffer[0] !== 0xff || buffer[1] !== SOI) return found;
  let position = 2;
  for (;;) {
    position = afterNextMarker(buffer, position);
    if (position < 0) return found;
    const code = buffer[position - 1] as number;
    if (code === EOI) {
      found.complete = found.scans.length > 0;
      return found;
    }
    if (code === SOI || code === 0x01) continue; // stand alone: no length follows
    if (position + 2 > buffer.length) return found;
    const length = buffer.readUInt16BE(position);
    if (length < 2 || position + length > buffer.length) return found;
    readSegment(found, code, buffer.subarray(position + 2, position + length));
    position += length;
  }
}

function readSegment(found: JpegStructure, code: number, content: Buffer): void {
  if (code === SOS) {
    // No picture needs so many scans, and this list is bounded by nothing else.
    if (found.scans.length < MAX_SCANS) found.scans.push(scanIds(content));
  } else if (isFrame(code)) {
    if (found.frames.length < 2) found.frames.push(code);
    if (found.frames.length > 1) return;
    found.precision = content[0] ?? 0;
    found.components = componentsOf(content);
  } else if (code === DHT) {
    found.huffmanTables ||= found.scans.length === 0;
  } else if (HIERARCHICAL.includes(code)) {
    found.hierarchical = true;
  } else if ((code >= 0xf0 && code <= 0xfd) || code < 0xc0 || code === 0xc8) {
    found.extension ??= code;
  } else if (found.scans.length > 0) {
    return; // what follows says nothing about colours any more
  } else if (code === APP14 && content.length >= 12 && content.toString('latin1', 0, 5) === 'Adobe') {
    found.adobe = content[11];
  }
}

/**
 * @param code - low byte of a marker
 * @returns whether it begins a frame (SOF)
 */
export function isFrame(code: number): boolean {
  return code >= 0xc0 && code <= 0xcf && code !== DHT && code !== 0xc8 && code !== 0xcc;
}

function componentsOf(frame: Buffer): JpegComponent[] {
  const count = Math.min(frame[5] ?? 0, Math.floor((frame.length - 6) / 3));
  return Array.from({ length: Math.max(0, count) }, (_, i) => {
    const factors = frame[7 + 3 * i] as number;
    return { id: frame[6 + 3 * i] as number, h: factors >> 4, v: factors & 15 };
  });
}

function scanIds(scan: Buffer): number[] {
  const count = Math.min(scan[0] ?? 0, Math.floor((scan.length - 1) / 2));
  return Array.from({ length: Math.max(0, count) }, (_, i) => scan[1 + 2 * i] as number);
}

/**
 * Finds the next marker that is neither stuffing, fill nor restart.
 * @param buffer - the whole file
 * @param from - offset to search from
 * @returns the offset just behind the marker's second byte, or -1 if the file ends first
 */
function afterNextMarker(buffer: Buffer, from: number): number {
  let at = from;
  for (;;) {
    at = buffer.indexOf(0xff, at);
    if (at < 0) return -1;
    let code = buffer[++at];
    while (code === 0xff) code = buffer[++at];
    if (code === undefined) return -1;
    at++;
    if (code !== 0x00 && (code < 0xd0 || code > 0xd7)) return at;
  }
}
