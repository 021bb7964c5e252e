// Which HEICs are decoded rightly.
import type { HeifStructure } from '../structure/heif.js';
import { unsupportedStructure, type Proven } from './verdict.js';

const ITEMS = ['hvc1', 'grid'];
const BITS = [8, 10, 12];

/**
 * @param heif - its structure
 * @returns the decoder that is right for it
 * @throws `UNSUPPORTED_FORMAT` naming what it is not right for
 */
export function provenForHeic(heif: HeifStructure): Proven {
  const unknown = heif.items.find((item) => !ITEMS.includes(item));
  if (unknown !== undefined) throw unsupportedStructure(`a HEIC whose picture is of the kind "${unknown}"`);
  if (heif.premultiplied) throw unsupportedStructure('a HEIC with premultiplied alpha');
  const deep = heif.streams.find(({ bits }) => !BITS.includes(bits));
  if (deep !== undefined) throw unsupportedStructure(`a HEIC of ${deep.bits} bits a sample`);
  const [stream] = heif.streams;
  const structure =
    stream === undefined ? 'a HEIC' : `a ${stream.chroma} HEIC of ${stream.bits} bits a sample`;
  return { decoders: ['libheif-js'], structure };
}
