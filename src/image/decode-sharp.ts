// What the default decoder cannot do goes to sharp, an optional peer dependency; the only file that imports it.
import type Sharp from 'sharp';
import type { OutputInfo } from 'sharp';
import { VisionError, messageOf } from '../errors.js';
import type { Orientation } from './exif-orientation.js';
import { firstGifFrame } from './gif-structure.js';
import { tooManyPixels, type ImageFormat, type ImageHeader } from './header.js';
import { decodeFailed, type Pixels } from './pixels.js';

// The reference ignores colour profiles, and a file that is damaged anywhere is refused.
const SHARP_OPTIONS = { ignoreIcc: true, failOn: 'error' } as const;
const CMYK_COMPONENTS = 4;
const FIRST_TRANSPOSED = 5;

/**
 * Decodes the first frame of a GIF.
 * @param bytes - the file
 * @param limitInputPixels - most pixels
 * @param keepAlpha - false gives every pixel the colour that its palette has, transparent ones too
 * @returns the pixels
 * @throws `DECODE_FAILED`, `TOO_MANY_PIXELS`, `UNSUPPORTED_FORMAT` without sharp
 */
export async function decodeGif(
  bytes: Uint8Array,
  limitInputPixels: number,
  keepAlpha: boolean,
): Promise<Pixels> {
  const frame = firstGifFrame(bytes, keepAlpha);
  if (frame === undefined) throw decodeFailed('gif', 'its first frame is truncated');
  const { width, height } = frame;
  if (width * height > limitInputPixels)
    throw tooManyPixels(width, height, limitInputPixels, 'in its first frame');
  if (frame.outside) throw decodeFailed('gif', 'its first frame reaches out of its screen');
  return decodeUpright('gif', frame.bytes, limitInputPixels, keepAlpha);
}

/**
 * Decodes a TIFF variant that the default decoder does not know, upright.
 * @param bytes - the file
 * @param limitInputPixels - most pixels
 * @param keepAlpha - whether alpha is wanted
 * @returns the pixels
 * @throws `DECODE_FAILED`, `UNSUPPORTED_FORMAT` without sharp
 */
export async function decodeTiff(
  bytes: Uint8Array,
  limitInputPixels: number,
  keepAlpha: boolean,
): Promise<Pixels> {
  return decodeUpright('tiff', bytes, limitInputPixels, keepAlpha);
}

async function decodeUpright(
  format: ImageFormat,
  bytes: Uint8Array,
  limitInputPixels: number,
  keepAlpha: boolean,
): Promise<Pixels> {
  const sharp = await loadSharp(`This ${format.toUpperCase()} image`);
  try {
    const image = sharp(bytes, { ...SHARP_OPTIONS, limitInputPixels }).autoOrient();
    const { data, info } = await (keepAlpha ? image : image.removeAlpha())
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return pixelsOf(data, info, 1);
  } catch (cause) {
    throw decodeFailed(format, messageOf(cause), cause);
  }
}

/**
 * Decodes a large JPEG at a reduced DCT scale: sharp shrinks it on load, to no less than twice the target.
 * @param bytes - the file
 * @param header - what its header says
 * @param orientation - to be applied later
 * @param target - size that the pixels are meant for, upright
 * @param target.width - pixels in a row
 * @param target.height - rows
 * @param limitInputPixels - most pixels
 * @returns the pixels; undefined when the image is too small to gain anything, or is CMYK, which sharp would manage by
 * colour profiles while the reference does not
 * @throws `DECODE_FAILED`, `UNSUPPORTED_FORMAT` without sharp
 */
export async function decodeScaledJpeg(
  bytes: Uint8Array,
  header: ImageHeader,
  orientation: Orientation,
  target: { width: number; height: number },
  limitInputPixels: number,
): Promise<Pixels | undefined> {
  if (header.components === CMYK_COMPONENTS) return undefined;
  const transposed = orientation >= FIRST_TRANSPOSED;
  const upright = transposed ? { width: header.height, height: header.width } : header;
  const scale = dctScale(header, Math.min(upright.width / target.width, upright.height / target.height));
  if (scale === 1) return undefined;
  const sharp = await loadSharp('The option decode: "fast"');
  try {
    const { data, info } = await sharp(bytes, { ...SHARP_OPTIONS, limitInputPixels })
      .resize(Math.floor(header.width / (scale + 1)), Math.floor(header.height / (scale + 1)), {
        fit: 'fill',
        kernel: 'lanczos3',
        fastShrinkOnLoad: true,
      })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return pixelsOf(data, info, orientation);
  } catch (cause) {
    throw decodeFailed('jpeg', messageOf(cause), cause);
  }
}

// How far libjpeg may reduce the image, which then stays at least twice as large as the target. sharp takes a scale s only
// when asked to shrink by s + 1 or more (its guard against libjpeg's rounding) and cannot stop at it; so it is asked for the
// least more that makes it take s, and our kernel does the rest. A scale that does not divide both sides would shift the
// picture by a fraction of a pixel at its far edges, since libjpeg rounds the reduced size up.
function dctScale({ width, height }: ImageHeader, timesTheTarget: number): 1 | 2 | 4 | 8 {
  const scales = [8, 4, 2] as const;
  const fits = (scale: number) =>
    timesTheTarget / 2 >= scale + 1 && width % scale === 0 && height % scale === 0;
  return scales.find(fits) ?? 1;
}

function pixelsOf(data: Buffer, { width, height, channels }: OutputInfo, orientation: Orientation): Pixels {
  if (data.length !== width * height * channels)
    throw new Error(`${data.length} bytes for ${width} x ${height} pixels`);
  return { data, width, height, channels, bytesPerSample: 1, orientation };
}

let sharpModule: Promise<typeof Sharp> | undefined;

async function loadSharp(what: string): Promise<typeof Sharp> {
  // Its global settings (threads, cache) are left alone: they may be the user's own.
  sharpModule ??= import('sharp').then(({ default: sharp }) => sharp);
  try {
    return await sharpModule;
  } catch (cause) {
    throw new VisionError(
      'UNSUPPORTED_FORMAT',
      `${what} needs the optional package sharp: npm install sharp`,
      { cause },
    );
  }
}
