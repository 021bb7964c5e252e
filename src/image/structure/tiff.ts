// Reads how the first picture of a TIFF is stored: the tags of its first directory that decide which decoder is right.
import { isRangeError } from '../../realm.js';
import { bufferOver } from '../buffer-over.js';
import { orientationOf, type Orientation } from '../exif-orientation.js';
import { Numbers, TYPE_BYTES } from './tiff-numbers.js';

/** How the first picture of a TIFF is stored; what the file leaves out has the specification's default. */
export interface TiffStructure {
  /** With 64-bit offsets. */
  big: boolean;
  orientation: Orientation;
  width: number;
  height: number;
  /** Of each sample. */
  bits: number[];
  compression: number;
  /** -1 where the file does not say. */
  photometric: number;
  fillOrder: number;
  samples: number;
  /** Of tiles or strips: 1 samples interleaved, 2 in planes. */
  planar: number;
  predictor: number;
  tiled: boolean;
  /** What the samples beyond the colours are: 0 unspecified, 1 premultiplied alpha, 2 alpha. */
  extraSamples: number[];
  /** Of each sample: 1 unsigned, 2 signed, 3 floating point, 4 untyped. */
  sampleFormats: number[];
  /** 1 for cyan, magenta, yellow and black. */
  inkSet: number;
  /** `whole`: an entry of 16 bits for each value. Some writers leave entries out, or fill in 8 bits only. */
  palette: 'whole' | 'short' | 'of 8 bits';
  /** Rows of a strip; Infinity where all are one strip, or where it is tiled. */
  rowsPerStrip: number;
  /** 0 x 0 where it is in strips. */
  tile: { width: number; height: number };
  /** How many places and how many lengths of strips or tiles there are. */
  chunks: { offsets: number; counts: number };
  /** A tag that is read here has values that are no whole numbers. */
  mistyped: boolean;
  /** A tag that is read here stands in the directory twice. */
  doubled: boolean;
}

const MAX_ENTRIES = 4096;
const MAX_VALUES = 3 * 65_536; // a palette of 16 bits
const MAX_SAMPLES = 16;
const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  stripOffsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  planar: 284,
  predictor: 317,
  palette: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  inkSet: 332,
  extraSamples: 338,
  sampleFormat: 339,
} as const;
const KNOWN: ReadonlySet<number> = new Set(Object.values(TAG));
// Of these only the number of values matters, and there may be millions.
const COUNTED: ReadonlySet<number> = new Set([
  TAG.stripOffsets,
  TAG.stripByteCounts,
  TAG.tileOffsets,
  TAG.tileByteCounts,
]);

interface Entry {
  type: number;
  count: number;
  values: number[];
}

/**
 * Reads the first directory.
 * @param bytes - the whole file
 * @returns its structure; undefined where the directory or a value in it lies outside the file
 * @see TIFF revision 6.0, sections 2 and 8; BigTIFF design, 2004
 */
export function readTiffStructure(bytes: Uint8Array): TiffStructure | undefined {
  const buffer = bufferOver(bytes);
  try {
    const read = new Numbers(buffer, buffer[0] === 0x49);
    const big = read.u16(2) === 43;
    const { entries, doubled } = readEntries(read, big);
    return { big, ...structureOf(entries), doubled };
  } catch (error) {
    if (isRangeError(error)) return undefined; // out of the buffer
    throw error;
  }
}

function readEntries(read: Numbers, big: boolean): { entries: Map<number, Entry>; doubled: boolean } {
  const start = big ? read.u64(8) : read.u32(4);
  const count = big ? read.u64(start) : read.u16(start);
  const size = big ? 20 : 12;
  const inline = big ? 8 : 4;
  const entries = new Map<number, Entry>();
  let doubled = false;
  const first = start + (big ? 8 : 2);
  for (let n = 0; n < Math.min(count, MAX_ENTRIES); n++) {
    const at = first + n * size;
    const tag = read.u16(at);
    if (!KNOWN.has(tag)) continue;
    // The first one counts; reading the values of thousands of others would take minutes.
    if (entries.has(tag)) {
      doubled = true;
      continue;
    }
    const type = read.u16(at + 2);
    const length = big ? read.u64(at + 4) : read.u32(at + 4);
    const bytes = TYPE_BYTES[type] ?? 1;
    const field = at + size - inline;
    const from = length * bytes <= inline ? field : big ? read.u64(field) : read.u32(field);
    const wanted = COUNTED.has(tag) ? 0 : Math.min(length, MAX_VALUES);
    const values = Array.from({ length: wanted }, (_, i) => read.value(type, from + i * bytes));
    entries.set(tag, { type, count: length, values });
  }
  return { entries, doubled };
}

function structureOf(entries: ReadonlyMap<number, Entry>): Omit<TiffStructure, 'big' | 'doubled'> {
  const list = (tag: number): number[] => entries.get(tag)?.values ?? [];
  const one = (tag: number, fallback: number): number => list(tag)[0] ?? fallback;
  const countOf = (tag: number): number => entries.get(tag)?.count ?? 0;
  const samples = one(TAG.samples, 1);
  const tiled = entries.has(TAG.tileWidth) || entries.has(TAG.tileOffsets);
  const wanted = Math.min(Math.max(samples, 1), MAX_SAMPLES);
  // One value stands for all samples in files of careless writers, and libtiff reads it so.
  const each = (tag: number, fallback: number): number[] => {
    const values = list(tag);
    return Array.from({ length: wanted }, (_, i) => values[i] ?? values[0] ?? fallback);
  };
  return {
    width: one(TAG.width, 0),
    height: one(TAG.height, 0),
    orientation: orientationOf(one(TAG.orientation, 1)),
    bits: each(TAG.bits, 1),
    compression: one(TAG.compression, 1),
    photometric: one(TAG.photometric, -1),
    fillOrder: one(TAG.fillOrder, 1),
    samples,
    planar: one(TAG.planar, 1),
    predictor: one(TAG.predictor, 1),
    tiled,
    extraSamples: list(TAG.extraSamples).slice(0, MAX_SAMPLES),
    sampleFormats: each(TAG.sampleFormat, 1),
    inkSet: one(TAG.inkSet, 1),
    palette: paletteOf(list(TAG.palette), one(TAG.bits, 1)),
    chunks: tiled
      ? { offsets: countOf(TAG.tileOffsets), counts: countOf(TAG.tileByteCounts) }
      : { offsets: countOf(TAG.stripOffsets), counts: countOf(TAG.stripByteCounts) },
    rowsPerStrip: tiled ? Infinity : one(TAG.rowsPerStrip, Infinity),
    tile: { width: one(TAG.tileWidth, 0), height: one(TAG.tileHeight, 0) },
    mistyped: [...entries.values()].some(({ type }) => TYPE_BYTES[type] === undefined),
  };
}

function paletteOf(values: readonly number[], bits: number): TiffStructure['palette'] {
  if (values.length !== 3 * 2 ** bits) return 'short';
  return values.some((value) => value > 0) && values.every((value) => value < 256) ? 'of 8 bits' : 'whole';
}
