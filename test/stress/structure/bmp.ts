// BMP taken apart into file header, picture header, masks, palette and rows.
import type { Random } from '../mutate.js';
import {
  anyValue,
  changeOne,
  damage,
  inventedFile,
  pick,
  rearrange,
  type Changed,
  type Changes,
  type Field,
  type Structure,
} from './parts.js';

interface Bmp {
  file: Buffer;
  header: Buffer;
  /** Masks behind a header of 40 bytes, and the palette. */
  tables: Buffer;
  rows: Buffer;
}

interface Value {
  name: string;
  part: 'file' | 'header';
  at: number;
  width: 2 | 4;
  values: readonly number[];
}

const OLD_HEADER = 12;
const LONG_HEADER = 108;
const [FILE_SIZE_AT, OFFSET_AT] = [2, 10]; // in the file header
const MASKS = [
  0xf800, 0x7e0, 0x1f, 0x7c00, 0x3e0, 0xff0000, 0xff00, 0xff, 0xff000000, 0, 0xffffffff, 0xf, 0xf0f0,
];

// Sizes of the old header (OS/2 1.x) stand elsewhere, so these are those of the newer ones.
const VALUES: Value[] = [
  { name: 'header size', part: 'header', at: 0, width: 4, values: [0, 12, 16, 40, 52, 56, 64, 108, 124, 41] },
  { name: 'width', part: 'header', at: 4, width: 4, values: [0, 1, 13, 25, 27, 32, 0xffffffe6] },
  {
    name: 'height',
    part: 'header',
    at: 8,
    width: 4,
    values: [0, 1, 18, 20, 0xffffffed, 0xffffffff, 0x80000000],
  },
  { name: 'planes', part: 'header', at: 12, width: 2, values: [0, 1, 2, 3] },
  { name: 'bits', part: 'header', at: 14, width: 2, values: [0, 1, 2, 4, 8, 16, 24, 32, 64] },
  { name: 'compression', part: 'header', at: 16, width: 4, values: [0, 1, 2, 3, 4, 5, 6, 11, 12, 13] },
  { name: 'image size', part: 'header', at: 20, width: 4, values: [0, 1, 0x7fffffff, 0xffffffff] },
  {
    name: 'colours used',
    part: 'header',
    at: 32,
    width: 4,
    values: [0, 1, 2, 15, 16, 255, 256, 257, 0xffff, 0xffffffff],
  },
  { name: 'colours important', part: 'header', at: 36, width: 4, values: [0, 1, 256] },
  { name: 'red mask', part: 'header', at: 40, width: 4, values: MASKS },
  { name: 'green mask', part: 'header', at: 44, width: 4, values: MASKS },
  { name: 'blue mask', part: 'header', at: 48, width: 4, values: MASKS },
  { name: 'alpha mask', part: 'header', at: 52, width: 4, values: MASKS },
  { name: 'colour space', part: 'header', at: 56, width: 4, values: [0, 1, 0x73524742, 0x57696e20] },
  { name: 'file size', part: 'file', at: FILE_SIZE_AT, width: 4, values: [0, 14, 54, 0xffffffff] },
  {
    name: 'offset',
    part: 'file',
    at: OFFSET_AT,
    width: 4,
    values: [0, 14, 26, 53, 54, 55, 58, 66, 70, 118, 138, 1078, 0xffffffff],
  },
];

function parse(b: Buffer): Bmp {
  const headerEnd = Math.min(14 + b.readUInt32LE(14), b.length);
  const offset = Math.min(Math.max(b.readUInt32LE(OFFSET_AT), headerEnd), b.length);
  const part = (from: number, to?: number) => Buffer.from(b.subarray(from, to));
  return {
    file: part(0, 14),
    header: part(14, headerEnd),
    tables: part(headerEnd, offset),
    rows: part(offset),
  };
}

function write({ file, header, tables, rows }: Bmp): Buffer {
  return Buffer.concat([file, header, tables, rows]);
}

function fixOffset(bmp: Bmp): void {
  const offset = 14 + bmp.header.length + bmp.tables.length;
  bmp.file.writeUInt32LE(offset, OFFSET_AT);
  bmp.file.writeUInt32LE(offset + bmp.rows.length, FILE_SIZE_AT);
}

function setValue(
  bmp: Bmp,
  { part, at, width }: Pick<Value, 'part' | 'at' | 'width'>,
  value: number,
): boolean {
  const bytes = bmp[part];
  if (at + width > bytes.length) return false;
  bytes.writeUIntLE(value % 2 ** (8 * width), at, width);
  return true;
}

/**
 * The same BMP for Pillow 9.4, where 12.3 knows more: headers of 52 and 56 bytes, which are the beginning of the one of 108;
 * and that the entries of OS/2's palettes have three bytes, also where the data offset forgets them.
 * @param bytes - a BMP
 * @returns the same bytes where both versions agree
 */
export function withKnownHeader(bytes: Buffer): Buffer {
  if (bytes.length < 70) return bytes;
  const bits = bytes.readUInt16LE(24);
  if (
    bytes.readUInt32LE(14) === OLD_HEADER &&
    bytes.readUInt32LE(OFFSET_AT) === 14 + OLD_HEADER &&
    bits <= 8
  ) {
    const known = Buffer.from(bytes);
    known.writeUInt32LE(14 + OLD_HEADER + 3 * 2 ** bits, OFFSET_AT);
    return known;
  }
  if (![52, 56].includes(bytes.readUInt32LE(14))) return withColour(bytes);
  const end = 14 + bytes.readUInt32LE(14);
  const more = Buffer.alloc(14 + LONG_HEADER - end);
  const known = Buffer.concat([bytes.subarray(0, end), more, bytes.subarray(end)]);
  const offset = bytes.readUInt32LE(OFFSET_AT);
  known.writeUInt32LE(LONG_HEADER, 14);
  if (offset >= end) known.writeUInt32LE((offset + more.length) % 2 ** 32, OFFSET_AT);
  return known;
}

// Pillow takes a palette of black and white for 1 bit a pixel, and one of the first greys for 8 bits, however many there are.
// One more colour keeps it from that.
function withColour(bytes: Buffer): Buffer {
  const headerBytes = bytes.readUInt32LE(14);
  const bits = bytes.readUInt16LE(28);
  const colours = headerBytes >= 40 ? bytes.readUInt32LE(46) : 0;
  if (![1, 4, 8].includes(bits) || colours < 1 || colours >= 2 ** bits) return bytes;
  const end = 14 + headerBytes + 4 * colours;
  if (end > bytes.length) return bytes;
  const palette = bytes.subarray(14 + headerBytes, end);
  const values = colours === 2 ? [0, 255] : Array.from({ length: colours }, (_, i) => i);
  const isGrey = values.every((value, i) =>
    palette.subarray(4 * i, 4 * i + 3).every((sample) => sample === value),
  );
  if (!isGrey) return bytes;
  const known = Buffer.concat([
    bytes.subarray(0, end),
    Buffer.from(bits === 1 ? [1, 1, 1, 0] : [1, 2, 3, 0]),
    bytes.subarray(end),
  ]);
  known.writeUInt32LE(colours + 1, 46);
  const offset = bytes.readUInt32LE(OFFSET_AT);
  if (offset >= end) known.writeUInt32LE((offset + 4) % 2 ** 32, OFFSET_AT);
  return known;
}

const CHANGES: Changes<Bmp> = {
  value(bmp, random) {
    const field = pick(VALUES, random);
    const value = pick(field.values, random);
    return setValue(bmp, field, value) ? `${field.name} = ${value}` : undefined;
  },
  twoValues: (bmp, random) =>
    `${CHANGES.value!(bmp, random) ?? 'nothing'}, ${CHANGES.value!(bmp, random) ?? 'nothing'}`,
  decisive(bmp, random) {
    const field = pick(VALUES.slice(4, 6), random);
    const value = pick(field.values, random);
    return setValue(bmp, field, value) ? `${field.name} = ${value}` : undefined;
  },
  longerHeader(bmp, random) {
    const length = pick([40, 52, 56, 64, 108, 124], random);
    const header = Buffer.alloc(length);
    bmp.header.copy(header);
    header.writeUInt32LE(length, 0);
    // A header of 40 bytes has its masks behind it, a longer one holds them.
    if (bmp.header.length === 40 && length > 40 && bmp.tables.length === 12) {
      bmp.tables.copy(header, 40);
      bmp.tables = Buffer.alloc(0);
    }
    bmp.header = header;
    const fixes = random(3) > 0;
    if (fixes) fixOffset(bmp);
    return `of ${length}${fixes ? '' : ', offset as before'}`;
  },
  oldHeader(bmp, random) {
    if (bmp.header.length < 40) return undefined;
    const header = Buffer.alloc(12);
    header.writeUInt32LE(12, 0);
    [4, 8, 12, 14].forEach((from, i) => header.writeUInt16LE(bmp.header.readUInt16LE(from), 4 + 2 * i));
    bmp.header = header;
    if (random(2) === 0) {
      const triples: number[] = [];
      for (let p = 0; p + 4 <= bmp.tables.length; p += 4) triples.push(...bmp.tables.subarray(p, p + 3));
      bmp.tables = Buffer.from(triples);
    }
    fixOffset(bmp);
    return 'of 12 bytes';
  },
  masks(bmp, random) {
    const bits = pick([16, 32], random);
    const masks = Buffer.alloc(12 + 4 * random(2));
    for (let p = 0; p < masks.length; p += 4) masks.writeUInt32LE(pick(MASKS, random), p);
    setValue(bmp, { part: 'header', at: 14, width: 2 }, bits);
    setValue(bmp, { part: 'header', at: 16, width: 4 }, pick([3, 6], random));
    bmp.tables = masks;
    fixOffset(bmp);
    return `${masks.length / 4} for ${bits} bits`;
  },
  palette(bmp, random) {
    const how = random(4);
    if (how === 0) bmp.tables = Buffer.alloc(0);
    else if (how === 1) bmp.tables = Buffer.concat([bmp.tables, bmp.tables]);
    else bmp.tables = Buffer.from(bmp.tables.subarray(0, 4 * random(1 + bmp.tables.length / 4)));
    const fixes = random(2) === 0;
    if (fixes) fixOffset(bmp);
    return `of ${bmp.tables.length} bytes${fixes ? '' : ', offset as before'}`;
  },
  gap(bmp, random) {
    bmp.tables = Buffer.concat([bmp.tables, Buffer.alloc(1 + random(40), 0x55)]);
    fixOffset(bmp);
    return 'before the rows';
  },
  rows(bmp, random) {
    const { bytes, what } = damage(bmp.rows, random);
    bmp.rows = bytes;
    return what;
  },
  runs(bmp, random) {
    const codes = [0, 0, 0, 1, 0, 2, 3, 1, 0, 5, 255, 7];
    const count = 1 + random(6);
    for (let n = 0; n < count && bmp.rows.length > 4; n++)
      bmp.rows[random(bmp.rows.length)] = pick(codes, random);
    setValue(bmp, { part: 'header', at: 16, width: 4 }, pick([1, 1, 2], random));
    return `${count} codes`;
  },
};

const DECISIVE = VALUES.filter(({ name }) => ['header size', 'planes', 'bits', 'compression'].includes(name));
const FIELDS: (Field & Value)[] = DECISIVE.map((value) => ({
  ...value,
  named: value.values,
  below: 2 ** (8 * value.width),
}));

/** BMP. */
export const bmp: Structure = {
  mutate(bytes: Buffer, random: Random): Changed {
    const parts = parse(bytes);
    if (random(12) === 0) {
      const names = ['file', 'header', 'tables', 'rows'] as const;
      const changed = rearrange(names, random, (name) => name);
      return { bytes: Buffer.concat(changed.parts.map((name) => parts[name])), what: changed.what };
    }
    const what = changeOne(CHANGES, parts, random);
    return { bytes: write(parts), what };
  },
  invent(bytes, random) {
    const parts = parse(bytes);
    const field = pick(FIELDS, random);
    const { value, named } = anyValue(field, random);
    const isSet = setValue(parts, field, value);
    return inventedFile(write(parts), field, value, named || !isSet);
  },
};
