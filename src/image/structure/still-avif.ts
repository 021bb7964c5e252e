// Rewrites an animated AVIF that holds a still picture too into one that decoders take for the still picture alone.

const MAJOR_BRAND = 8;

/**
 * Decoders go by the major brand, and those here read no image sequences. A file whose compatible brands name `avif` can
 * be read as a still AVIF by the specification (AV1 Image File Format, section 6); its boxes stay as they are.
 * @param bytes - the file
 * @returns a copy with the brand `avif`, or the file itself if that is no sequence
 */
export function stillAvif(bytes: Uint8Array): Uint8Array {
  const b = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (b.toString('latin1', MAJOR_BRAND, MAJOR_BRAND + 4) !== 'avis') return bytes;
  const copy = Buffer.from(b);
  copy.write('avif', MAJOR_BRAND, 'latin1');
  return copy;
}
