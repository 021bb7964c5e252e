// Which decoder is right for which WebP.
import type { WebpStructure } from '../structure/webp.js';
import { sharpFirst, type Proven } from './verdict.js';

/**
 * @param webp - its structure
 * @param size - of the picture
 * @param size.width - pixels in a row
 * @param size.height - rows
 * @returns the decoders that are right for it
 */
export function provenForWebp(
  webp: WebpStructure,
  { width, height }: { width: number; height: number },
): Proven {
  const coding = webp.coding === 'VP8L' ? 'lossless' : 'lossy';
  const structure = `a WebP (${webp.animated ? 'animated, ' : ''}${coding})`;
  // It blends the first frame of an animation with a background, and asks for an alpha plane wherever the header names one.
  const isPlain = !webp.animated && (webp.coding === 'VP8L' || webp.alphaFlag === webp.alphaPlane);
  return sharpFirst(structure, isPlain, width * height * 4);
}
