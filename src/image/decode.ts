// Encoded bytes to pixels of the wanted size; the only file that imports @napi-rs/image.
import { Transformer, type FastResizeFilter, type ResizeFit } from '@napi-rs/image';
import { VisionError, messageOf } from '../errors.js';
import type { Orientation } from './exif-orientation.js';
import type { ImageFormat } from './header.js';
import { jpegEndsProperly } from './jpeg-structure.js';

/** Interleaved 8-bit pixels without padding between rows. */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
  channels: 3 | 4;
}

// Pillow's bilinear and bicubic. The package's enums exist in its types only, so these are their numbers.
/* eslint-disable @typescript-eslint/no-unsafe-enum-assignment */
const FILTER: Record<2 | 3, FastResizeFilter> = { 2: 1, 3: 3 };
const FILL: ResizeFit = 1;
/* eslint-enable */

/**
 * Decodes an image and resizes it, ignoring its aspect ratio.
 * @param bytes - an encoded image
 * @param format - its format
 * @param orientation - how it must be turned first
 * @param size - wanted size
 * @param size.width - pixels in a row
 * @param size.height - rows
 * @param resample - Pillow's number of the filter
 * @returns RGBA pixels
 * @throws `DECODE_FAILED` when the bytes are damaged
 */
export function decodeResized(
  bytes: Uint8Array,
  format: ImageFormat,
  orientation: Orientation,
  size: { width: number; height: number },
  resample: 2 | 3,
): Pixels {
  if (format === 'jpeg' && !jpegEndsProperly(bytes)) {
    throw new VisionError(
      'DECODE_FAILED',
      `Expected a complete JPEG but its ${bytes.length} bytes end before its end-of-image marker: it is truncated. ` +
        'Check that it was written or transferred in full.',
    );
  }
  try {
    const image = new Transformer(bytes);
    // Without an argument it would find the orientation of JPEG and TIFF only.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- its numbers are EXIF's
    if (orientation !== 1) image.rotate(orientation);
    return resized(image, size.width, size.height, resample);
  } catch (cause) {
    throw new VisionError(
      'DECODE_FAILED',
      `The ${format.toUpperCase()} image cannot be decoded: ${messageOf(cause)}. It is damaged or truncated: check that ` +
        'it was written or transferred in full.',
      { cause },
    );
  }
}

/**
 * Resizes decoded pixels, ignoring their aspect ratio.
 * @param pixels - the image
 * @param width - wanted pixels in a row
 * @param height - wanted rows
 * @param resample - Pillow's number of the filter
 * @returns RGBA pixels
 */
export function resizePixels(pixels: Pixels, width: number, height: number, resample: 2 | 3): Pixels {
  return resized(
    Transformer.fromRgbaPixels(opaque(pixels), pixels.width, pixels.height),
    width,
    height,
    resample,
  );
}

function resized(image: Transformer, width: number, height: number, resample: 2 | 3): Pixels {
  image.fastResize({ width, height, filter: FILTER[resample], fit: FILL });
  return { data: image.rawPixelsSync(), width, height, channels: 4 };
}

// Alpha is ignored, so it is set to opaque: the resizer would weigh the colours by it.
function opaque({ data, width, height, channels }: Pixels): Uint8Array {
  const rgba = new Uint8Array(width * height * 4).fill(255);
  for (let from = 0, to = 0; to < rgba.length; from += channels, to += 4) {
    rgba[to] = data[from] as number;
    rgba[to + 1] = data[from + 1] as number;
    rgba[to + 2] = data[from + 2] as number;
  }
  return rgba;
}
