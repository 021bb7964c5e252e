// Pixels that a file says nothing about: there the library shows black and the references something else, all of them right.
import type { ImageFormat } from '../../dist/esm/image/header.js';
import type { Picture } from './picture.js';
import { gifFrame } from './structure/gif.js';

/**
 * Fills the library's black pixels with the reference's where the file defines none.
 * @param reference - what it is to be compared with
 * @param picture - the library's
 * @param bytes - the file
 * @param format - of the file
 * @returns the picture to compare
 */
export function withUndefinedOf(
  reference: Picture,
  picture: Picture,
  bytes: Buffer,
  format: ImageFormat,
): Picture {
  const isUndefined =
    format === 'gif' ? outOfFrame(bytes) : format === 'bmp' ? withoutColour(bytes) : undefined;
  if (isUndefined === undefined || reference.rgb.length !== picture.rgb.length) return picture;
  const filled = { ...picture, rgb: new Uint8Array(picture.rgb) };
  for (let pixel = 0, at = 0; at < filled.rgb.length; pixel++, at += 3) {
    const black = filled.rgb[at] === 0 && filled.rgb[at + 1] === 0 && filled.rgb[at + 2] === 0;
    if (!black) continue;
    const theirs = reference.rgb.subarray(at, at + 3);
    if (isUndefined(pixel % picture.width, Math.floor(pixel / picture.width), theirs))
      filled.rgb.set(theirs, at);
  }
  return filled;
}

type IsUndefined = (x: number, y: number, theirs: Uint8Array) => boolean;

// Outside of a first frame that is smaller than its screen (docs/decisions/0006).
function outOfFrame(bytes: Buffer): IsUndefined | undefined {
  const frame = gifFrame(bytes);
  if (frame === undefined) return undefined;
  const { left, top, width, height } = frame;
  return (x, y) => x < left || x >= left + width || y < top || y >= top + height;
}

// An index behind the end of the palette: Pillow shows the grey of that number.
function withoutColour(bytes: Buffer): IsUndefined | undefined {
  if (bytes.length < 54) return undefined;
  const [bits, used] = [bytes.readUInt16LE(28), bytes.readUInt32LE(46)];
  if (bits > 8) return undefined;
  const colours = used === 0 ? 2 ** bits : used;
  return (_x, _y, [red, green, blue]) => red! >= colours && red === green && red === blue;
}
