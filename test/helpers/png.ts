// PNG files written by hand, chunk by chunk.

/** The first eight bytes. */
export const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

/** What a header says; what is left out is that of a grey picture of one pixel. */
export interface PngHeaderFields {
  width?: number;
  height?: number;
  depth?: number;
  colourType?: number;
  compression?: number;
  filter?: number;
  interlace?: number;
}

/**
 * @param type - four letters
 * @param data - its content
 * @returns the chunk with its checksum
 */
export function chunk(type: string, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length);
  whole.set(body, 4);
  whole.writeUInt32BE(crc32(body), 4 + body.length);
  return whole;
}

/**
 * @param fields - what it says
 * @returns the header chunk
 */
export function pngHeader(fields: PngHeaderFields): Buffer {
  const {
    width = 1,
    height = 1,
    depth = 8,
    colourType = 0,
    compression = 0,
    filter = 0,
    interlace = 0,
  } = fields;
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width);
  data.writeUInt32BE(height, 4);
  data.set([depth, colourType, compression, filter, interlace], 8);
  return chunk('IHDR', data);
}

/**
 * @param chunks - all of them, the header included
 * @returns the file
 */
export function pngOf(...chunks: Uint8Array[]): Buffer {
  return Buffer.concat([PNG_SIGNATURE, ...chunks]);
}

// Node has it since 20.15 only.
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});

function crc32(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = CRC_TABLE[(rest ^ byte) & 0xff]! ^ (rest >>> 8);
  return (rest ^ 0xffffffff) >>> 0;
}
