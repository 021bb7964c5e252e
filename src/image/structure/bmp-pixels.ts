// Pixels of BMPs in the forms that no decoder is proven for: run lengths become indices, masked samples bytes.
import { bufferOver } from '../buffer-over.js';
import type { BmpStructure } from './bmp.js';

const RLE4 = 2;
const END_OF_LINE = 0;
const END_OF_PICTURE = 1;
const DELTA = 2;

/**
 * Writes run lengths out: what they leave out has the palette's first colour, as in the reference.
 * @param bytes - the file
 * @param bmp - its structure; compression 1 or 2
 * @returns rows of one byte a pixel, bottom-up, each padded to a multiple of 4 bytes; undefined where the codes break off,
 * lead out of a line or the picture, or end before its last pixel
 * @see Pillow 12.3, `BmpImagePlugin.BmpRleDecoder`; Windows SDK, "Bitmap Compression"
 */
export function expandRuns(bytes: Uint8Array, bmp: BmpStructure): Uint8Array | undefined {
  const { width, height, compression } = bmp;
  const stride = Math.ceil(width / 4) * 4;
  const indices = new Uint8Array(stride * height);
  const isNibbles = compression === RLE4;
  let [x, y, p] = [0, 0, bmp.dataAt];
  // The last line needs no code to say that it ends.
  while (y < height && !(y === height - 1 && x === width)) {
    if (p + 2 > bytes.length) return undefined;
    const [count, code] = [bytes[p] as number, bytes[p + 1] as number];
    p += 2;
    if (count > 0) {
      if (x + count > width) return undefined;
      for (let i = 0; i < count; i++) {
        indices[y * stride + x++] = isNibbles ? (i % 2 === 0 ? code >> 4 : code & 15) : code;
      }
    } else if (code === END_OF_LINE) {
      [x, y] = [0, y + 1];
    } else if (code === END_OF_PICTURE) {
      return undefined;
    } else if (code === DELTA) {
      if (p + 2 > bytes.length) return undefined;
      [x, y, p] = [x + (bytes[p] as number), y + (bytes[p + 1] as number), p + 2];
      if (x > width || y >= height) return undefined;
    } else {
      const length = isNibbles ? Math.ceil(code / 2) : code;
      if (x + code > width || p + length > bytes.length) return undefined;
      for (let i = 0; i < code; i++) {
        const byte = bytes[p + (isNibbles ? i >> 1 : i)] as number;
        indices[y * stride + x++] = isNibbles ? (i % 2 === 0 ? byte >> 4 : byte & 15) : byte;
      }
      p += length + (length & 1);
    }
  }
  return indices;
}

/**
 * Takes the colours out of pixels of 16 or 32 bits by their masks.
 * @param bytes - the file
 * @param bmp - its structure
 * @param masks - of red, green, blue
 * @returns rows of blue, green, red bytes, in the file's order, each padded to a multiple of 4 bytes
 * @see Pillow, `Unpack.c`, `ImagingUnpackBGR16`: `value * 255 / max`, rounded down
 */
export function unmask(bytes: Uint8Array, bmp: BmpStructure, masks: readonly number[]): Uint8Array {
  const { width, height, bits, dataAt } = bmp;
  const source = bufferOver(bytes);
  const size = bits / 8;
  const [sourceStride, stride] = [Math.ceil((width * size) / 4) * 4, Math.ceil((width * 3) / 4) * 4];
  const target = new Uint8Array(stride * height);
  // Blue, green, red, in the order of the bytes.
  const channels = [...masks].reverse().map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    // Of samples of more than 8 bits the highest 8 count, as everywhere here.
    const excess = Math.max(0, 24 - Math.clz32(mask >>> shift));
    return { mask, shift: shift + excess, most: Math.max(1, mask >>> (shift + excess)) };
  });
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = dataAt + y * sourceStride + x * size;
      const pixel = size === 2 ? source.readUInt16LE(at) : source.readUInt32LE(at);
      channels.forEach(({ mask, shift, most }, c) => {
        target[y * stride + x * 3 + c] = Math.floor((((pixel & mask) >>> shift) * 255) / most);
      });
    }
  }
  return target;
}
