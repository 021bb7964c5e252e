// Decoding a whole file without a pool, and small pictures of what came out.
import { resizeInto } from '../../dist/esm/image/binding.js';
import { decodePixels } from '../../dist/esm/image/decode.js';
import { readHeader } from '../../dist/esm/image/header.js';
import type { Pixels } from '../../dist/esm/image/pixels.js';

/**
 * Decodes every pixel of a file, upright.
 * @param bytes - the file
 * @param limitInputPixels - most pixels
 * @returns the pixels
 */
export async function decodeFile(bytes: Uint8Array, limitInputPixels = 1e8): Promise<Pixels> {
  const header = readHeader(bytes, limitInputPixels);
  const options = { autoOrient: true, limitInputPixels, decode: 'exact' as const };
  return decodePixels(bytes, header, { width: 224, height: 224 }, options);
}

/**
 * Resizes as the model's input would be.
 * @param pixels - of any layout
 * @param target - the size
 * @param target.width - pixels in a row
 * @param target.height - rows
 * @returns interleaved RGB, upright
 */
export function resized(pixels: Pixels, target: { width: number; height: number }): Uint8Array {
  const { data, ...layout } = pixels;
  const bytes = new Uint8Array(3 * target.width * target.height);
  const rowStride = layout.width * layout.channels * layout.bytesPerSample;
  const crop = { left: 0, top: 0, ...target };
  resizeInto(data, { ...layout, offset: 0, rowStride }, { ...target, filter: 'bicubic', crop }, bytes);
  return bytes;
}

/**
 * @param pixels - of any layout
 * @returns all of them, upright, as interleaved 8-bit RGB
 */
export function rgb(pixels: Pixels): Uint8Array {
  const { width, height, orientation } = pixels;
  return resized(pixels, orientation >= 5 ? { width: height, height: width } : { width, height });
}
