// BMP files written by hand: every version of the header, any masks, palettes and pixels.

/** What a file says; what is left out is 0, or that of the usual file. */
export interface BmpParts {
  /** Bytes of the information header. */
  headerBytes?: number;
  width: number;
  /** Negative: rows stand from top to bottom. */
  height: number;
  planes?: number;
  bits: number;
  compression?: number;
  /** Of red, green, blue, alpha: behind a header of 40 bytes, inside longer ones. */
  masks?: readonly number[];
  /** Red, green, blue of each colour. */
  palette?: readonly (readonly [number, number, number])[];
  /** How many colours the header claims. */
  coloursUsed?: number;
  /** Where the file says that its pixels begin; by default where they do. */
  offset?: number;
  pixels: Uint8Array;
}

/**
 * @param parts - what it says
 * @returns the file
 */
export function bmpOf(parts: BmpParts): Buffer {
  const {
    headerBytes = 40,
    width,
    height,
    planes = 1,
    bits,
    compression = 0,
    masks = [],
    palette = [],
  } = parts;
  const info = Buffer.alloc(headerBytes);
  info.writeUInt32LE(headerBytes);
  if (headerBytes === 12) {
    [width, height, planes, bits].forEach((value, i) => info.writeUInt16LE(value, 4 + 2 * i));
  } else {
    info.writeInt32LE(width, 4);
    info.writeInt32LE(height, 8);
    info.writeUInt16LE(planes, 12);
    info.writeUInt16LE(bits, 14);
    info.writeUInt32LE(compression, 16);
    info.writeUInt32LE(parts.coloursUsed ?? 0, 32);
  }
  const maskBytes = Buffer.alloc(4 * masks.length);
  masks.forEach((mask, i) => maskBytes.writeUInt32LE(mask >>> 0, 4 * i));
  const isInside = headerBytes > 40;
  if (isInside) maskBytes.copy(info, 40);
  const colours = palette.flatMap(([r, g, b]) => (headerBytes === 12 ? [b, g, r] : [b, g, r, 0]));
  const head = Buffer.alloc(14);
  head.write('BM', 'latin1');
  const before = [head, info, isInside ? Buffer.alloc(0) : maskBytes, Buffer.from(colours)];
  const pixelsAt = before.reduce((sum, { length }) => sum + length, 0);
  head.writeUInt32LE(pixelsAt + parts.pixels.length, 2);
  head.writeUInt32LE(parts.offset ?? pixelsAt, 10);
  return Buffer.concat([...before, parts.pixels]);
}

/**
 * Rows as a BMP stores them.
 * @param rows - the values of each row's pixels, in the order of the file
 * @param bits - of a pixel
 * @returns the rows, each padded to a multiple of 4 bytes
 */
export function packed(rows: readonly (readonly number[])[], bits: number): Buffer {
  return Buffer.concat(
    rows.map((row) => {
      const bytes = Buffer.alloc(Math.ceil((row.length * bits) / 32) * 4);
      row.forEach((value, x) => {
        if (bits >= 8) bytes.writeUIntLE(value >>> 0, (x * bits) / 8, bits / 8);
        else bytes[(x * bits) >> 3]! |= value << (8 - bits - ((x * bits) & 7));
      });
      return bytes;
    }),
  );
}
