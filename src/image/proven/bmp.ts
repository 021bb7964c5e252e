// Which BMPs are decoded rightly: sharp reads none, so @napi-rs/image decodes all that are, rewritten to the plainest form.
import { hasRunLengths, isWholeByte, type BmpStructure } from '../structure/bmp.js';
import { checkNapiHolds, unsupportedStructure, type Proven } from './verdict.js';

const OS2_HEADER = 64;
const OS2_COMPRESSIONS: Readonly<Record<number, string>> = {
  3: 'Huffman coding',
  4: 'run lengths of 24 bits',
};
const COMPRESSIONS: Readonly<Record<number, { name: string; bits: readonly number[] }>> = {
  0: { name: 'an uncompressed', bits: [1, 4, 8, 16, 24, 32] },
  1: { name: 'a run-length coded', bits: [8] },
  2: { name: 'a run-length coded', bits: [4] },
  3: { name: 'a masked', bits: [16, 24, 32] },
};
const OTHERS: Readonly<Record<number, string>> = {
  4: 'a JPEG inside',
  5: 'a PNG inside',
  6: 'the masks of Windows CE',
  11: 'CMYK colours',
  12: 'CMYK colours',
  13: 'CMYK colours',
};
// Red, green and blue, by bits a pixel; of 32 bits also every order of whole bytes.
const MASKS: Readonly<Record<number, readonly string[]>> = {
  16: ['f800,7e0,1f', '7c00,3e0,1f', 'f00,f0,f', '1f,7e0,f800', 'e0,1c,3'],
  24: ['ff0000,ff00,ff'],
  32: ['3ff00000,ffc00,3ff', '0,0,0'],
};
const MAX_ENTRIES = 256;

/**
 * @param bmp - its structure
 * @returns the decoders that are right for it
 * @throws `UNSUPPORTED_FORMAT` naming what no decoder here is right for
 */
export function provenForBmp(bmp: BmpStructure): Proven {
  const { bits, compression, planes } = bmp;
  // In OS/2's header these numbers stand for codings of its own.
  const ofOs2 = bmp.headerBytes === OS2_HEADER ? OS2_COMPRESSIONS[compression] : undefined;
  if (ofOs2 !== undefined) throw unsupportedStructure(`a BMP of OS/2 with ${ofOs2}`);
  const known = COMPRESSIONS[compression];
  if (known === undefined) {
    throw unsupportedStructure(`a BMP with ${OTHERS[compression] ?? `compression ${compression}`}`);
  }
  const structure = `${known.name} BMP of ${bits} bits a pixel`;
  if (!known.bits.includes(bits)) throw unsupportedStructure(structure);
  if (planes !== 1) throw unsupportedStructure(`a BMP of ${planes} planes`);
  const odd = oddity(bmp);
  if (odd !== undefined) throw unsupportedStructure(`a BMP ${odd}`);
  checkNapiHolds('a BMP', bmp);
  return { decoders: ['@napi-rs/image'], structure };
}

function oddity(bmp: BmpStructure): string | undefined {
  const { bits, masks, topDown, dataAt, palette } = bmp;
  if (topDown && hasRunLengths(bmp)) return 'with run lengths from top to bottom';
  if (dataAt === 0) return 'that does not say where its pixels begin';
  if (dataAt < palette.at) return 'whose pixels would begin in its own headers';
  if (palette.entries > MAX_ENTRIES) return `with a palette of ${palette.entries} colours`;
  if (masks.length === 0) return undefined;
  const [colours, alpha = 0] = [masks.slice(0, 3), masks[3]];
  const named = colours.map((mask) => mask.toString(16)).join();
  const used = alpha === 0 ? colours : [...colours, alpha];
  const isBytes = bits === 32 && new Set(used).size === used.length && used.every(isWholeByte);
  return isBytes || MASKS[bits]?.includes(named) === true
    ? undefined
    : `of ${bits} bits a pixel with the colour masks ${named}`;
}
