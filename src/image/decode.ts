// Stage 4: encoded bytes to pixels in the decoder's own layout; the only file that imports @napi-rs/image.
import { Transformer } from '@napi-rs/image';
import { VisionError, messageOf } from '../errors.js';
import { decodeGif, decodeScaledJpeg, decodeTiff } from './decode-sharp.js';
import { tooManyPixels, type ImageHeader } from './header.js';
import { jpegEndsProperly } from './jpeg-structure.js';
import { decodeFailed, type Pixels } from './pixels.js';

/** `exact`: every pixel of the file is decoded. `fast`: large JPEGs are decoded at a reduced scale (needs sharp). */
export type DecodeMode = 'exact' | 'fast';

/** How to decode. */
export interface DecodeOptions {
  autoOrient: boolean;
  limitInputPixels: number;
  decode: DecodeMode;
  /** 0xRRGGBB, what the pixels are composed over as they are resized. Without it nobody reads alpha. */
  background?: number | undefined;
}

// The decoder's colour types count L, LA, RGB, RGBA for 8 bits, the same for 16 bits, then floats.
const FIRST_16_BIT = 4;
const FIRST_FLOAT = 8;
// What the decoder says of a sound file in a variant that it does not know: palette TIFF, BigTIFF and the like.
const UNKNOWN_VARIANT = /not support|could not be determined/i;

/**
 * Decodes an image.
 *
 * The decoder frees its own copy of the pixels in a finalizer, and those do not run between microtasks: a caller in a
 * loop must let the event loop turn between images (40 photos of 12 megapixels took 3 GB without, 0.3 GB with).
 * @param bytes - the encoded image
 * @param header - what its header says
 * @param target - size that the pixels are meant for; read by `fast` only
 * @param target.width - pixels in a row
 * @param target.height - rows
 * @param options - how to decode
 * @returns the pixels
 * @throws `DECODE_FAILED`, `TOO_MANY_PIXELS`, `UNSUPPORTED_FORMAT` when it needs sharp and sharp is not installed
 */
export async function decodePixels(
  bytes: Uint8Array,
  header: ImageHeader,
  target: { width: number; height: number },
  options: DecodeOptions,
): Promise<Pixels> {
  const { format } = header;
  const keepAlpha = options.background !== undefined;
  // The reference turns TIFF upright while it decodes, whatever is asked of it.
  const orientation = options.autoOrient || format === 'tiff' ? header.orientation : 1;
  if (format === 'gif') return decodeGif(bytes, options.limitInputPixels, keepAlpha);
  if (format === 'jpeg') {
    if (!jpegEndsProperly(bytes)) {
      throw decodeFailed(
        'jpeg',
        `its ${bytes.length} bytes end before its end-of-image marker: it is truncated`,
      );
    }
    if (options.decode === 'fast') {
      const scaled = await decodeScaledJpeg(bytes, header, orientation, target, options.limitInputPixels);
      if (scaled !== undefined) return scaled;
    }
  }
  try {
    return { ...decodeExact(bytes, header), orientation };
  } catch (cause) {
    if (cause instanceof VisionError) throw cause;
    const message = messageOf(cause);
    if (message.includes('Memory limit exceeded')) {
      throw tooManyPixels(
        header.width,
        header.height,
        options.limitInputPixels,
        'of more bytes than the decoder allows',
      );
    }
    if (format === 'tiff' && UNKNOWN_VARIANT.test(message)) {
      return decodeTiff(bytes, options.limitInputPixels, keepAlpha);
    }
    throw decodeFailed(format, message, cause);
  }
}

function decodeExact(bytes: Uint8Array, header: ImageHeader): Omit<Pixels, 'orientation'> {
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
    throw decodeFailed(
      header.format,
      `its header claims ${header.width} x ${header.height} pixels but it holds ${width} x ${height}`,
    );
  }
  return { data, width, height, channels, bytesPerSample };
}
