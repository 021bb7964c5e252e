// Rewrites an AVIF whose major brand is another one (an animation, a profile) so that decoders take it for a still AVIF.
import { bufferOver } from '../buffer-over.js';

const MAJOR_BRAND = 8;

/**
 * Decoders go by the major brand. A file whose compatible brands name `avif` can be read as a still AVIF by the
 * specification (AV1 Image File Format, section 6), whatever that is; its boxes stay as they are.
 * @param bytes - the file
 * @returns a copy with the brand `avif`, or the file itself if it has that
 */
export function stillAvif(bytes: Uint8Array): Uint8Array {
  const b = bufferOver(bytes);
  if (b.toString('latin1', MAJOR_BRAND, MAJOR_BRAND + 4) === 'avif') return bytes;
  const copy = Buffer.from(b);
  copy.write('avif', MAJOR_BRAND, 'latin1');
  return copy;
}
