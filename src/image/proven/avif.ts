// Which decoder is right for which AVIF.
import type { AvifStructure } from '../structure/avif.js';
import { checkNapiHolds, unsupportedStructure, type Proven } from './verdict.js';

const ITEMS = ['av01', 'grid', 'Exif', 'mime'];
// How YUV becomes RGB, by the numbers of ITU-T H.273; undefined where the boxes do not say.
const IDENTITY = 0;
const GREY = '4:0:0';
const MATRICES = [undefined, 0, 1, 2, 4, 5, 6, 7, 8, 9, 12];

/**
 * sharp's own AVIF decoder (libheif) doubles the chroma of 4:2:0 and 4:2:2 by repeating it, and takes grey of limited range for full.
 * @param avif - its structure
 * @returns the decoders that are right for it
 * @throws `UNSUPPORTED_FORMAT` naming what no decoder here is right for
 */
export function provenForAvif(avif: AvifStructure): Proven {
  const { streams } = avif;
  if (avif.cropped) throw unsupportedStructure('an AVIF of which only a part is meant (clean aperture)');
  if (avif.premultiplied) throw unsupportedStructure('an AVIF with premultiplied alpha');
  const unknown = avif.items.find((item) => !ITEMS.includes(item));
  if (unknown !== undefined) throw unsupportedStructure(`an AVIF with an item of the kind "${unknown}"`);
  checkNapiHolds('an AVIF', avif);
  if (!MATRICES.includes(avif.matrix)) {
    throw unsupportedStructure(`an AVIF with the colour matrix ${avif.matrix ?? 0}`);
  }
  if (avif.matrix === IDENTITY && streams.some(({ chroma }) => chroma !== '4:4:4' && chroma !== GREY)) {
    throw unsupportedStructure('an AVIF with RGB samples of which some are left out');
  }
  // That of an alpha plane is grey, too.
  const { chroma, bits } = streams.find((stream) => stream.chroma !== GREY) ??
    streams[0] ?? { chroma: GREY, bits: 8 };
  return { decoders: ['@napi-rs/image'], structure: `a ${chroma} AVIF of ${bits} bits a sample` };
}
