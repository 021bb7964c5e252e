// Makes hostile images out of good ones: the same (seed, number) always gives the same bytes.
import { inventValue, restructure, structureOf } from './structure/index.js';

/** A deterministic source of integers. */
export type Random = (below: number) => number;

/** Changed in its bytes; in its structure; or in one value of its header, drawn from all that the field can hold. */
export type Kind = 'bytes' | 'structure' | 'value';

/** A mutated file. */
export interface Mutant {
  bytes: Buffer;
  kind: Kind;
  /** Which file and which mutations, for the report. */
  description: string;
  /** Of the kind `value`: the field, and whether the format's specification names the value. */
  invented?: { field: string; named: boolean };
}

/** A file of the corpus. */
export interface CorpusFile {
  name: string;
  bytes: Buffer;
}

/**
 * mulberry32: small, fast, good enough to choose offsets with.
 * @param seed - any integer
 * @returns uniform integers from 0 to below - 1
 */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

type Mutation = (bytes: Buffer, random: Random, corpus: readonly CorpusFile[]) => Buffer;

// Headers decide what is allocated and which code runs, so half of all offsets fall into the first 256 bytes.
function offsetIn(bytes: Buffer, random: Random): number {
  return random(2) === 0 ? random(Math.min(bytes.length, 256)) : random(bytes.length);
}

const INTERESTING = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
];

const MUTATIONS: Record<string, Mutation> = {
  flipBits(bytes, random) {
    for (let n = 1 + random(8); n > 0; n--) {
      const at = offsetIn(bytes, random);
      bytes[at] = bytes[at]! ^ (1 << random(8));
    }
    return bytes;
  },
  setBytes(bytes, random) {
    for (let n = 1 + random(4); n > 0; n--) bytes[offsetIn(bytes, random)] = random(256);
    return bytes;
  },
  setLength(bytes, random) {
    const value = random(3) === 0 ? random(2 ** 32) : INTERESTING[random(INTERESTING.length)]!;
    const width = [1, 2, 4][random(3)]!;
    if (bytes.length < width) return bytes;
    const at = Math.min(offsetIn(bytes, random), bytes.length - width);
    const fitted = value % 2 ** (8 * width);
    if (random(2) === 0) bytes.writeUIntBE(fitted, at, width);
    else bytes.writeUIntLE(fitted, at, width);
    return bytes;
  },
  truncate: (bytes, random) => bytes.subarray(0, random(bytes.length)),
  cutOut(bytes, random) {
    const from = offsetIn(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + random(64))]);
  },
  repeat(bytes, random) {
    const from = offsetIn(bytes, random);
    const chunk = bytes.subarray(from, from + 1 + random(512));
    return Buffer.concat([
      bytes.subarray(0, from),
      ...Array.from({ length: 1 + random(16) }, () => chunk),
      bytes.subarray(from),
    ]);
  },
  spliceHeader(bytes, random, corpus) {
    const other = corpus[random(corpus.length)]!.bytes;
    return Buffer.concat([
      other.subarray(0, random(Math.min(other.length, 512))),
      bytes.subarray(random(Math.min(bytes.length, 512))),
    ]);
  },
  append(bytes, random, corpus) {
    return Buffer.concat([bytes, corpus[random(corpus.length)]!.bytes]);
  },
};

/**
 * Makes an input: half of them are changed in their bytes, three eighths in their structure, and one eighth gets an
 * invented value in its header.
 * @param corpus - sound files, of which at least one has a structure that is known here
 * @param seed - of the whole run
 * @param number - of the input
 * @returns the mutant
 */
export function mutant(corpus: readonly CorpusFile[], seed: number, number: number): Mutant {
  const random = randomFrom(Math.imul(seed, 0x9e3779b1) ^ number);
  const choice = random(8);
  if (choice < 4) return changeBytes(corpus, random);
  let file = corpus[random(corpus.length)]!;
  while (structureOf(file.bytes) === undefined) file = corpus[random(corpus.length)]!;
  if (choice < 7) {
    const { bytes, what } = restructure(file, random);
    return { bytes, kind: 'structure', description: `${file.name}: ${what}` };
  }
  const { bytes, what, field, named } = inventValue(file, random);
  return { bytes, kind: 'value', description: `${file.name}: ${what}`, invented: { field, named } };
}

function changeBytes(corpus: readonly CorpusFile[], random: Random): Mutant {
  const file = corpus[random(corpus.length)]!;
  const names = Object.keys(MUTATIONS);
  let bytes = Buffer.from(file.bytes);
  const applied: string[] = [];
  for (let n = 1 + random(3); n > 0 && bytes.length > 0; n--) {
    const name = names[random(names.length)]!;
    bytes = Buffer.from(MUTATIONS[name]!(bytes, random, corpus));
    applied.push(name);
  }
  return { bytes, kind: 'bytes', description: `${file.name}: ${applied.join(', ')}` };
}
