// Which decoder is right for which PNG.
import type { PngStructure } from '../structure/png.js';
import { fitsNapi, unsupportedStructure, type Proven } from './verdict.js';

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
export function provenForPng(png: PngStructure): Proven {
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
  const fits = fitsNapi(width * height * 4 * (depth === 16 ? 2 : 1));
  return { decoders: fits ? ['@napi-rs/image', 'sharp'] : ['sharp'], structure };
}
