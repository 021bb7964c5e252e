// PNG taken apart into its chunks, whose checksums are always written right unless the checksum is what changes.
import { crc32, deflateSync, inflateSync } from 'node:zlib';
import type { Random } from '../mutate.js';
import {
  anyValue,
  changeOne,
  damage,
  inventedFile,
  pick,
  rearrange,
  type Change,
  type Changed,
  type Changes,
  type Field,
  type Structure,
} from './parts.js';

interface Chunk {
  type: string;
  contents: Buffer;
  /** What the length field says, where that is not the truth. */
  length?: number;
  wrongChecksum?: boolean;
}

const SIGNATURE_BYTES = 8;
const TYPES = [
  ...['IHDR', 'PLTE', 'IDAT', 'IEND', 'tRNS', 'gAMA', 'sBIT', 'bKGD', 'acTL', 'fcTL', 'fdAT', 'CgBI', 'eXIf'],
  ...['iCCP', 'sRGB', 'pHYs', 'tEXt', 'ABCD', 'abcd'],
];
const TYPICAL: Record<string, number[]> = {
  gAMA: [0, 0, 177, 143],
  sRGB: [0],
  sBIT: [5, 6, 5],
  bKGD: [0, 7, 0, 8, 0, 9],
  acTL: [0, 0, 0, 2, 0, 0, 0, 0],
  CgBI: [0x50, 0, 0x20, 6],
  pHYs: [0, 0, 1, 0, 0, 0, 2, 0, 1],
  eXIf: [0x49, 0x49, 0x2a, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0],
};

function parse(b: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let p = SIGNATURE_BYTES; p + 12 <= b.length;) {
    const length = b.readUInt32BE(p);
    const contents = Buffer.from(b.subarray(p + 8, p + 8 + length));
    chunks.push({ type: b.toString('latin1', p + 4, p + 8), contents });
    p += 12 + length;
  }
  return chunks;
}

function write(chunks: readonly Chunk[]): Buffer {
  const parts: Buffer[] = [Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')];
  for (const { type, contents, length, wrongChecksum } of chunks) {
    const name = Buffer.from(type, 'latin1');
    const [head, tail] = [Buffer.alloc(4), Buffer.alloc(4)];
    head.writeUInt32BE((length ?? contents.length) >>> 0);
    tail.writeUInt32BE((crc32(contents, crc32(name)) ^ (wrongChecksum ? 1 : 0)) >>> 0);
    parts.push(head, name, contents, tail);
  }
  return Buffer.concat(parts);
}

const nameOf = ({ type }: Chunk) => type;
const find = (chunks: readonly Chunk[], type: string) => chunks.find((chunk) => chunk.type === type);

// What the picture data hold, filter bytes included, or nothing when they cannot be inflated.
function inflated(chunks: readonly Chunk[]): Buffer | undefined {
  try {
    const data = chunks.filter(({ type }) => type === 'IDAT').map(({ contents }) => contents);
    return inflateSync(Buffer.concat(data), { maxOutputLength: 1 << 20 });
  } catch {
    return undefined;
  }
}

function replaceData(chunks: Chunk[], data: readonly Buffer[]): void {
  const at = chunks.findIndex(({ type }) => type === 'IDAT');
  const others = chunks.filter(({ type }) => type !== 'IDAT');
  others.splice(Math.max(at, 1), 0, ...data.map((contents) => ({ type: 'IDAT', contents })));
  chunks.splice(0, chunks.length, ...others);
}

function headerByte(at: number, values: readonly number[]): Change<Chunk[]> {
  return (chunks, random) => {
    const contents = find(chunks, 'IHDR')?.contents;
    if (contents === undefined || contents.length <= at) return undefined;
    contents[at] = pick(values, random);
    return String(contents[at]);
  };
}

const CHANGES: Changes<Chunk[]> = {
  depth: headerByte(8, [1, 2, 4, 8, 16, 0, 3, 32]),
  colourType: headerByte(9, [0, 2, 3, 4, 6, 1, 5, 7]),
  compression: headerByte(10, [0, 1, 255]),
  filterMethod: headerByte(11, [0, 1, 64, 255]),
  interlace: headerByte(12, [0, 1, 2]),
  sides(chunks, random) {
    const contents = find(chunks, 'IHDR')?.contents;
    if (contents === undefined || contents.length < 8) return undefined;
    const at = pick([0, 4], random);
    const old = contents.readUInt32BE(at);
    contents.writeUInt32BE(pick([0, 1, old - 1, old + 1, old + 8, 2 * old, 0x7fffffff], random) >>> 0, at);
    return `${at} to ${contents.readUInt32BE(at)}`;
  },
  rename(chunks, random) {
    if (chunks.length === 0) return undefined;
    const chunk = pick(chunks, random);
    const what = `${chunk.type} to`;
    chunk.type = pick(TYPES, random);
    return `${what} ${chunk.type}`;
  },
  insert(chunks, random) {
    const type = pick(TYPES, random);
    const contents = Buffer.from(TYPICAL[type] ?? Array.from({ length: random(16) }, () => random(256)));
    chunks.splice(random(chunks.length + 1), 0, { type, contents });
    return type;
  },
  transparency(chunks, random) {
    const length = pick([0, 1, 2, 3, 6, 7, 256, 300], random);
    const contents = Buffer.from(Array.from({ length }, () => random(256)));
    const old = find(chunks, 'tRNS');
    if (old !== undefined) old.contents = contents;
    else
      chunks.splice(
        Math.max(
          1,
          chunks.findIndex(({ type }) => type === 'IDAT'),
        ),
        0,
        { type: 'tRNS', contents },
      );
    return `of ${length}`;
  },
  palette(chunks, random) {
    const old = find(chunks, 'PLTE');
    const length = old === undefined || random(2) === 0 ? pick([0, 3, 6, 7, 48, 768, 771], random) : 0;
    const contents =
      length > 0 || old === undefined
        ? Buffer.from(Array.from({ length }, () => random(256)))
        : Buffer.from(old.contents.subarray(0, 3 * random(old.contents.length / 3)));
    if (old !== undefined) old.contents = contents;
    else chunks.splice(1, 0, { type: 'PLTE', contents });
    return `of ${contents.length}`;
  },
  splitData(chunks, random) {
    const data = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ contents }) => contents));
    const pieces: Buffer[] = [];
    for (let p = 0; p < data.length;) {
      const length = random(64);
      pieces.push(data.subarray(p, p + length));
      p += length;
    }
    replaceData(chunks, pieces);
    return `into ${pieces.length}`;
  },
  filters(chunks, random) {
    const data = inflated(chunks);
    const contents = find(chunks, 'IHDR')?.contents;
    if (data === undefined || contents === undefined || contents.length < 10) return undefined;
    const channels = [1, 1, 3, 1, 2, 1, 4][contents[9]!] ?? 1;
    const row = 1 + Math.ceil((contents.readUInt32BE(0) * channels * contents[8]!) / 8);
    for (let p = row * random(4); p < data.length; p += row * (1 + random(3)))
      data[p] = random(20) === 0 ? random(256) : random(5);
    replaceData(chunks, [deflateSync(data)]);
    return 'changed';
  },
  dataLength(chunks, random) {
    const data = inflated(chunks);
    if (data === undefined) return undefined;
    const { bytes, what } = damage(data, random);
    replaceData(chunks, [deflateSync(bytes)]);
    return what;
  },
  checksum(chunks, random) {
    if (chunks.length === 0) return undefined;
    const chunk = pick(chunks, random);
    chunk.wrongChecksum = true;
    return `of ${chunk.type}`;
  },
  length(chunks, random) {
    if (chunks.length === 0) return undefined;
    const chunk = pick(chunks, random);
    const truth = chunk.contents.length;
    chunk.length = pick([0, truth - 1, truth + 1, truth + 12, 0x7fffffff, 0xffffffff], random);
    return `of ${chunk.type} says ${chunk.length}`;
  },
  contents(chunks, random) {
    if (chunks.length === 0) return undefined;
    const chunk = pick(chunks, random);
    const { bytes, what } = damage(chunk.contents, random);
    chunk.contents = bytes;
    return `${chunk.type} ${what}`;
  },
};

// Offsets into the header chunk.
const FIELDS: (Field & { at: number })[] = [
  { name: 'bit depth', at: 8, named: [1, 2, 4, 8, 16], below: 256 },
  { name: 'colour type', at: 9, named: [0, 2, 3, 4, 6], below: 256 },
  { name: 'compression method', at: 10, named: [0], below: 256 },
  { name: 'filter method', at: 11, named: [0], below: 256 },
  { name: 'interlace method', at: 12, named: [0, 1], below: 256 },
];

/** PNG. */
export const png: Structure = {
  mutate(bytes: Buffer, random: Random): Changed {
    const chunks = parse(bytes);
    if (random(4) === 0) {
      const { parts, what } = rearrange(chunks, random, nameOf);
      return { bytes: write(parts), what };
    }
    const what = changeOne(CHANGES, chunks, random);
    return { bytes: write(chunks), what };
  },
  invent(bytes, random) {
    const chunks = parse(bytes);
    const field = pick(FIELDS, random);
    const { value, named } = anyValue(field, random);
    const header = find(chunks, 'IHDR');
    if (header !== undefined) header.contents[field.at] = value;
    return inventedFile(write(chunks), field, value, named);
  },
};
