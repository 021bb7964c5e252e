// BMPs as a reader of the specification would decode them, pixel by pixel: what the rewriting into plain files is compared with.
import type { BmpStructure } from '../../dist/esm/image/structure/bmp.js';

/** Red, green and blue of a pixel. */
export type Colour = readonly [r: number, g: number, b: number];

/** What run lengths are made of. */
export type RunCode =
  | { kind: 'run'; count: number; value: number }
  /** For 4 bits a pixel `value` holds two colours that take turns. */
  | { kind: 'absolute'; values: number[] }
  | { kind: 'line' }
  | { kind: 'end' }
  | { kind: 'delta'; dx: number; dy: number };

/**
 * What codes draw, by their meaning: no bytes are involved.
 * @param codes - in order
 * @param size - of the picture
 * @param size.width - pixels in a row
 * @param size.height - rows
 * @param size.nibbles - values of runs hold two colours of 4 bits
 * @returns rows of palette indices, in the file's order; undefined where the codes leave the picture, or end before its
 * last pixel is reached
 */
export function drawn(
  codes: readonly RunCode[],
  { width, height, nibbles }: { width: number; height: number; nibbles: boolean },
): number[][] | undefined {
  const rows = Array.from({ length: height }, () => new Array<number>(width).fill(0));
  let x = 0;
  let y = 0;
  const isDone = () => y >= height || (y === height - 1 && x === width);
  const put = (index: number): boolean => {
    if (x >= width) return false;
    rows[y]![x++] = index;
    return true;
  };
  for (const code of codes) {
    if (isDone()) return rows;
    switch (code.kind) {
      case 'end':
        return undefined;
      case 'line':
        x = 0;
        y++;
        break;
      case 'delta':
        x += code.dx;
        y += code.dy;
        if (x > width || y >= height) return undefined;
        break;
      case 'run':
        for (let i = 0; i < code.count; i++) {
          const index = !nibbles ? code.value : i % 2 === 0 ? code.value >> 4 : code.value & 15;
          if (!put(index)) return undefined;
        }
        break;
      case 'absolute':
        for (const index of code.values) if (!put(index)) return undefined;
    }
  }
  return isDone() ? rows : undefined;
}

/**
 * @param codes - in order
 * @param nibbles - colours have 4 bits
 * @returns the bytes that say so
 */
export function runBytes(codes: readonly RunCode[], nibbles: boolean): Buffer {
  const bytes: number[] = [];
  for (const code of codes) {
    if (code.kind === 'run') bytes.push(code.count, code.value);
    else if (code.kind === 'line') bytes.push(0, 0);
    else if (code.kind === 'end') bytes.push(0, 1);
    else if (code.kind === 'delta') bytes.push(0, 2, code.dx, code.dy);
    else {
      bytes.push(0, code.values.length);
      const content = nibbles ? pairs(code.values) : code.values;
      bytes.push(...content, ...(content.length % 2 === 1 ? [0] : []));
    }
  }
  return Buffer.from(bytes);
}

function pairs(values: readonly number[]): number[] {
  const bytes: number[] = [];
  for (let i = 0; i < values.length; i += 2) bytes.push((values[i]! << 4) | (values[i + 1] ?? 0));
  return bytes;
}

/**
 * A sample under a mask, stretched to 8 bits.
 * @param pixel - unsigned
 * @param mask - bits in a row
 * @returns its 8 highest bits where it has more, else value * 255 / highest value, rounded down; 0 for no mask
 */
export function sampleUnder(pixel: number, mask: number): number {
  let digits = '';
  for (let bit = 31; bit >= 0; bit--) {
    if (Math.floor(mask / 2 ** bit) % 2 === 1) digits += String(Math.floor(pixel / 2 ** bit) % 2);
  }
  const highest = digits.slice(0, 8);
  return highest === '' ? 0 : Math.floor((parseInt(highest, 2) * 255) / (2 ** highest.length - 1));
}

/**
 * Every pixel of an uncompressed or masked file.
 * @param bytes - the file
 * @param bmp - its structure
 * @returns rows from top to bottom
 */
export function coloursOf(bytes: Uint8Array, bmp: BmpStructure): Colour[][] {
  const rows = Array.from({ length: bmp.height }, (_, y) =>
    Array.from({ length: bmp.width }, (__, x) => colourAt(bytes, bmp, x, y)),
  );
  return bmp.topDown ? rows : rows.reverse();
}

function colourAt(bytes: Uint8Array, bmp: BmpStructure, x: number, y: number): Colour {
  const { width, bits, masks, dataAt } = bmp;
  const rowBytes = Math.ceil((width * bits) / 32) * 4;
  const at = (i: number) => bytes[dataAt + y * rowBytes + i] ?? 0;
  if (bits <= 8) {
    const firstBit = x * bits;
    const index = (at(Math.floor(firstBit / 8)) >> (8 - bits - (firstBit % 8))) % 2 ** bits;
    return paletteColour(bytes, bmp, index);
  }
  const size = bits / 8;
  const pixel = Array.from({ length: size }, (_, i) => at(x * size + i) * 256 ** i).reduce((a, b) => a + b);
  const usual = bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff];
  const isMasked = bits !== 24 && masks.some((mask) => mask !== 0);
  const [r = 0, g = 0, b = 0] = isMasked ? masks : usual;
  return [sampleUnder(pixel, r), sampleUnder(pixel, g), sampleUnder(pixel, b)];
}

/**
 * @param bytes - the file
 * @param bmp - its structure
 * @param index - of a colour
 * @returns it; grey where the palette is shorter
 */
export function paletteColour(bytes: Uint8Array, { palette }: BmpStructure, index: number): Colour {
  if (index >= palette.entries) return [index, index, index];
  const at = palette.at + index * palette.entryBytes;
  return [bytes[at + 2]!, bytes[at + 1]!, bytes[at]!];
}
