// GIF taken apart into its blocks (GIF89a).
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

interface Block {
  kind: 'extension' | 'image';
  /** Label of an extension, or descriptor and colour table of an image. */
  head: Buffer;
  /** Chain of sub-blocks with its terminator; of an image with the code size before it. */
  data: Buffer;
}

interface Gif {
  screen: Buffer;
  table: Buffer;
  blocks: Block[];
  trailer: Buffer;
}

const SCREEN_BYTES = 13;
const FRAME_SIDES = [0, 1, 2, 13, 18, 20, 25, 27, 64, 0xffff];

function tableLength(flags: number): number {
  return flags & 0x80 ? 3 * (2 << (flags & 7)) : 0;
}

function afterSubBlocks(b: Buffer, from: number): number {
  let p = from;
  while (p < b.length && b[p] !== 0) p += b[p]! + 1;
  return Math.min(p + 1, b.length);
}

function parse(b: Buffer): Gif {
  const part = (from: number, to?: number) => Buffer.from(b.subarray(from, to));
  let p = SCREEN_BYTES + tableLength(b[10]!);
  const gif: Gif = {
    screen: part(0, SCREEN_BYTES),
    table: part(SCREEN_BYTES, p),
    blocks: [],
    trailer: part(0, 0),
  };
  while (p < b.length && (b[p] === 0x21 || b[p] === 0x2c)) {
    const image = b[p] === 0x2c;
    const head = image ? p + 10 + tableLength(b[p + 9] ?? 0) : p + 2;
    const end = afterSubBlocks(b, image ? head + 1 : head);
    gif.blocks.push({ kind: image ? 'image' : 'extension', head: part(p, head), data: part(head, end) });
    p = end;
  }
  gif.trailer = part(p);
  return gif;
}

function write({ screen, table, blocks, trailer }: Gif): Buffer {
  return Buffer.concat([screen, table, ...blocks.flatMap(({ head, data }) => [head, data]), trailer]);
}

const nameOf = ({ kind, head }: Block) => (kind === 'image' ? kind : `${kind} ${head[1]}`);

/**
 * A GIF in which no colour is transparent, as the reference shows it.
 * @param b - a GIF
 * @returns the same GIF without the flags of transparency
 */
export function opaqueGif(b: Buffer): Buffer {
  const parts = parse(b);
  for (const { head, data } of parts.blocks)
    if (head[1] === 0xf9 && data.length > 1) data[1] = data[1]! & 0xfe;
  return write(parts);
}

/**
 * The rectangle of the first frame and the size of the screen.
 * @param b - a GIF
 * @returns undefined without a frame
 */
export function gifFrame(
  b: Buffer,
): { left: number; top: number; width: number; height: number } | undefined {
  if (b.length < SCREEN_BYTES) return undefined;
  const head = parse(b).blocks.find(({ kind }) => kind === 'image')?.head;
  if (head === undefined || head.length < 10) return undefined;
  const [left, top, width, height] = [1, 3, 5, 7].map((at) => head.readUInt16LE(at));
  return { left: left!, top: top!, width: width!, height: height! };
}

const CHANGES: Changes<Gif> = {
  frame(gif, random) {
    const image = gif.blocks.find(({ kind }) => kind === 'image');
    if (image === undefined) return undefined;
    const at = pick([1, 3, 5, 7], random);
    image.head.writeUInt16LE(pick(at < 5 ? [0, 1, 3, 9, 0xffff] : FRAME_SIDES, random), at);
    return `${at} to ${image.head.readUInt16LE(at)}`;
  },
  screen(gif, random) {
    const at = pick([6, 8], random);
    gif.screen.writeUInt16LE(pick(FRAME_SIDES, random), at);
    return `${at} to ${gif.screen.readUInt16LE(at)}`;
  },
  largerScreen(gif, random) {
    for (const at of [6, 8]) gif.screen.writeUInt16LE(gif.screen.readUInt16LE(at) + random(9), at);
    return 'by a few';
  },
  flags(gif, random) {
    const image = gif.blocks.find(({ kind }) => kind === 'image');
    if (image === undefined) return undefined;
    image.head[9] = image.head[9]! ^ pick([0x40, 0x80, 0x20, 1, 2, 4], random);
    return `of the frame ${image.head[9]}`;
  },
  screenFlags(gif, random) {
    gif.screen[10] = gif.screen[10]! ^ pick([0x80, 0x70, 8, 1, 2, 4], random);
    return String(gif.screen[10]);
  },
  background(gif, random) {
    gif.screen[11] = random(256);
    return String(gif.screen[11]);
  },
  transparency(gif, random) {
    const flags = pick([0, 1, 5, 9, 13], random);
    const index = random(64);
    gif.blocks.unshift({
      kind: 'extension',
      head: Buffer.from([0x21, 0xf9]),
      data: Buffer.from([4, flags, 0, 0, index, 0]),
    });
    return `flags ${flags}, index ${index}`;
  },
  codeSize(gif, random) {
    const image = gif.blocks.find(({ kind }) => kind === 'image');
    if (image === undefined) return undefined;
    image.data[0] = random(14);
    return String(image.data[0]);
  },
  localTable(gif, random) {
    const image = gif.blocks.find(({ kind }) => kind === 'image');
    if (image === undefined) return undefined;
    const size = random(8);
    const table = Buffer.from(Array.from({ length: 3 * (2 << size) }, () => random(256)));
    image.head[9] = (image.head[9]! & 0x60) | 0x80 | size;
    image.head = Buffer.concat([image.head.subarray(0, 10), table]);
    return `of ${2 << size}`;
  },
  globalTable(gif, random) {
    gif.table = Buffer.from(gif.table.subarray(0, 3 * random(1 + gif.table.length / 3)));
    return `shortened to ${gif.table.length}`;
  },
  noTable(gif) {
    gif.screen[10] = gif.screen[10]! & 0x7f;
    gif.table = Buffer.alloc(0);
    return 'at all';
  },
  subBlocks(gif, random) {
    const image = gif.blocks.find(({ kind }) => kind === 'image');
    if (image === undefined) return undefined;
    const codes: number[] = [];
    for (let p = 1; p < image.data.length && image.data[p] !== 0; p += image.data[p]! + 1)
      codes.push(...image.data.subarray(p + 1, p + 1 + image.data[p]!));
    const length = 1 + random(255);
    const pieces = [image.data[0]!];
    for (let p = 0; p < codes.length; p += length) {
      const piece = codes.slice(p, p + length);
      pieces.push(piece.length, ...piece);
    }
    if (random(4) > 0) pieces.push(0);
    image.data = Buffer.from(pieces);
    return `of ${length}`;
  },
  contents(gif, random) {
    if (gif.blocks.length === 0) return undefined;
    const block = pick(gif.blocks, random);
    const { bytes, what } = damage(block.data, random);
    block.data = bytes;
    return `${nameOf(block)} ${what}`;
  },
};

const FIELDS: (Field & { at: number })[] = [
  { name: 'code size', at: -1, named: [2, 3, 4, 5, 6, 7, 8], below: 256 },
  { name: 'screen flags', at: 10, below: 256 },
  { name: 'version', at: 4, named: [0x37, 0x39], below: 256 },
  { name: 'aspect ratio', at: 12, below: 256 },
];

/** GIF. */
export const gif: Structure = {
  mutate(bytes: Buffer, random: Random): Changed {
    const parts = parse(bytes);
    if (random(4) === 0) {
      const { parts: blocks, what } = rearrange(parts.blocks, random, nameOf);
      return { bytes: write({ ...parts, blocks }), what };
    }
    const what = changeOne(CHANGES, parts, random);
    return { bytes: write(parts), what };
  },
  invent(bytes, random) {
    const parts = parse(bytes);
    const field = pick(FIELDS, random);
    const { value, named } = anyValue(field, random);
    const image = parts.blocks.find(({ kind }) => kind === 'image');
    if (field.at >= 0) parts.screen[field.at] = value;
    else if (image !== undefined) image.data[0] = value;
    return inventedFile(write(parts), field, value, named);
  },
};
