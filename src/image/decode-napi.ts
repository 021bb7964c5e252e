// Decodes with @napi-rs/image, which must only see what it is proven right for: a panic inside it ends the process.
import type * as NapiImage from '@napi-rs/image';
import { VisionError, messageOf } from '../errors.js';
import { loadNative } from '../native-package.js';
import type { ImageHeader } from './header.js';
import { decodeFailed, otherSize, type Pixels } from './pixels.js';

// The decoder's colour types count L, LA, RGB, RGBA for 8 bits, the same for 16 bits, then floats.
const FIRST_16_BIT = 4;
const FIRST_FLOAT = 8;

/**
 * Decodes an image as it is stored.
 * @param bytes - the encoded image
 * @param header - what its header says
 * @returns the pixels, without orientation
 * @throws `DECODE_FAILED`, `NATIVE_UNAVAILABLE`
 */
export function decodeWithNapi(bytes: Uint8Array, header: ImageHeader): Omit<Pixels, 'orientation'> {
  try {
    return decode(bytes, header);
  } catch (cause) {
    if (cause instanceof VisionError) throw cause;
    throw decodeFailed(header.format, messageOf(cause), cause);
  }
}

function decode(bytes: Uint8Array, header: ImageHeader): Omit<Pixels, 'orientation'> {
  const { Transformer } = loadNative('@napi-rs/image') as typeof NapiImage;
  const image = new Transformer(bytes);
  const data = image.rawPixelsSync();
  // Free of cost here, because the decoded image is kept inside; asked first, it would decode for nothing.
  const { width, height, colorType } = image.metadataSync();
  const type: number = colorType;
  if (type >= FIRST_FLOAT) throw decodeFailed(header.format, 'it holds floating point samples');
  const channels = ((type % FIRST_16_BIT) + 1) as Pixels['channels'];
  const bytesPerSample = type < FIRST_16_BIT ? 1 : 2;
  const expected = width * height * channels * bytesPerSample;
  if (width !== header.width || height !== header.height || data.length !== expected) {
    throw otherSize(header, width, height);
  }
  return { data, width, height, channels, bytesPerSample };
}
