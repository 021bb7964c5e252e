// Which decoder is right for which PNG.
import type { PngStructure } from '../structure/png.js';
import { fitsNapi, unsupportedStructure, type Colours, type Proven } from './verdict.js';

const NAMES: Readonly<Record<number, string>> = {
  0: 'a grey PNG',
  2: 'an RGB PNG',
  3: 'a palette PNG',
  4: 'a grey PNG with alpha',
  6: 'an RGB PNG with alpha',
};

/**
 * @param png - its structure
 * @returns the decoders that are right for it
 * @throws `UNSUPPORTED_FORMAT` naming what no decoder here reads
 */
export function provenForPng(png: PngStructure): Proven & { colours: Colours } {
  if (png.crushed) {
    throw unsupportedStructure(
      'a PNG crushed by Xcode for iOS (CgBI), which is no PNG any more',
      'Restore it with "xcrun pngcrush -revert-iphone-optimizations", or take the original.',
    );
  }
  if (png.unknownCritical !== undefined) {
    throw unsupportedStructure(`a PNG with the unknown critical chunk "${png.unknownCritical}"`);
  }
  const { width, height, depth, colourType } = png;
  const structure = `${NAMES[colourType] ?? 'a PNG'} of ${depth} bits a sample`;
  // It panics where a palette is no multiple of three bytes, and reads past the checksum of damaged picture data.
  const isProven = png.regular && fitsNapi(width * height * 4 * (depth === 16 ? 2 : 1));
  // Grey of 16 bits goes by way of RGB: that keeps the high byte, the way to grey rounds.
  const colours = (colourType === 0 || colourType === 4) && depth <= 8 ? 'grey' : 'rgb';
  return { decoders: isProven ? ['sharp', '@napi-rs/image'] : ['sharp'], structure, colours };
}
