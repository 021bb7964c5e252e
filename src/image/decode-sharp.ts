// Decodes with sharp, an optional dependency; the only file that imports it. Its process-wide settings are left alone.
import type Sharp from 'sharp';
import type { OutputInfo, Sharp as SharpImage } from 'sharp';
import { VisionError, messageOf } from '../errors.js';
import { isInstalled, loadNative } from '../native-package.js';
import { noThread, saysNoThread } from '../no-thread.js';
import { cmykToRgb } from './cmyk.js';
import type { Orientation } from './exif-orientation.js';
import { tooManyPixels, type ImageHeader } from './header.js';
import { decodeFailed, otherSize, type Pixels } from './pixels.js';
import type { DecodingPlan, PlanOptions } from './plan.js';
import type { Colours } from './proven/verdict.js';

// The reference ignores colour profiles, and a file that is damaged anywhere is refused.
const SHARP_OPTIONS = { ignoreIcc: true, failOn: 'error' } as const;
const FIRST_TRANSPOSED = 5;

const COLOURS: Readonly<Record<Colours, (image: SharpImage) => SharpImage>> = {
  grey: (image) => image.toColourspace('b-w'),
  rgb: (image) => image.toColourspace('srgb'),
  // Inks are taken as they are: sharp would manage them by a colour profile, which the reference does not.
  cmyk: (image) => image.pipelineColourspace('cmyk').toColourspace('cmyk'),
};

/**
 * Decodes an image as it is stored.
 * @param plan - what to decode
 * @param header - what its header says
 * @param options - limit, and whether alpha matters
 * @param options.limitInputPixels - most pixels
 * @param options.keepAlpha - whether alpha is wanted
 * @returns the pixels, without orientation; samples of 16 bits are reduced to their high bytes
 * @throws `DECODE_FAILED`
 */
export async function decodeWithSharp(
  plan: DecodingPlan,
  header: ImageHeader,
  { limitInputPixels, keepAlpha }: PlanOptions,
): Promise<Omit<Pixels, 'orientation'>> {
  const sharp = loadSharp();
  const failOn = plan.strict ? 'warning' : SHARP_OPTIONS.failOn;
  const image = sharp(plan.bytes, { ...SHARP_OPTIONS, failOn, limitInputPixels });
  // Its way to grey leaves nothing but the first channel.
  const colours = keepAlpha && plan.colours === 'grey' ? 'rgb' : plan.colours;
  const wanted = keepAlpha || colours === 'cmyk' ? image : image.removeAlpha();
  const { data, info } = await raw(COLOURS[colours](wanted), header, limitInputPixels);
  const { width, height } = info;
  if (width !== header.width || height !== header.height) {
    throw otherSize(header, width, height);
  }
  if (plan.colours !== 'cmyk') return pixelsOf(data, info);
  if (info.channels < 4) throw decodeFailed(header.format, `it holds ${info.channels} inks`);
  return { data: cmykToRgb(data), width, height, channels: 3, bytesPerSample: 1 };
}

async function raw(
  image: SharpImage,
  header: ImageHeader,
  limitInputPixels: number,
): Promise<{ data: Buffer; info: OutputInfo }> {
  try {
    return await image.raw().toBuffer({ resolveWithObject: true });
  } catch (cause) {
    const message = messageOf(cause);
    if (message.includes('exceeds pixel limit')) {
      throw tooManyPixels(header.width, header.height, limitInputPixels, 'in one of its pictures');
    }
    if (saysNoThread(cause)) throw noThread('A thread of sharp', cause);
    // libvips says the same several times, a line each.
    throw decodeFailed(header.format, (message.split('\n', 1)[0] ?? message).replace(/[.:]?\s*$/, ''), cause);
  }
}

/**
 * Decodes a large JPEG at a reduced DCT scale: sharp shrinks it on load, to no less than twice the target.
 * @param plan - what to decode
 * @param header - what its header says
 * @param orientation - to be applied later
 * @param target - size that the pixels are meant for, upright
 * @param target.width - pixels in a row
 * @param target.height - rows
 * @param limitInputPixels - most pixels
 * @returns the pixels; undefined when the image is too small to gain anything, or is CMYK, which sharp would manage by
 * colour profiles while the reference does not
 * @throws `DECODE_FAILED`; `UNSUPPORTED_FORMAT`, `NATIVE_UNAVAILABLE` without sharp
 */
export async function decodeScaledJpeg(
  plan: DecodingPlan,
  header: ImageHeader,
  orientation: Orientation,
  target: { width: number; height: number },
  limitInputPixels: number,
): Promise<Pixels | undefined> {
  if (plan.colours === 'cmyk') return undefined;
  const transposed = orientation >= FIRST_TRANSPOSED;
  const upright = transposed ? { width: header.height, height: header.width } : header;
  const scale = dctScale(header, Math.min(upright.width / target.width, upright.height / target.height));
  if (scale === 1) return undefined;
  if (!isInstalled('sharp')) {
    throw new VisionError(
      'UNSUPPORTED_FORMAT',
      'The option decode: "fast" needs the optional package sharp: npm install sharp',
    );
  }
  const sharp = loadSharp();
  const image = sharp(plan.bytes, { ...SHARP_OPTIONS, limitInputPixels })
    .resize(Math.floor(header.width / (scale + 1)), Math.floor(header.height / (scale + 1)), {
      fit: 'fill',
      kernel: 'lanczos3',
      fastShrinkOnLoad: true,
    })
    .toColourspace('srgb');
  const { data, info } = await raw(image, header, limitInputPixels);
  return { ...pixelsOf(data, info), orientation };
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

function pixelsOf(data: Buffer, { width, height, channels }: OutputInfo): Omit<Pixels, 'orientation'> {
  if (data.length !== width * height * channels)
    throw new Error(`${data.length} bytes for ${width} x ${height} pixels`);
  return { data, width, height, channels, bytesPerSample: 1 };
}

/**
 * @returns whether sharp can be used: it is installed and loads
 */
export function hasSharp(): boolean {
  try {
    loadSharp();
    return true;
  } catch {
    return false;
  }
}

/**
 * Loads sharp.
 * @returns sharp
 * @throws `NATIVE_UNAVAILABLE`
 */
export function loadSharp(): typeof Sharp {
  return loadNative('sharp') as typeof Sharp;
}
