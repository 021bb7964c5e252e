// Walks the boxes of the ISO base media format, in time linear in their number.

const MAX_BOXES = 65_536;

/** Bytes of version and flags at the start of a full box. */
export const FULL_BOX = 4;

/** A box. */
export interface Box {
  /** Four letters. */
  type: string;
  /** Of its content. */
  start: number;
  end: number;
}

/**
 * Finds a box on one level.
 * @param b - the file
 * @param start - where the level begins
 * @param end - where it ends
 * @param type - of the box
 * @returns the first one
 */
export function child(b: Buffer, start: number, end: number, type: string): Box | undefined {
  for (const box of boxes(b, start, end)) if (box.type === type) return box;
  return undefined;
}

/**
 * Walks one level. A size below 8 (0 "to the end" and 1 "64 bits" included) ends the walk; too many boxes do too.
 * @param b - the file
 * @param start - where the level begins
 * @param end - where it ends
 * @yields boxes
 */
export function* boxes(b: Buffer, start: number, end: number): Generator<Box> {
  for (let p = start, n = 0; p + 8 <= end && n < MAX_BOXES; n++) {
    const size = b.readUInt32BE(p);
    if (size < 8 || p + size > end) return;
    yield { type: b.toString('latin1', p + 4, p + 8), start: p + 8, end: p + size };
    p += size;
  }
}
