// Which BMPs are decoded rightly: sharp reads none, so @napi-rs/image decodes all that are, rewritten to the plainest form.
import type { BmpStructure } from '../structure/bmp.js';
import { fitsNapi, unsupportedStructure, type Proven } from './verdict.js';

const OS2_HEADER = 64;
const COMPRESSIONS: Readonly<Record<number, { name: string; bits: readonly number[] }>> = {
  0: { name: 'an uncompressed', bits: [1, 4, 8, 16, 24, 32] },
  1: { name: 'a run-length coded', bits: [8] },
  2: { name: 'a run-length coded', bits: [4] },
  3: { name: 'a masked', bits: [16, 24, 32] },
  6: { name: 'a masked', bits: [16, 32] },
};
const OTHERS: Readonly<Record<number, string>> = {
  4: 'a JPEG inside',
  5: 'a PNG inside',
  11: 'CMYK colours',
  12: 'CMYK colours',
  13: 'CMYK colours',
};
const ORDINARY_24_BIT = [0xff0000, 0xff00, 0xff];

/**
 * @param bmp - its structure
 * @returns the decoders that are right for it
 * @throws `UNSUPPORTED_FORMAT` naming what no decoder here is right for
 */
export function provenForBmp(bmp: BmpStructure): Proven {
  const { headerBytes, bits, compression, masks, topDown, width, height } = bmp;
  const known = COMPRESSIONS[compression];
  if (known === undefined) {
    throw unsupportedStructure(`a BMP with ${OTHERS[compression] ?? `compression ${compression}`}`);
  }
  const structure = `${known.name} BMP of ${bits} bits a pixel`;
  if (!known.bits.includes(bits)) throw unsupportedStructure(structure);
  if (masks.length > 0 && headerBytes === OS2_HEADER) throw unsupportedStructure('a masked BMP of OS/2');
  if (masks.length > 0 && bits === 24 && masks.slice(0, 3).join() !== ORDINARY_24_BIT.join()) {
    throw unsupportedStructure('a BMP of 24 bits a pixel with masks in another order');
  }
  const isOverlapping = masks.some((mask, i) => masks.slice(0, i).some((other) => (mask & other) !== 0));
  if (isOverlapping || !masks.every(isRun))
    throw unsupportedStructure('a BMP whose colour masks overlap or have gaps');
  if (topDown && (compression === 1 || compression === 2))
    throw unsupportedStructure('a run-length coded BMP from top to bottom');
  if (!fitsNapi(width * height * 4))
    throw unsupportedStructure(
      `a BMP of ${width} x ${height} pixels, more than its decoder holds (480 MiB at four bytes a pixel)`,
      'Save it as PNG or JPEG first.',
    );
  return { decoders: ['@napi-rs/image'], structure };
}

// Bits in one piece.
function isRun(mask: number): boolean {
  const run = mask === 0 ? 0 : mask >>> (31 - Math.clz32(mask & -mask));
  return (run & (run + 1)) === 0;
}
