// Reads the first directory of a TIFF, and writes one for the same picture data in another byte order or size of offsets.

/** An entry of the directory. */
export interface Entry {
  tag: number;
  type: number;
  /** Integers; the halves of rationals; the bits of floats. */
  values: number[];
  /** What the count says, where that is not the truth. */
  count?: number;
}

/** A TIFF of one directory. */
export interface Tiff {
  bigEndian: boolean;
  /** BigTIFF: offsets of 64 bits. */
  big: boolean;
  entries: Entry[];
  /** The whole file that it was read from: its picture data stay where they are in it. */
  body: Buffer;
  /** What follows the directory; nothing by default. */
  next?: 'itself' | 'twice' | 'nowhere';
  /** How many entries the directory says it has, where that is not the truth. */
  entryCount?: number;
}

// By type. Rationals are two values of 4 bytes, doubles are left out.
const BYTES = [0, 1, 1, 2, 4, 4, 1, 1, 2, 4, 4, 4, 0, 4, 0, 0, 8, 8, 8];
const VALUES_EACH = [1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2];
const OFFSETS = [273, 324]; // of strips and tiles
const MAX_VALUES = 4096;

/**
 * Reads it.
 * @param body - the file
 * @returns undefined when it is no sound TIFF
 */
export function parseTiff(body: Buffer): Tiff | undefined {
  const bigEndian = body[0] === 0x4d;
  const read = (at: number, width: number): number =>
    width === 8
      ? Number(bigEndian ? body.readBigUInt64BE(at) : body.readBigUInt64LE(at))
      : bigEndian
        ? body.readUIntBE(at, width)
        : body.readUIntLE(at, width);
  try {
    const big = read(2, 2) === 43;
    const wide = big ? 8 : 4;
    const directory = read(big ? 8 : 4, wide);
    const entries: Entry[] = [];
    const length = read(directory, big ? 8 : 2);
    for (let i = 0; i < Math.min(length, 100); i++) {
      const at = directory + (big ? 8 + 20 * i : 2 + 12 * i);
      const [tag, type, count] = [read(at, 2), read(at + 2, 2), read(at + 4, wide)];
      const bytes = BYTES[type] ?? 0;
      const total = Math.min(count * (VALUES_EACH[type] ?? 1), MAX_VALUES);
      if (bytes === 0) continue;
      const from = total * bytes <= wide ? at + 4 + wide : read(at + 4 + wide, wide);
      entries.push({
        tag,
        type,
        values: Array.from({ length: total }, (_, n) => read(from + n * bytes, bytes)),
      });
    }
    return { bigEndian, big, entries, body };
  } catch {
    return undefined;
  }
}

/**
 * The entry of a tag.
 * @param tiff - the file
 * @param tag - its number
 * @returns the first one
 */
export function tagOf(tiff: Tiff, tag: number): Entry | undefined {
  return tiff.entries.find((entry) => entry.tag === tag);
}

/**
 * The values of a tag.
 * @param tiff - the file
 * @param tag - its number
 * @returns none when the tag is absent
 */
export function integersOf(tiff: Tiff, tag: number): readonly number[] {
  return tagOf(tiff, tag)?.values ?? [];
}

/**
 * Writes a header, the old file, and a new directory behind it.
 * @param tiff - what to write
 * @returns the file
 */
export function writeTiff({ bigEndian, big, entries, body, next, entryCount }: Tiff): Buffer {
  const wide = big ? 8 : 4;
  const put = (bytes: Buffer, value: number, at: number, width: number): void => {
    const fitted = Math.max(0, value) % 2 ** Math.min(8 * width, 53);
    if (width === 8) {
      if (bigEndian) bytes.writeBigUInt64BE(BigInt(fitted), at);
      else bytes.writeBigUInt64LE(BigInt(fitted), at);
    } else if (bigEndian) bytes.writeUIntBE(fitted, at, width);
    else bytes.writeUIntLE(fitted, at, width);
  };
  const header = Buffer.alloc(big ? 16 : 8);
  header.write(bigEndian ? 'MM' : 'II', 'latin1');
  put(header, big ? 43 : 42, 2, 2);
  if (big) put(header, 8, 4, 2);
  const directory = header.length + body.length + (body.length % 2);
  put(header, directory, big ? 8 : 4, wide);

  const countWidth = big ? 8 : 2;
  const entryLength = 4 + 2 * wide;
  const table = Buffer.alloc(countWidth + entries.length * entryLength + wide);
  put(table, entryCount ?? entries.length, 0, countWidth);
  if (next === 'itself') put(table, directory, table.length - wide, wide);
  if (next === 'nowhere') put(table, 0x7fffffff, table.length - wide, wide);
  const far: Buffer[] = [];
  let farAt = directory + table.length;
  entries.forEach(({ tag, type, values, count }, i) => {
    const at = countWidth + i * entryLength;
    const width = BYTES[type] === undefined || BYTES[type] === 0 ? 4 : BYTES[type];
    const data = Buffer.alloc(Math.max(values.length * width, wide));
    // The old header stays in the body, so its offsets move by the length of the new one.
    const moved = OFFSETS.includes(tag) ? header.length : 0;
    values.forEach((value, n) => put(data, value + moved, n * width, width));
    put(table, tag, at, 2);
    put(table, type, at + 2, 2);
    put(table, count ?? values.length / (VALUES_EACH[type] ?? 1), at + 4, wide);
    if (values.length * width <= wide) data.copy(table, at + 4 + wide);
    else {
      put(table, farAt, at + 4 + wide, wide);
      far.push(data);
      farAt += data.length;
    }
  });
  const parts = [header, body, Buffer.alloc(body.length % 2), table, ...far];
  if (next === 'twice') {
    put(table, farAt, table.length - wide, wide);
    const again = Buffer.from(table);
    put(again, 0, again.length - wide, wide);
    parts.push(again);
  }
  return Buffer.concat(parts);
}
