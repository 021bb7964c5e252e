// TIFF's first directory taken apart into its entries, and the changes of their values (TIFF 6.0; BigTIFF by libtiff).
import type { Random } from '../mutate.js';
import {
  anyValue,
  changeOne,
  inventedFile,
  pick,
  rearrange,
  type Changed,
  type Changes,
  type Field,
  type Structure,
} from './parts.js';
import { integersOf, parseTiff, tagOf, writeTiff, type Entry, type Tiff } from './tiff-file.js';

const [WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER] = [256, 257, 258, 259, 262, 266];
const [STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS, STRIP_COUNTS, PLANAR] = [273, 274, 277, 278, 279, 284];
const [PREDICTOR, COLOR_MAP, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS] = [317, 320, 322, 323, 324];
const [TILE_COUNTS, EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_TABLES, SUBSAMPLING] = [325, 338, 339, 347, 530];
const SHORT = 3;
const LONG = 4;

// What TIFF 6.0, its technical notes and libtiff name for each tag, and counts near the truth.
const NAMED: Record<number, readonly number[]> = {
  [WIDTH]: [0, 1, 13, 16, 25, 27, 52],
  [LENGTH]: [0, 1, 5, 18, 20, 38],
  [BITS]: [1, 2, 4, 8, 12, 16, 24, 32, 64, 0, 3, 6],
  [COMPRESSION]: [1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 32809, 34661, 34712, 34887, 34925, 50000, 50001, 0],
  [PHOTOMETRIC]: [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 32803, 32844, 34892],
  [FILL_ORDER]: [1, 2, 0, 3],
  [ORIENTATION]: [1, 2, 3, 4, 5, 6, 7, 8, 0, 9],
  [SAMPLES]: [1, 2, 3, 4, 5, 0],
  [ROWS]: [0, 1, 2, 5, 8, 19, 0xffffffff],
  [PLANAR]: [1, 2, 0, 3],
  [PREDICTOR]: [1, 2, 3, 0, 4],
  [TILE_WIDTH]: [0, 1, 8, 16, 32, 48],
  [TILE_LENGTH]: [0, 1, 8, 16, 32, 48],
  [EXTRA_SAMPLES]: [0, 1, 2, 3],
  [SAMPLE_FORMAT]: [1, 2, 3, 4, 5, 6, 0],
  254: [0, 1, 2, 4], // NewSubfileType
  292: [0, 1, 4, 7], // T4Options
  332: [1, 2], // InkSet
  [SUBSAMPLING]: [1, 2, 4],
};
const DECISIVE = [BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR, PREDICTOR, EXTRA_SAMPLES, SAMPLE_FORMAT];
const TYPES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16];

const nameOf = ({ tag }: Entry) => `tag ${tag}`;

function set(tiff: Tiff, tag: number, values: readonly number[], type = SHORT): void {
  const old = tagOf(tiff, tag);
  if (old !== undefined) {
    old.values = [...values];
    return;
  }
  const at = tiff.entries.findIndex((entry) => entry.tag > tag);
  tiff.entries.splice(at < 0 ? tiff.entries.length : at, 0, { tag, type, values: [...values] });
}

const CHANGES: Changes<Tiff> = {
  // The commonest, since the combinations of these values are what decoders differ in.
  value: (tiff, random) =>
    changeValue(
      tiff,
      random,
      tiff.entries.map(({ tag }) => tag).filter((tag) => tag in NAMED),
    ),
  decisive: (tiff, random) => changeValue(tiff, random, DECISIVE),
  decisiveAgain: (tiff, random) =>
    `${changeValue(tiff, random, DECISIVE)}, ${changeValue(tiff, random, DECISIVE)}`,
  inserted: (tiff, random) => changeValue(tiff, random, Object.keys(NAMED).map(Number)),
  uneven(tiff, random) {
    const entry = pick([BITS, SAMPLE_FORMAT, EXTRA_SAMPLES], random);
    const values = Array.from({ length: 1 + random(5) }, () => pick(NAMED[entry]!, random));
    set(tiff, entry, values);
    return `tag ${entry} = ${values.join(' ')}`;
  },
  addSample(tiff, random) {
    const samples = (integersOf(tiff, SAMPLES)[0] ?? 1) + 1;
    set(tiff, SAMPLES, [samples]);
    set(tiff, BITS, Array<number>(samples).fill(integersOf(tiff, BITS)[0] ?? 8));
    const extra = random(4);
    if (extra < 3) set(tiff, EXTRA_SAMPLES, [extra]);
    return `to ${samples}, ExtraSamples ${extra < 3 ? extra : 'as before'}`;
  },
  premultiplied(tiff, random) {
    const value = pick([0, 1, 2], random);
    set(tiff, EXTRA_SAMPLES, [value]);
    return `ExtraSamples ${value}`;
  },
  asTiles(tiff, random) {
    const [width, height] = [pick([16, 32, 48], random), pick([16, 32], random)];
    set(tiff, TILE_WIDTH, [width]);
    set(tiff, TILE_LENGTH, [height]);
    for (const [from, to] of [
      [STRIP_OFFSETS, TILE_OFFSETS],
      [STRIP_COUNTS, TILE_COUNTS],
    ] as const) {
      const entry = tagOf(tiff, from);
      if (entry !== undefined) entry.tag = to;
    }
    if (random(2) === 0) tiff.entries = tiff.entries.filter(({ tag }) => tag !== ROWS);
    return `of ${width} x ${height}`;
  },
  asStrips(tiff, random) {
    for (const [from, to] of [
      [TILE_OFFSETS, STRIP_OFFSETS],
      [TILE_COUNTS, STRIP_COUNTS],
    ] as const) {
      const entry = tagOf(tiff, from);
      if (entry !== undefined) entry.tag = to;
    }
    if (random(2) === 0)
      tiff.entries = tiff.entries.filter(({ tag }) => tag !== TILE_WIDTH && tag !== TILE_LENGTH);
    return 'tags renamed';
  },
  offsets(tiff, random) {
    const entry = tagOf(tiff, STRIP_OFFSETS) ?? tagOf(tiff, TILE_OFFSETS);
    if (entry === undefined) return undefined;
    const [a, b] = [random(entry.values.length), random(entry.values.length)];
    const how = random(3);
    if (how === 0) [entry.values[a], entry.values[b]] = [entry.values[b]!, entry.values[a]!];
    else if (how === 1)
      entry.values[a] = pick([0, 8, entry.values[a]! + 1, entry.values[a]! - 1, 0xffffffff], random);
    else entry.values.splice(a, 1);
    return `${a}: ${entry.values.join(' ')}`;
  },
  counts(tiff, random) {
    const entry = tagOf(tiff, STRIP_COUNTS) ?? tagOf(tiff, TILE_COUNTS);
    if (entry === undefined) return undefined;
    const at = random(entry.values.length);
    const old = entry.values[at]!;
    if (random(4) === 0) entry.values.splice(at, 1);
    else entry.values[at] = pick([0, 1, old - 1, old + 1, old >> 1, 2 * old, 0xffffffff], random);
    return `${at}: ${entry.values.join(' ')}`;
  },
  offsetsForCounts(tiff) {
    const [a, b] = [tagOf(tiff, STRIP_OFFSETS), tagOf(tiff, STRIP_COUNTS)];
    if (a === undefined || b === undefined) return undefined;
    [a.tag, b.tag] = [b.tag, a.tag];
    return 'swapped';
  },
  colorMap(tiff, random) {
    const length = pick([0, 3, 48, 765, 768, 3 * 65536], random);
    set(
      tiff,
      COLOR_MAP,
      Array.from({ length: Math.min(length, 768) }, () => random(65536)),
    );
    return `of ${length}`;
  },
  type(tiff, random) {
    if (tiff.entries.length === 0) return undefined;
    const entry = pick(tiff.entries, random);
    const old = entry.type;
    entry.type = pick(random(2) === 0 ? [SHORT, LONG, 16, 1] : TYPES, random);
    return `of ${nameOf(entry)} from ${old} to ${entry.type}`;
  },
  count(tiff, random) {
    if (tiff.entries.length === 0) return undefined;
    const entry = pick(tiff.entries, random);
    entry.count = pick([0, 1, 2, entry.values.length + 1, 1000, 0xffffffff], random);
    return `of ${nameOf(entry)} says ${entry.count}`;
  },
  tag(tiff, random) {
    if (tiff.entries.length === 0) return undefined;
    const entry = pick(tiff.entries, random);
    const old = entry.tag;
    entry.tag = pick([...Object.keys(NAMED).map(Number), JPEG_TABLES, 34665, 330], random);
    return `${old} to ${entry.tag}`;
  },
  byteOrder(tiff) {
    tiff.bigEndian = !tiff.bigEndian;
    return tiff.bigEndian ? 'MM' : 'II';
  },
  bigTiff(tiff) {
    tiff.big = !tiff.big;
    return tiff.big ? 'on' : 'off';
  },
  next(tiff, random) {
    tiff.next = pick(['itself', 'twice', 'nowhere'], random);
    return tiff.next;
  },
  directoryLength(tiff, random) {
    tiff.entryCount = pick([0, 1, tiff.entries.length - 1, tiff.entries.length + 1, 0xffff], random);
    return `says ${tiff.entryCount}`;
  },
};

function changeValue(tiff: Tiff, random: Random, tags: readonly number[]): string | undefined {
  if (tags.length === 0) return undefined;
  const tag = pick(tags, random);
  const value = pick(NAMED[tag]!, random);
  const length =
    tagOf(tiff, tag)?.values.length ??
    (tag === BITS || tag === SAMPLE_FORMAT ? (integersOf(tiff, SAMPLES)[0] ?? 1) : 1);
  set(tiff, tag, Array<number>(Math.min(length, 8)).fill(value), tag === ROWS ? LONG : SHORT);
  return `tag ${tag} = ${value}`;
}

const FIELDS: (Field & { tag: number })[] = [
  BITS,
  COMPRESSION,
  PHOTOMETRIC,
  FILL_ORDER,
  SAMPLES,
  PLANAR,
  PREDICTOR,
  EXTRA_SAMPLES,
  SAMPLE_FORMAT,
].map((tag) => ({ name: `tag ${tag}`, tag, named: NAMED[tag]!, below: 65536 }));

/** TIFF. */
export const tiff: Structure = {
  mutate(bytes: Buffer, random: Random): Changed {
    const file = parseTiff(bytes);
    if (file === undefined) return { bytes, what: 'nothing' };
    if (random(5) === 0) {
      const { parts, what } = rearrange(file.entries, random, nameOf);
      return { bytes: writeTiff({ ...file, entries: parts }), what };
    }
    const what = changeOne(CHANGES, file, random);
    return { bytes: writeTiff(file), what };
  },
  invent(bytes, random) {
    const file = parseTiff(bytes);
    const field = pick(FIELDS, random);
    const { value, named } = anyValue(field, random);
    if (file !== undefined) {
      const length = tagOf(file, field.tag)?.values.length ?? 1;
      set(file, field.tag, Array<number>(Math.min(length, 8)).fill(value));
    }
    const written = file === undefined ? bytes : writeTiff(file);
    return inventedFile(written, field, value, named);
  },
};
