// EXIF data written by hand, and the beginning of a JPEG that holds it.

/** What is unusual about the data. */
export interface ExifForm {
  /** 3 for SHORT, 4 for LONG. */
  type?: number;
  little?: boolean;
  /** How many values the entry claims. */
  count?: number;
  /** The first four bytes; by default those of the byte order. */
  mark?: string;
  tag?: number;
}

/**
 * EXIF data with one entry, without prefix.
 * @param value - the orientation
 * @param form - what is unusual about it
 * @returns 26 bytes
 */
export function exif(value: number, form: ExifForm = {}): Buffer {
  const { type = 3, little = true, count = 1, mark = little ? 'II*\0' : 'MM\0*', tag = 0x112 } = form;
  const t = Buffer.alloc(26);
  t.write(mark, 'latin1');
  const u16 = (number: number, at: number) =>
    little ? t.writeUInt16LE(number, at) : t.writeUInt16BE(number, at);
  const u32 = (number: number, at: number) =>
    little ? t.writeUInt32LE(number, at) : t.writeUInt32BE(number, at);
  u32(8, 4);
  u16(1, 8);
  u16(tag, 10);
  u16(type, 12);
  u32(count, 14);
  if (type === 4) u32(value, 18);
  else u16(value, 18);
  return t;
}

/** A frame header of 5 x 7 pixels. */
export const JPEG_FRAME = Buffer.from([
  0xff, 0xc0, 0, 17, 8, 0, 7, 0, 5, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0,
]);

/**
 * @param data - EXIF data, or any other
 * @param prefix - what stands before it
 * @param code - of the marker
 * @returns the segment
 */
export function app1(data: Uint8Array, prefix = 'Exif\0\0', code = 0xe1): Buffer {
  const head = Buffer.from([0xff, code, 0, 0, ...Buffer.from(prefix, 'latin1')]);
  head.writeUInt16BE(head.length - 2 + data.length, 2);
  return Buffer.concat([head, data]);
}

/**
 * A JPEG's header of 5 x 7 pixels with EXIF data before the frame.
 * @param all - the data of each segment
 * @returns a JPEG up to its frame header
 */
export function jpegWith(...all: Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from([0xff, 0xd8]), ...all.map((data) => app1(data)), JPEG_FRAME]);
}
