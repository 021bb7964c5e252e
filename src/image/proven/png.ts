// Which decoder is right for which PNG.
import type { PngStructure } from '../structure/png.js';
import { sharpFirst, unsupportedStructure, type Colours, type Proven } from './verdict.js';

// All that the standard knows, by colour type.
const KINDS: Readonly<Record<number, { name: string; depths: readonly number[] }>> = {
  0: { name: 'a grey PNG', depths: [1, 2, 4, 8, 16] },
  2: { name: 'an RGB PNG', depths: [8, 16] },
  3: { name: 'a palette PNG', depths: [1, 2, 4, 8] },
  4: { name: 'a grey PNG with alpha', depths: [8, 16] },
  6: { name: 'an RGB PNG with alpha', depths: [8, 16] },
};
const INTERLACES = [0, 1];

/**
 * @param png - its structure
 * @returns the decoders that are right for it
 * @throws `UNSUPPORTED_FORMAT` naming what no decoder here reads
 */
export function provenForPng(png: PngStructure): Proven & { colours: Colours } {
  if (png.unknownCritical !== undefined) {
    throw unsupportedStructure(`a PNG with the unknown critical chunk "${png.unknownCritical}"`);
  }
  const { width, height, depth, colourType } = png;
  const kind = KINDS[colourType];
  if (kind === undefined) throw unsupportedStructure(`a PNG of the unknown colour type ${colourType}`);
  const structure = `${kind.name} of ${depth} bits a sample`;
  if (!kind.depths.includes(depth))
    throw unsupportedStructure(`${structure}, which the standard does not know`);
  if (png.compression !== 0 || png.filter !== 0 || !INTERLACES.includes(png.interlace)) {
    throw unsupportedStructure(
      `a PNG of unknown compression, filter or interlace (${png.compression}, ${png.filter}, ${png.interlace})`,
    );
  }
  // It panics where a palette is no multiple of three bytes, and reads past the checksum of damaged picture data.
  const proven = sharpFirst(structure, png.regular, width * height * 4 * (depth === 16 ? 2 : 1));
  // Grey of 16 bits goes by way of RGB: that keeps the high byte, the way to grey rounds.
  const colours = (colourType === 0 || colourType === 4) && depth <= 8 ? 'grey' : 'rgb';
  return { ...proven, colours };
}
