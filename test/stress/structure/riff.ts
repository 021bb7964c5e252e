// WebP taken apart into its RIFF chunks.
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

interface Chunk {
  type: string;
  contents: Buffer;
  /** What the length field says, where that is not the truth. */
  length?: number;
}

const TYPES = ['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF', 'EXIF', 'XMP ', 'ICCP', 'JUNK'];
// Flags of VP8X: animation, XMP, EXIF, alpha, colour profile, and the reserved ones.
const FLAGS = [0x02, 0x04, 0x08, 0x10, 0x20, 0x01, 0x40, 0x80];

function parse(b: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let p = 12; p + 8 <= b.length;) {
    const length = b.readUInt32LE(p + 4);
    chunks.push({
      type: b.toString('latin1', p, p + 4),
      contents: Buffer.from(b.subarray(p + 8, p + 8 + length)),
    });
    p += 8 + length + (length % 2);
  }
  return chunks;
}

function write(chunks: readonly Chunk[], riffLength?: number): Buffer {
  const parts: Buffer[] = [Buffer.from('RIFF\0\0\0\0WEBP', 'latin1')];
  for (const { type, contents, length } of chunks) {
    const head = Buffer.from(`${type}\0\0\0\0`, 'latin1');
    head.writeUInt32LE((length ?? contents.length) >>> 0, 4);
    parts.push(head, contents, Buffer.alloc(contents.length % 2));
  }
  const bytes = Buffer.concat(parts);
  bytes.writeUInt32LE((riffLength ?? bytes.length - 8) >>> 0, 4);
  return bytes;
}

const nameOf = ({ type }: Chunk) => type;

const CHANGES: Changes<Chunk[]> = {
  flags(chunks, random) {
    const header = chunks.find(({ type }) => type === 'VP8X');
    if (header === undefined || header.contents.length < 1) return addHeader(chunks, random);
    header.contents[0] = header.contents[0]! ^ pick(FLAGS, random);
    return String(header.contents[0]);
  },
  canvas(chunks, random) {
    const header = chunks.find(({ type }) => type === 'VP8X');
    if (header === undefined || header.contents.length < 10) return addHeader(chunks, random);
    const at = pick([4, 7], random);
    header.contents.writeUIntLE(pick([0, 12, 18, 25, 26, 37, 0xffffff], random), at, 3);
    return `${at} to ${header.contents.readUIntLE(at, 3)}`;
  },
  // 14 bits a side, and in VP8 two bits of scaling that say nothing about the pixels.
  frameSides(chunks, random) {
    const frame = chunks.find(({ type }) => type === 'VP8 ' || type === 'VP8L');
    if (frame === undefined || frame.contents.length < 10) return undefined;
    const at = frame.type === 'VP8 ' ? pick([6, 7, 8, 9], random) : pick([1, 2, 3, 4], random);
    const value = random(2) === 0 ? frame.contents[at]! ^ (1 << random(8)) : random(64);
    frame.contents[at] = value;
    return `byte ${at} to ${value}`;
  },
  frameHeader(chunks, random) {
    const frame = chunks.find(({ type }) => type === 'VP8 ' || type === 'VP8L');
    if (frame === undefined || frame.contents.length === 0) return undefined;
    const at = random(Math.min(16, frame.contents.length));
    frame.contents[at] = pick([0, 1, 2, 0x2f, 0x9d, 0x10, 0x80, 255, random(256)], random);
    return `byte ${at} to ${frame.contents[at]}`;
  },
  alpha(chunks, random) {
    const alpha = chunks.find(({ type }) => type === 'ALPH');
    if (alpha === undefined) {
      const contents = Buffer.alloc(26 * 19 + 1, 0x80);
      contents[0] = 0;
      chunks.unshift({ type: 'ALPH', contents });
      return 'added';
    }
    if (alpha.contents.length > 0) alpha.contents[0] = random(64);
    return `flags ${alpha.contents[0]}`;
  },
  frame(chunks, random) {
    const frame = chunks.find(({ type }) => type === 'ANMF');
    if (frame === undefined || frame.contents.length < 16) return undefined;
    const at = random(2) === 0 ? 15 : pick([0, 3, 6, 9], random);
    frame.contents[at] = pick([0, 1, 2, 3, 12, 18, 25, 40], random);
    return `byte ${at} to ${frame.contents[at]}`;
  },
  rename(chunks, random) {
    if (chunks.length === 0) return undefined;
    const chunk = pick(chunks, random);
    const old = chunk.type;
    chunk.type = pick(TYPES, random);
    return `${old} to ${chunk.type}`;
  },
  insert(chunks, random) {
    const type = pick(TYPES, random);
    const contents = Buffer.from(Array.from({ length: random(24) }, () => random(256)));
    chunks.splice(random(chunks.length + 1), 0, { type, contents });
    return type;
  },
  length(chunks, random) {
    if (chunks.length === 0) return undefined;
    const chunk = pick(chunks, random);
    const truth = chunk.contents.length;
    chunk.length = pick([0, truth - 1, truth + 1, truth + 8, 0x7fffffff, 0xffffffff], random);
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

function addHeader(chunks: Chunk[], random: Random): string {
  const contents = Buffer.alloc(10);
  contents[0] = pick(FLAGS, random);
  contents.writeUIntLE(25, 4, 3);
  contents.writeUIntLE(18, 7, 3);
  chunks.unshift({ type: 'VP8X', contents });
  return `added with ${contents[0]}`;
}

// Compression 0 or 1, filter 0 to 3, preprocessing 0 or 1; the upper two bits are reserved.
const ALPHA_FLAGS = [0, 1, 4, 5, 8, 9, 12, 13].flatMap((flags) => [flags, flags | 0x10]);
const FIELDS: (Field & { type: string; at: number })[] = [
  { name: 'VP8X flags', type: 'VP8X', at: 0, below: 256 },
  { name: 'VP8 frame tag', type: 'VP8 ', at: 0, below: 256 },
  { name: 'VP8L version', type: 'VP8L', at: 4, below: 256 },
  { name: 'ALPH flags', type: 'ALPH', at: 0, named: ALPHA_FLAGS, below: 256 },
];

/** WebP. */
export const riff: Structure = {
  mutate(bytes: Buffer, random: Random): Changed {
    const chunks = parse(bytes);
    if (random(4) === 0) {
      const { parts, what } = rearrange(chunks, random, nameOf);
      return { bytes: write(parts), what };
    }
    if (random(16) === 0) {
      const length = pick([0, 4, bytes.length - 9, bytes.length, bytes.length + 100, 0xffffffff], random);
      return { bytes: write(chunks, length), what: `RIFF says ${length}` };
    }
    const what = changeOne(CHANGES, chunks, random);
    return { bytes: write(chunks), what };
  },
  invent(bytes, random) {
    const chunks = parse(bytes);
    const present = FIELDS.filter((field) => chunks.some(({ type }) => type === field.type));
    const field = pick(present, random);
    const { value, named } = anyValue(field, random);
    const contents = chunks.find(({ type }) => type === field.type)?.contents;
    const isSet = contents !== undefined && field.at < contents.length;
    if (isSet) contents[field.at] = value;
    return inventedFile(write(chunks), field, value, named || !isSet);
  },
};
