// JPEG taken apart into its segments (ITU-T T.81, annex B).
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

interface Segment {
  code: number;
  contents: Buffer;
  /** Of a start of scan: the entropy-coded bytes behind it, restart markers included. */
  scan?: Buffer;
  /** What the length field says, where that is not the truth. */
  length?: number;
}

const SOF = [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];
const [DHT, SOI, EOI, SOS, DQT, DRI, APP0, APP14] = [0xc4, 0xd8, 0xd9, 0xda, 0xdb, 0xdd, 0xe0, 0xee];
const IDS = [
  [1, 2, 3, 4],
  [0, 1, 2, 3],
  [0x52, 0x47, 0x42, 0x41],
  [0x72, 0x67, 0x62, 0x61],
  [0x43, 0x4d, 0x59, 0x4b],
  [1, 1, 1, 1],
  [3, 2, 1, 4],
  [34, 35, 36, 37],
];
const SAMPLINGS = [0x11, 0x21, 0x12, 0x22, 0x41, 0x14, 0x31, 0x13, 0x42, 0x24, 0x44, 0x32, 0x00, 0x55, 0x01];

function parse(b: Buffer): Segment[] {
  const segments: Segment[] = [];
  let p = 2;
  while (p + 4 <= b.length && b[p] === 0xff) {
    const code = b[p + 1]!;
    if (code === EOI) break;
    const length = b.readUInt16BE(p + 2);
    const segment: Segment = { code, contents: Buffer.from(b.subarray(p + 4, p + 2 + length)) };
    p += 2 + length;
    if (code === SOS) {
      const from = p;
      while (p < b.length && !(b[p] === 0xff && b[p + 1] !== 0 && (b[p + 1]! & 0xf8) !== 0xd0)) p++;
      segment.scan = Buffer.from(b.subarray(from, p));
    }
    segments.push(segment);
  }
  return segments;
}

function write(segments: readonly Segment[], end = true): Buffer {
  const parts: Buffer[] = [Buffer.from([0xff, SOI])];
  for (const { code, contents, scan, length } of segments) {
    const head = Buffer.from([0xff, code, 0, 0]);
    head.writeUInt16BE((length ?? contents.length + 2) & 0xffff, 2);
    parts.push(head, contents, scan ?? Buffer.alloc(0));
  }
  if (end) parts.push(Buffer.from([0xff, EOI]));
  return Buffer.concat(parts);
}

const nameOf = ({ code }: Segment) => code.toString(16);
const frameOf = (segments: readonly Segment[]) => segments.find(({ code }) => SOF.includes(code));

const CHANGES: Changes<Segment[]> = {
  frameType(segments, random) {
    const frame = frameOf(segments);
    if (frame === undefined) return undefined;
    frame.code = pick(SOF, random);
    return nameOf(frame);
  },
  precision: (segments, random) => setByte(frameOf(segments), 0, pick([2, 8, 12, 16], random)),
  sides(segments, random) {
    const contents = frameOf(segments)?.contents;
    if (contents === undefined || contents.length < 5) return undefined;
    const [height, width] = [contents.readUInt16BE(1), contents.readUInt16BE(3)];
    const sides = pick(
      [
        [width, height],
        [height + random(9), width],
        [height, width + random(9)],
        [Math.max(0, height - random(9)), width],
        [0, width],
        [height, 0],
      ],
      random,
    );
    contents.writeUInt16BE(sides[0]!, 1);
    contents.writeUInt16BE(sides[1]!, 3);
    return sides.join(' x ');
  },
  components: (segments, random) => setByte(frameOf(segments), 5, random(6)),
  ids(segments, random) {
    const ids = pick(IDS, random);
    const scansToo = random(4) > 0;
    const frame = frameOf(segments);
    const old: number[] = [];
    for (let i = 0; frame !== undefined && i < 4 && 6 + 3 * i < frame.contents.length; i++) {
      old.push(frame.contents[6 + 3 * i]!);
      frame.contents[6 + 3 * i] = ids[i]!;
    }
    for (const { code, contents } of segments)
      for (let p = 1; scansToo && code === SOS && p + 1 < contents.length - 3; p += 2)
        contents[p] = ids[Math.max(0, old.indexOf(contents[p]!))]!;
    return `${ids.join(' ')}${scansToo ? '' : ' in the frame only'}`;
  },
  sampling(segments, random) {
    const frame = frameOf(segments);
    const values = [0, 1, 2, 3].map(() => pick(SAMPLINGS.slice(0, random(2) === 0 ? 4 : undefined), random));
    const only = random(5);
    values.forEach((value, i) => (only === 4 || only === i ? setByte(frame, 7 + 3 * i, value) : undefined));
    return `${only === 4 ? 'all' : only}: ${values.map((v) => v.toString(16)).join(' ')}`;
  },
  quantisationSelector: (segments, random) => setByte(frameOf(segments), 8 + 3 * random(4), random(5)),
  adobe(segments, random) {
    const transform = pick([0, 1, 2, 3, 255], random);
    const kept = segments.filter(({ code }) => code !== APP14);
    const contents = Buffer.from([...Buffer.from('Adobe'), 0, 100, 0, 0, 0, 0, transform]);
    segments.splice(0, segments.length, ...kept);
    segments.splice(random(3), 0, { code: APP14, contents });
    return String(transform);
  },
  jfif(segments, random) {
    const without = segments.filter(({ code }) => code !== APP0);
    const adds = without.length === segments.length;
    segments.splice(0, segments.length, ...without);
    if (!adds) return 'dropped';
    const contents = Buffer.from([...Buffer.from('JFIF\0'), 1, random(3), 0, 0, 1, 0, 1, 0, 0]);
    segments.splice(random(2), 0, { code: APP0, contents });
    return 'added';
  },
  restartInterval(segments, random) {
    const interval = pick([0, 1, 2, 3, 7, 255], random);
    const contents = Buffer.from([0, interval]);
    const old = segments.find(({ code }) => code === DRI);
    if (old !== undefined) old.contents = contents;
    else segments.splice(1, 0, { code: DRI, contents });
    return String(interval);
  },
  restartMarker(segments, random) {
    const scan = segments.find((segment) => segment.scan !== undefined && segment.scan.length > 2);
    if (scan?.scan === undefined) return undefined;
    const at: number[] = [];
    for (let p = 0; p + 1 < scan.scan.length; p++)
      if (scan.scan[p] === 0xff && scan.scan[p + 1] !== 0) at.push(p);
    if (at.length === 0 || random(4) === 0) {
      const p = random(scan.scan.length);
      const marker = Buffer.from([0xff, 0xd0 + random(8)]);
      scan.scan = Buffer.concat([scan.scan.subarray(0, p), marker, scan.scan.subarray(p)]);
      return `inserted at ${p}`;
    }
    const p = pick(at, random);
    if (random(2) === 0) scan.scan = Buffer.concat([scan.scan.subarray(0, p), scan.scan.subarray(p + 2)]);
    else scan.scan[p + 1] = 0xd0 + random(8);
    return `changed at ${p}`;
  },
  scanParameters(segments, random) {
    const scans = segments.filter(({ code }) => code === SOS);
    if (scans.length === 0) return undefined;
    const { contents } = pick(scans, random);
    if (contents.length < 4) return undefined;
    const at = random(2) === 0 ? contents.length - 1 - random(3) : random(contents.length);
    contents[at] = pick([0, 1, 2, 3, 4, 5, 6, 0x10, 0x11, 0x21, 63, 64, 255], random);
    return `byte ${at} to ${contents[at]}`;
  },
  scanOrder(segments, random) {
    const scans = segments.flatMap(({ code }, i) => (code === SOS ? [i] : []));
    if (scans.length < 2) return undefined;
    const [a, b] = [pick(scans, random), pick(scans, random)];
    [segments[a], segments[b]] = [segments[b]!, segments[a]!];
    return `${a} with ${b}`;
  },
  shortScan(segments, random) {
    const scan = segments.find((segment) => segment.scan !== undefined);
    if (scan?.scan === undefined) return undefined;
    scan.scan = scan.scan.subarray(0, random(scan.scan.length + 1));
    return `to ${scan.scan.length}`;
  },
  table(segments, random) {
    const tables = segments.filter(({ code }) => code === DHT || code === DQT);
    if (tables.length === 0) return undefined;
    const table = pick(tables, random);
    const at = random(3) === 0 ? 0 : random(Math.min(20, table.contents.length));
    return `${nameOf(table)} byte ${at} ${setByte(table, at, pick([0, 1, 2, 3, 0x10, 0x11, 0x12, 0x20, 255], random))}`;
  },
  length(segments, random) {
    if (segments.length === 0) return undefined;
    const segment = pick(segments, random);
    const truth = segment.contents.length + 2;
    segment.length = pick([0, 1, 2, truth - 1, truth + 1, truth + 7, 0xffff], random);
    return `${nameOf(segment)} says ${segment.length}`;
  },
  contents(segments, random) {
    if (segments.length === 0) return undefined;
    const segment = pick(segments, random);
    const { bytes, what } = damage(segment.contents, random);
    segment.contents = bytes;
    return `${nameOf(segment)} ${what}`;
  },
};

function setByte(segment: Segment | undefined, at: number, value: number): string | undefined {
  if (segment === undefined || at >= segment.contents.length) return undefined;
  segment.contents[at] = value;
  return String(value);
}

// Offsets into the frame header's contents.
const FIELDS: (Field & { at: number })[] = [
  { name: 'precision', at: 0, named: [8, 12], below: 256 },
  { name: 'components', at: 5, named: [1, 2, 3, 4], below: 256 },
  { name: 'sampling of the first', at: 7, named: SAMPLINGS, below: 256 },
  { name: 'sampling of the second', at: 10, named: SAMPLINGS, below: 256 },
  { name: 'table of the first', at: 8, named: [0, 1, 2, 3], below: 256 },
  { name: 'frame type', at: -1, named: SOF, below: 256 },
  { name: 'id of the first', at: 6, below: 256 },
];

/** JPEG. */
export const jpeg: Structure = {
  mutate(bytes: Buffer, random: Random): Changed {
    const segments = parse(bytes);
    if (random(4) === 0) {
      const { parts, what } = rearrange(segments, random, nameOf);
      return { bytes: write(parts, random(16) > 0), what };
    }
    const what = changeOne(CHANGES, segments, random);
    return { bytes: write(segments), what };
  },
  invent(bytes, random) {
    const segments = parse(bytes);
    const field = pick(FIELDS, random);
    const { value, named } = anyValue(field, random);
    const frame = frameOf(segments);
    const isSet = field.at < 0 ? frame !== undefined : setByte(frame, field.at, value) !== undefined;
    if (field.at < 0 && frame !== undefined) frame.code = value;
    return inventedFile(write(segments), field, value, named || !isSet);
  },
};
