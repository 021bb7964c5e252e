// sharp as a judge of pictures: the same bytes, without what it does of its own accord to colours.
import type { Picture } from './picture.js';
import sharp from '../helpers/sharp.js';

const MAX_PIXELS = 4_000_000;

/**
 * Decodes a file.
 * @param bytes - the file
 * @param failOn - sharp's option: what damage it refuses
 * @returns the picture, upright; undefined when sharp does not read it
 */
export async function bySharp(bytes: Buffer, failOn: 'error' | 'none'): Promise<Picture | undefined> {
  const image = sharp(bytes, { ignoreIcc: true, failOn, limitInputPixels: MAX_PIXELS });
  try {
    const { space, hasAlpha } = await image.metadata();
    const upright = image.autoOrient();
    // It would manage the colours of CMYK, which the reference does not.
    const raw =
      space === 'cmyk' && !hasAlpha
        ? upright.pipelineColourspace('cmyk').toColourspace('cmyk').raw()
        : upright.removeAlpha().toColourspace('srgb').raw();
    const { data, info } = await raw.toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    return { rgb: rgbOf(data, channels), width, height };
  } catch {
    return undefined;
  }
}

function rgbOf(data: Buffer, channels: number): Uint8Array {
  if (channels === 3) return data;
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, to = 0; to < rgb.length; from += channels, to += 3)
    for (let i = 0; i < 3; i++)
      rgb[to + i] = channels === 4 ? fromCmyk(data[from + i]!, data[from + 3]!) : data[from]!;
  return rgb;
}

// Pillow's conversion (libImaging/Convert.c, cmyk2rgb).
function fromCmyk(ink: number, black: number): number {
  const light = 255 - black;
  const product = ink * light + 128;
  return light - (((product >> 8) + product) >> 8);
}
