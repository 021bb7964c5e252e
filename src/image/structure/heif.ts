// Reads what the picture of a HEIF file is made of: its size, its codec, and how much must be decoded for it.
import { bufferOver } from '../buffer-over.js';
import { FULL_BOX, boxes, child, type Box } from './boxes.js';
import { isPremultiplied, itemId, itemKinds } from './items.js';

/** What a HEIF's boxes say of its primary picture. */
export interface HeifStructure {
  /** As it is shown: cropped and turned, pixels. */
  width: number;
  height: number;
  /** Kinds of the items that it is made of, such as `hvc1`, `grid`. */
  items: string[];
  /** Of each HEVC stream in the file. */
  streams: { bits: number; chroma: string }[];
  /** Colours are multiplied by alpha. */
  premultiplied: boolean;
  /** Pixels that are decoded for it, those of tiles included. */
  codedPixels: number;
}

// A grid of 256 x 256 tiles. A hostile file can name one tile in many grids.
const MAX_ITEMS = 65_536;
const CHROMA = ['4:0:0', '4:2:0', '4:2:2', '4:4:4'];

/**
 * Whether a HEIF holds pictures beside, or instead of, tracks.
 * @param b - the file
 * @returns true if so
 */
export function holdsItems(b: Buffer): boolean {
  return child(b, 0, b.length, 'meta') !== undefined;
}

/**
 * Reads the meta box.
 * @param bytes - the file
 * @returns the structure; undefined when a part of it is missing
 * @see ISO/IEC 23008-12 (HEIF), sections 6.5 and 6.6; ISO/IEC 14496-12, sections 8.11; ISO/IEC 14496-15, 8.3.2.1 (hvcC)
 */
export function readHeifStructure(bytes: Uint8Array): HeifStructure | undefined {
  const b = bufferOver(bytes);
  const meta = child(b, 0, b.length, 'meta');
  if (!meta) return undefined;
  const inMeta = (type: string) => child(b, meta.start + FULL_BOX, meta.end, type);
  const [pitm, iinf, iref, iprp] = ['pitm', 'iinf', 'iref', 'iprp'].map(inMeta);
  if (!pitm || !iinf || !iprp) return undefined;
  const primary = itemId(b, pitm.start + FULL_BOX, version(b, pitm) > 0);
  const ipco = child(b, iprp.start, iprp.end, 'ipco');
  const declared = ipco === undefined ? [] : [...boxes(b, ipco.start, ipco.end)];
  const properties = propertiesOf(b, iprp, declared);
  const kinds = new Map(itemKinds(b, meta));
  const parts = iref === undefined ? new Map<number, number[]>() : partsOf(b, iref);
  if (properties === undefined || parts === undefined) return undefined;
  const shown = shownSize(b, properties(primary));
  if (shown === undefined) return undefined;
  const items = new Set<string>();
  let codedPixels = 0;
  const waiting = [primary];
  for (let visited = 0; waiting.length > 0; visited++) {
    const item = waiting.pop() as number;
    items.add(kinds.get(item) ?? 'unknown');
    const below = parts.get(item);
    if (visited >= MAX_ITEMS || waiting.length + (below?.length ?? 0) > MAX_ITEMS) return undefined;
    if (below !== undefined) waiting.push(...below);
    else codedPixels += area(b, properties(item));
  }
  const premultiplied = isPremultiplied(b, meta);
  return { ...shown, items: [...items], streams: streamsOf(b, declared), premultiplied, codedPixels };
}

function version(b: Buffer, box: Box): number {
  return b[box.start] ?? 0;
}

// What lies behind the end of the file counts as 0.
function uint(b: Buffer, at: number, bytes: 1 | 2 | 4): number {
  return at + bytes > b.length ? 0 : b.readUIntBE(at, bytes);
}

// Which items a derived one is made of; undefined for more than any picture has.
function partsOf(b: Buffer, iref: Box): Map<number, number[]> | undefined {
  const wide = version(b, iref) > 0;
  const bytes = wide ? 4 : 2;
  const parts = new Map<number, number[]>();
  let total = 0;
  for (const { type, start, end } of boxes(b, iref.start + FULL_BOX, iref.end)) {
    if (type !== 'dimg') continue;
    const count = Math.min(uint(b, start + bytes, 2), Math.floor((end - start) / bytes));
    total += count;
    if (total > MAX_ITEMS) return undefined;
    const first = start + bytes + 2;
    parts.set(
      itemId(b, start, wide),
      Array.from({ length: count }, (_, i) => itemId(b, first + i * bytes, wide)),
    );
  }
  return parts;
}

// The properties of an item, in the order in which they are applied; undefined for more items than any picture has.
function propertiesOf(b: Buffer, iprp: Box, declared: readonly Box[]): ((item: number) => Box[]) | undefined {
  let entries = 0;
  const places = new Map<number, { at: number; count: number; wide: boolean }>();
  for (const box of boxes(b, iprp.start, iprp.end)) {
    if (box.type !== 'ipma') continue;
    const wideItem = version(b, box) > 0;
    const wide = (uint(b, box.start + 3, 1) & 1) !== 0;
    let p = box.start + FULL_BOX + 4;
    while (p < box.end) {
      if (++entries > MAX_ITEMS) return undefined;
      const item = itemId(b, p, wideItem);
      p += wideItem ? 4 : 2;
      const count = uint(b, p, 1);
      places.set(item, { at: p + 1, count, wide });
      p += 1 + count * (wide ? 2 : 1);
    }
  }
  return (item) => {
    const place = places.get(item);
    if (place === undefined) return [];
    const { at, count, wide } = place;
    // The top bit says that a reader must know the property.
    const numbers = Array.from({ length: count }, (_, i) =>
      wide ? uint(b, at + 2 * i, 2) & 0x7fff : uint(b, at + i, 1) & 0x7f,
    );
    return numbers.flatMap((number) => declared[number - 1] ?? []);
  };
}

interface Size {
  width: number;
  height: number;
}

function shownSize(b: Buffer, properties: readonly Box[]): Size | undefined {
  let size: Size | undefined;
  for (const { type, start, end } of properties) {
    if (type === 'ispe') size = { width: uint(b, start + 4, 4), height: uint(b, start + 8, 4) };
    else if (size === undefined) continue;
    else if (type === 'clap' && start + 16 <= end) {
      // Two fractions: how much of each side stays.
      size = {
        width: Math.round(uint(b, start, 4) / uint(b, start + 4, 4)),
        height: Math.round(uint(b, start + 8, 4) / uint(b, start + 12, 4)),
      };
    } else if (type === 'irot' && (uint(b, start, 1) & 1) !== 0) {
      size = { width: size.height, height: size.width };
    }
  }
  return size;
}

function area(b: Buffer, properties: readonly Box[]): number {
  const ispe = properties.find(({ type }) => type === 'ispe');
  return ispe === undefined ? 0 : uint(b, ispe.start + 4, 4) * uint(b, ispe.start + 8, 4);
}

function streamsOf(b: Buffer, properties: readonly Box[]): HeifStructure['streams'] {
  return properties
    .filter(({ type }) => type === 'hvcC')
    .map(({ start }) => ({
      bits: 8 + (uint(b, start + 17, 1) & 7),
      chroma: CHROMA[uint(b, start + 16, 1) & 3] as string,
    }));
}
