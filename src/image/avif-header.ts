// Reads size and orientation from an AVIF's boxes, in time linear in their number.
import type { Orientation } from './exif-orientation.js';

const MAX_BOXES = 65_536;

interface Box {
  type: string;
  start: number;
  end: number;
}

/**
 * Reads the largest `ispe` and the first `irot`/`imir` property: all items of a still AVIF share one orientation. EXIF
 * does not count in AVIF.
 * @param b - the file
 * @returns stored width and height in pixels, and the orientation; undefined without image properties
 */
export function readAvif(b: Buffer): { width: number; height: number; orientation: Orientation } | undefined {
  const meta = child(b, 0, b.length, 'meta');
  const iprp = meta && child(b, meta.start + 4, meta.end, 'iprp');
  const ipco = iprp && child(b, iprp.start, iprp.end, 'ipco');
  if (!ipco) return undefined;
  let width = 0;
  let height = 0;
  let turns = 0;
  let mirror: number | undefined;
  for (const box of boxes(b, ipco.start, ipco.end)) {
    if (box.type === 'ispe' && box.start + 12 <= box.end) {
      const w = b.readUInt32BE(box.start + 4);
      const h = b.readUInt32BE(box.start + 8);
      if (w * h > width * height) [width, height] = [w, h];
    } else if (box.type === 'irot') turns ||= (b[box.start] ?? 0) & 3;
    else if (box.type === 'imir') mirror ??= (b[box.start] ?? 0) & 1;
  }
  return { width, height, orientation: avifOrientation(turns, mirror) };
}

// Quarter turns anticlockwise, then the mirror (0: top to bottom, 1: left to right), as Pillow's `irot_imir_to_exif_orientation`.
function avifOrientation(turns: number, mirror: number | undefined): Orientation {
  const plain: readonly Orientation[] = [1, 8, 3, 6];
  const topBottom: readonly Orientation[] = [4, 5, 2, 7];
  const leftRight: readonly Orientation[] = [2, 7, 4, 5];
  return (mirror === undefined ? plain : mirror === 0 ? topBottom : leftRight)[turns] ?? 1;
}

function child(b: Buffer, start: number, end: number, type: string): Box | undefined {
  for (const box of boxes(b, start, end)) if (box.type === type) return box;
  return undefined;
}

// ISO base media boxes on one level. A size below 8 (0 "to the end" and 1 "64 bits" included) ends the walk; too many boxes do too.
function* boxes(b: Buffer, start: number, end: number): Generator<Box> {
  for (let p = start, n = 0; p + 8 <= end && n < MAX_BOXES; n++) {
    const size = b.readUInt32BE(p);
    if (size < 8 || p + size > end) return;
    yield { type: b.toString('latin1', p + 4, p + 8), start: p + 8, end: p + size };
    p += size;
  }
}
