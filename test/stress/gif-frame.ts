// Pixels that a GIF says nothing about: there the library shows black and the references something else, all of them right.
import type { Picture } from './picture.js';
import { gifFrame } from './structure/gif.js';

/**
 * Outside of a first frame that is smaller than its screen the library is black, and the reference shows a colour of the
 * palette (docs/decisions/0006): the library's black pixels there are filled with the reference's.
 * @param reference - what it is to be compared with
 * @param picture - the library's
 * @param bytes - the GIF
 * @returns the picture to compare
 */
export function withFrameOf(reference: Picture, picture: Picture, bytes: Buffer): Picture {
  const frame = gifFrame(bytes);
  if (frame === undefined || reference.rgb.length !== picture.rgb.length) return picture;
  const { left, top, width, height } = frame;
  const filled = { ...picture, rgb: new Uint8Array(picture.rgb) };
  for (let y = 0, at = 0; y < picture.height; y++)
    for (let x = 0; x < picture.width; x++, at += 3) {
      const inside = x >= left && x < left + width && y >= top && y < top + height;
      const black = picture.rgb[at] === 0 && picture.rgb[at + 1] === 0 && picture.rgb[at + 2] === 0;
      if (!inside && black) filled.rgb.set(reference.rgb.subarray(at, at + 3), at);
    }
  return filled;
}
