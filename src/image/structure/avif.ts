// Reads how an AVIF is built from its boxes: size, orientation, kind of pixels; in time linear in the number of boxes.
import { bufferOver } from '../buffer-over.js';
import type { Orientation } from '../exif-orientation.js';
import { FULL_BOX, boxes, child } from './boxes.js';
import { isPremultiplied, itemKinds } from './items.js';

/** What an AVIF's boxes say. */
export interface AvifStructure {
  /** Stored, pixels: of the largest image in it. */
  width: number;
  height: number;
  orientation: Orientation;
  /** Kinds of items, such as `av01`, `grid`, `Exif`. */
  items: string[];
  /** Of each AV1 stream. */
  streams: { bits: 8 | 10 | 12; chroma: '4:4:4' | '4:2:2' | '4:2:0' | '4:0:0' }[];
  /** It says that it is an animation, and holds none. */
  emptySequence: boolean;
  /** A part of the picture is meant, not all of it. */
  cropped: boolean;
  /** Its colours are multiplied by their alpha. */
  premultiplied: boolean;
  /** Matrix coefficients (ITU-T H.273); undefined where the boxes do not say. */
  matrix: number | undefined;
}

/**
 * Reads the meta box. All items of a still AVIF share one orientation. EXIF does not count in AVIF.
 * @param bytes - the file
 * @returns the structure; undefined without image properties
 * @see ISO/IEC 23008-12 (HEIF); AV1 Image File Format 1.1; AV1 in ISOBMFF, section 2.3 (av1C)
 */
export function readAvifStructure(bytes: Uint8Array): AvifStructure | undefined {
  const b = bufferOver(bytes);
  const meta = child(b, 0, b.length, 'meta');
  const iprp = meta && child(b, meta.start + FULL_BOX, meta.end, 'iprp');
  const ipco = iprp && child(b, iprp.start, iprp.end, 'ipco');
  if (!ipco) return undefined;
  const found: AvifStructure = {
    width: 0,
    height: 0,
    orientation: 1,
    items: [...new Set(Array.from(itemKinds(b, meta), ([, kind]) => kind))],
    streams: [],
    emptySequence: b.toString('latin1', 8, 12) === 'avis' && child(b, 0, b.length, 'moov') === undefined,
    cropped: false,
    premultiplied: isPremultiplied(b, meta),
    matrix: undefined,
  };
  let turns = 0;
  let mirror: number | undefined;
  for (const box of boxes(b, ipco.start, ipco.end)) {
    const { type, start, end } = box;
    if (type === 'ispe' && start + 12 <= end) {
      const w = b.readUInt32BE(start + 4);
      const h = b.readUInt32BE(start + 8);
      if (w * h > found.width * found.height) [found.width, found.height] = [w, h];
    } else if (type === 'irot') turns ||= (b[start] ?? 0) & 3;
    else if (type === 'imir') mirror ??= (b[start] ?? 0) & 1;
    else if (type === 'clap') found.cropped = true;
    else if (type === 'colr' && b.toString('latin1', start, start + 4) === 'nclx' && start + 11 <= end) {
      found.matrix ??= b.readUInt16BE(start + 8);
    } else if (type === 'av1C' && start + 3 <= end) found.streams.push(streamOf(b[start + 2] as number));
  }
  return { ...found, orientation: avifOrientation(turns, mirror) };
}

// The third byte of av1C: tier, high bit depth, twelve bit, monochrome, subsampling in x and y, sample position.
function streamOf(flags: number): AvifStructure['streams'][number] {
  const bits = (flags & 0x40) === 0 ? 8 : (flags & 0x20) === 0 ? 10 : 12;
  const chroma =
    flags & 0x10 ? '4:0:0' : (flags & 0x0c) === 0x0c ? '4:2:0' : flags & 0x08 ? '4:2:2' : '4:4:4';
  return { bits, chroma };
}

// Quarter turns anticlockwise, then the mirror (0: top to bottom, 1: left to right), as Pillow's `irot_imir_to_exif_orientation`.
function avifOrientation(turns: number, mirror: number | undefined): Orientation {
  const plain: readonly Orientation[] = [1, 8, 3, 6];
  const topBottom: readonly Orientation[] = [4, 5, 2, 7];
  const leftRight: readonly Orientation[] = [2, 7, 4, 5];
  return (mirror === undefined ? plain : mirror === 0 ? topBottom : leftRight)[turns] ?? 1;
}
