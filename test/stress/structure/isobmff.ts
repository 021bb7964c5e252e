// AVIF taken apart into its boxes (ISO/IEC 14496-12 and 23008-12).
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

interface Box {
  type: string;
  /** Of a box that holds others: what stands before them (version and flags, a count). Of any other: all of it. */
  contents: Buffer;
  children?: Box[];
  /** What the size field says, where that is not the truth. */
  size?: number;
}

// Containers, and the bytes before their first child.
const CONTAINERS: Record<string, number> = { meta: 4, iprp: 0, ipco: 0, iinf: 6, iref: 4, dinf: 0, moov: 0 };
const BRANDS = ['avif', 'avis', 'mif1', 'msf1', 'miaf', 'MA1B', 'MA1A', 'heic', 'heix', 'isom', '\0\0\0\0'];
const TYPES = [
  'ispe',
  'pixi',
  'av1C',
  'irot',
  'imir',
  'colr',
  'clap',
  'pasp',
  'auxC',
  'free',
  'iloc',
  'iinf',
];
const PROPERTIES: Record<string, number[]> = {
  irot: [1],
  imir: [1],
  pasp: [0, 0, 0, 1, 0, 0, 0, 2],
  clap: [0, 0, 0, 13, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
  colr: [0x6e, 0x63, 0x6c, 0x78, 0, 1, 0, 13, 0, 0, 0x80],
};

function parse(b: Buffer): Box[] {
  const boxes: Box[] = [];
  for (let p = 0; p + 8 <= b.length;) {
    const size = b.readUInt32BE(p) || b.length - p;
    if (size < 8) break;
    const type = b.toString('latin1', p + 4, p + 8);
    const contents = Buffer.from(b.subarray(p + 8, p + size));
    const before = CONTAINERS[type];
    boxes.push(
      before === undefined
        ? { type, contents }
        : { type, contents: contents.subarray(0, before), children: parse(contents.subarray(before)) },
    );
    p += size;
  }
  return boxes;
}

function write(boxes: readonly Box[]): Buffer {
  return Buffer.concat(
    boxes.map(({ type, contents, children, size }) => {
      const inner = children === undefined ? contents : Buffer.concat([contents, write(children)]);
      const head = Buffer.from(`\0\0\0\0${type}`, 'latin1');
      head.writeUInt32BE((size ?? inner.length + 8) >>> 0);
      return Buffer.concat([head, inner]);
    }),
  );
}

function* all(boxes: readonly Box[]): Generator<Box> {
  for (const box of boxes) {
    yield box;
    yield* all(box.children ?? []);
  }
}

function find(boxes: readonly Box[], type: string): Box | undefined {
  for (const box of all(boxes)) if (box.type === type) return box;
  return undefined;
}

const nameOf = ({ type }: Box) => type;

/** Where the offsets of the items stand in `iloc`, for the versions and widths that encoders write. */
function offsetsOf(iloc: Buffer): { at: number; length: number }[] {
  const [version, widths, bases] = [iloc[0]!, iloc[4]!, iloc[5]!];
  const found: { at: number; length: number }[] = [];
  if (widths !== 0x44 || version > 1) return found;
  let p = 8;
  for (let items = iloc.readUInt16BE(6); items > 0; items--) {
    p += version === 1 ? 6 : 4;
    p += bases >> 4;
    const extents = iloc.readUInt16BE(p);
    p += 2;
    for (let i = 0; i < extents; i++, p += 8) found.push({ at: p, length: p + 4 });
  }
  return found;
}

// The picture data move when the boxes before them change; whoever wrote the file would have moved the offsets too.
function writeMoved(boxes: readonly Box[], oldStart: number): Buffer {
  const start = dataStart(boxes);
  const iloc = find(boxes, 'iloc');
  if (start < 0 || start === oldStart || iloc === undefined) return write(boxes);
  try {
    for (const { at } of offsetsOf(iloc.contents))
      iloc.contents.writeUInt32BE((iloc.contents.readUInt32BE(at) + start - oldStart) >>> 0, at);
  } catch {
    // What the change has left of the table is no table: it stays as it is.
  }
  return write(boxes);
}

function dataStart(boxes: readonly Box[]): number {
  const at = boxes.findIndex(({ type }) => type === 'mdat');
  return at < 0 ? -1 : write(boxes.slice(0, at)).length + 8;
}

function setByte(type: string, at: (random: Random) => number, values: readonly number[]): Change<Box[]> {
  return (boxes, random) => {
    const contents = find(boxes, type)?.contents;
    const place = at(random);
    if (contents === undefined || place >= contents.length) return undefined;
    contents[place] = pick(values, random);
    return `byte ${place} to ${contents[place]}`;
  };
}

const CHANGES: Changes<Box[]> = {
  brand(boxes, random) {
    const contents = find(boxes, 'ftyp')?.contents;
    if (contents === undefined || contents.length < 4) return undefined;
    const at = 4 * random(contents.length / 4);
    const brand = pick(BRANDS, random);
    contents.write(brand, at, 'latin1');
    return `${at} to ${brand}`;
  },
  sides: setByte('ispe', (random) => 7 + 4 * random(2), [0, 1, 13, 18, 19, 20, 25, 26, 27, 52]),
  rotation: setByte('irot', () => 0, [0, 1, 2, 3, 4, 255]),
  mirror: setByte('imir', () => 0, [0, 1, 2]),
  depths: setByte('pixi', (random) => 4 + random(4), [0, 1, 3, 4, 8, 10, 12, 16]),
  configuration: setByte('av1C', (random) => random(4), [0, 0x81, 0x80, 0x0c, 0x4c, 0x6c, 0x20, 0x40, 255]),
  colour: setByte('colr', (random) => 4 + random(7), [0, 1, 2, 5, 6, 9, 13, 16, 18, 0x80]),
  associations: setByte('ipma', (random) => 4 + random(20), [0, 1, 2, 3, 4, 0x81, 0x82, 0x83, 0x84, 0x85]),
  primaryItem: setByte('pitm', () => 5, [0, 1, 2, 3]),
  locations(boxes, random) {
    const contents = find(boxes, 'iloc')?.contents;
    const places = contents === undefined ? [] : offsetsOf(contents);
    if (contents === undefined || places.length === 0) return undefined;
    const place = pick(places, random);
    const at = random(2) === 0 ? place.at : place.length;
    const old = contents.readUInt32BE(at);
    contents.writeUInt32BE(pick([0, 1, old - 1, old + 1, old + 16, 2 * old, 0xffffffff], random) >>> 0, at);
    return `${at} to ${contents.readUInt32BE(at)}`;
  },
  property(boxes, random) {
    const children = find(boxes, 'ipco')?.children;
    if (children === undefined) return undefined;
    const type = pick(Object.keys(PROPERTIES), random);
    children.push({ type, contents: Buffer.from(PROPERTIES[type]!) });
    const ipma = find(boxes, 'ipma')?.contents;
    // Version 0, flags 0: a count of items, then an id and a count of associations for each.
    if (ipma === undefined || ipma.length < 11 || random(4) === 0) return `${type}, unassociated`;
    ipma[10] = ipma[10]! + 1;
    const end = 11 + ipma[10] - 1;
    const grown = Buffer.concat([
      ipma.subarray(0, end),
      Buffer.from([0x80 | children.length]),
      ipma.subarray(end),
    ]);
    find(boxes, 'ipma')!.contents = grown;
    return type;
  },
  rename(boxes, random) {
    const box = pick([...all(boxes)], random);
    const old = box.type;
    box.type = pick(TYPES, random);
    return `${old} to ${box.type}`;
  },
  size(boxes, random) {
    const box = pick([...all(boxes)], random);
    box.size = pick([0, 1, 7, 8, 16, 0x7fffffff, 0xffffffff], random);
    return `of ${box.type} says ${box.size}`;
  },
  contents(boxes, random) {
    const box = pick([...all(boxes)], random);
    const { bytes, what } = damage(box.contents, random);
    box.contents = bytes;
    return `${box.type} ${what}`;
  },
};

const FIELDS: (Field & { type: string; at: number })[] = [
  { name: 'av1C byte 1', type: 'av1C', at: 1, below: 256 },
  { name: 'av1C byte 2', type: 'av1C', at: 2, below: 256 },
  { name: 'pixi depth', type: 'pixi', at: 5, named: [8, 10, 12], below: 256 },
  { name: 'matrix', type: 'colr', at: 9, named: [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14], below: 256 },
];

/** AVIF. */
export const isobmff: Structure = {
  mutate(bytes: Buffer, random: Random): Changed {
    const boxes = parse(bytes);
    const start = dataStart(boxes);
    if (random(4) === 0) {
      const lists = [
        boxes,
        ...[...all(boxes)].flatMap(({ children }) => (children === undefined ? [] : [children])),
      ];
      const list = pick(lists, random);
      const { parts, what } = rearrange(list, random, nameOf);
      list.splice(0, list.length, ...parts);
      return { bytes: writeMoved(boxes, start), what };
    }
    const what = changeOne(CHANGES, boxes, random);
    return { bytes: writeMoved(boxes, start), what };
  },
  invent(bytes, random) {
    const boxes = parse(bytes);
    const field = pick(FIELDS, random);
    const { value, named } = anyValue(field, random);
    const contents = find(boxes, field.type)?.contents;
    const isSet = contents !== undefined && field.at < contents.length;
    if (isSet) contents[field.at] = value;
    return inventedFile(write(boxes), field, value, named || !isSet);
  },
};
