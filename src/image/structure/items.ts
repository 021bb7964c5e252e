// What AVIF and HEIC share beyond boxes: the kinds of the items in a meta box, and whether their colours carry their alpha.
import { FULL_BOX, boxes, child, type Box } from './boxes.js';

/**
 * Numbers of items have 16 bits, in later versions of a box 32.
 * @param b - the file
 * @param at - where it stands
 * @param wide - whether it has 32 bits
 * @returns the number; 0 for what lies behind the end of the file
 */
export function itemId(b: Buffer, at: number, wide: boolean): number {
  const bytes = wide ? 4 : 2;
  return at + bytes > b.length ? 0 : b.readUIntBE(at, bytes);
}

/**
 * The items that a meta box tells of.
 * @param b - the file
 * @param meta - the box
 * @yields number and kind of each, such as `av01`, `grid`, `Exif`; a number may come twice
 * @see ISO/IEC 14496-12, section 8.11.6
 */
export function* itemKinds(b: Buffer, meta: Box): Generator<[id: number, kind: string]> {
  const iinf = child(b, meta.start + FULL_BOX, meta.end, 'iinf');
  if (!iinf) return;
  // Behind the version stands the number of items, 16 bits or, from version 1 on, 32.
  const first = iinf.start + FULL_BOX + ((b[iinf.start] ?? 0) === 0 ? 2 : 4);
  for (const { type, start, end } of boxes(b, first, iinf.end)) {
    if (type !== 'infe') continue;
    const wide = (b[start] ?? 0) >= 3;
    const at = start + FULL_BOX + (wide ? 4 : 2) + 2;
    if (at + 4 <= end) yield [itemId(b, start + FULL_BOX, wide), b.toString('latin1', at, at + 4)];
  }
}

/**
 * Whether an image's colours are multiplied by its alpha.
 * @param b - the file
 * @param meta - its meta box
 * @returns true if a reference in it says so
 */
export function isPremultiplied(b: Buffer, meta: Box): boolean {
  const iref = child(b, meta.start + FULL_BOX, meta.end, 'iref');
  return iref !== undefined && child(b, iref.start + FULL_BOX, iref.end, 'prem') !== undefined;
}
