// Reads format and size from an image's first bytes, before anything is decoded.
import { imageSize } from 'image-size';
import { VisionError, messageOf } from '../errors.js';

// What the decoder can read. Active formats (SVG) are refused on purpose.
const SUPPORTED = new Set(['jpg', 'png', 'webp', 'avif', 'tiff', 'bmp']);
const SUPPORTED_NAMES = 'JPEG, PNG, WebP, AVIF, TIFF or BMP';
// The shortest files of these formats have about 30 bytes; the library reads past the end of anything much shorter.
const MIN_BYTES = 24;
// EXIF orientations 5 to 8 swap the axes.
const FIRST_TRANSPOSED = 5;

/**
 * Reads the header.
 * @param bytes - an encoded image
 * @param limitInputPixels - most pixels allowed
 * @param autoOrient - whether the image will be turned upright
 * @returns width and height in pixels, as the header claims; upright if `autoOrient`
 * @throws `UNSUPPORTED_FORMAT`, `DECODE_FAILED` for a damaged header, `TOO_MANY_PIXELS`
 */
export function readHeader(
  bytes: Uint8Array,
  limitInputPixels: number,
  autoOrient: boolean,
): { width: number; height: number } {
  let header;
  if (bytes.length < MIN_BYTES) throw unknownFormat(bytes);
  try {
    // A Buffer over the same memory: the library slices what it is given at every step, and a Uint8Array would be copied.
    header = imageSize(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    // The library tells the two cases apart by its message only.
    const unknown = messageOf(cause).startsWith('unsupported file type');
    if (unknown) throw unknownFormat(bytes, cause);
    throw new VisionError('DECODE_FAILED', `The image's header is damaged: ${messageOf(cause)}.`, { cause });
  }
  const { type = 'unknown', width, height, orientation = 1 } = header;
  if (!SUPPORTED.has(type)) {
    throw new VisionError(
      'UNSUPPORTED_FORMAT',
      `Expected ${SUPPORTED_NAMES} but the image is ${type.toUpperCase()}. Convert it first.`,
    );
  }
  if (!(width >= 1 && height >= 1)) {
    throw new VisionError(
      'DECODE_FAILED',
      `The image's header claims a size of ${width} x ${height} pixels.`,
    );
  }
  if (width * height > limitInputPixels) throw tooManyPixels(width, height, limitInputPixels);
  return autoOrient && orientation >= FIRST_TRANSPOSED ? { width: height, height: width } : { width, height };
}

/**
 * The error for an image over the pixel limit.
 * @param width - pixels in a row
 * @param height - rows
 * @param limit - the limit in force
 * @param when - which size that is
 * @returns the error
 */
export function tooManyPixels(
  width: number,
  height: number,
  limit: number,
  when = 'by its header',
): VisionError {
  return new VisionError(
    'TOO_MANY_PIXELS',
    `Expected at most ${limit} pixels (option "limitInputPixels") but the image has ${width} x ${height} = ` +
      `${width * height} ${when}. Scale it down, or raise the limit if you trust the source.`,
  );
}

function unknownFormat(bytes: Uint8Array, cause?: unknown): VisionError {
  return new VisionError(
    'UNSUPPORTED_FORMAT',
    `Expected ${SUPPORTED_NAMES} but the bytes begin with ${firstBytes(bytes)}: no known image format.`,
    { cause },
  );
}

function firstBytes(bytes: Uint8Array): string {
  return [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
