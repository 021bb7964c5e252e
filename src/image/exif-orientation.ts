// Finds the EXIF orientation in the formats that carry one. Damaged metadata is no reason to refuse an image: it counts as 1.
import { LONG, Numbers, SHORT } from './structure/tiff-numbers.js';

/**
 * How the stored pixels must be turned to stand upright, as EXIF numbers it: 1 as stored, 6 a quarter turn clockwise,
 * 5 to 8 swap width and height.
 */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

// A chunk takes 8 bytes at least: hostile files could hold millions. No writer comes near this many.
const MAX_CHUNKS = 65_536;
const ORIENTATION = 0x0112;

/**
 * @param value - of the tag, or of anything that is numbered like it
 * @returns the orientation that it names; 1 for any other
 */
export function orientationOf(value: number): Orientation {
  return value >= 1 && value <= 8 ? (value as Orientation) : 1;
}

/**
 * Orientation of a PNG: its eXIf chunk, which may stand before or behind the pixels.
 * @param b - the file
 * @returns the orientation
 */
export function pngOrientation(b: Buffer): Orientation {
  for (let p = 8, chunks = 0; p + 8 <= b.length && chunks < MAX_CHUNKS; chunks++) {
    const length = b.readUInt32BE(p);
    if (b.readUInt32BE(p + 4) === 0x49454e44) return 1; // IEND: what follows is no part of the picture
    if (b.readUInt32BE(p + 4) === 0x65584966) return exifOrientation(b.subarray(p + 8, p + 8 + length));
    p += 12 + length;
  }
  return 1;
}

/**
 * Orientation of a WebP: its EXIF chunk, with or without the prefix that belongs to JPEG.
 * @param b - the file
 * @returns the orientation
 */
export function webpOrientation(b: Buffer): Orientation {
  // Only the extended format holds metadata, and its flags say whether that is among it.
  if (b.toString('latin1', 12, 16) !== 'VP8X' || ((b[20] ?? 0) & 0x08) === 0) return 1;
  for (let p = 12, chunks = 0; p + 8 <= b.length && chunks < MAX_CHUNKS; chunks++) {
    const length = b.readUInt32LE(p + 4);
    if (b.toString('latin1', p, p + 4) === 'EXIF') {
      const exif = b.subarray(p + 8, p + 8 + length);
      return exifOrientation(exif.toString('latin1', 0, 6) === 'Exif\0\0' ? exif.subarray(6) : exif);
    }
    p += 8 + length + (length & 1);
  }
  return 1;
}

/**
 * Tag 0x0112 of the first directory of a TIFF structure, which is what EXIF data is.
 * @param t - the EXIF data, without prefix
 * @returns the orientation
 */
export function exifOrientation(t: Buffer): Orientation {
  if (t.length < 14) return 1;
  const mark = t.toString('latin1', 0, 4);
  if (mark !== 'II*\0' && mark !== 'MM\0*') return 1;
  const read = new Numbers(t, mark.startsWith('II'));
  const directory = read.u32(4);
  if (directory + 2 > t.length) return 1;
  const last = Math.min(directory + 2 + 12 * read.u16(directory), t.length - 11);
  for (let entry = directory + 2; entry < last; entry += 12) {
    if (read.u16(entry) !== ORIENTATION) continue;
    const type = read.u16(entry + 2); // LONG comes from careless writers
    if ((type !== SHORT && type !== LONG) || read.u32(entry + 4) !== 1) return 1;
    return orientationOf(read.value(type, entry + 8));
  }
  return 1;
}
