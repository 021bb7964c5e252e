// Which structural mutations a file of the corpus gets: by its content.
import type { CorpusFile, Random } from '../mutate.js';
import { bmp } from './bmp.js';
import { gif } from './gif.js';
import { isobmff } from './isobmff.js';
import { jpeg } from './jpeg.js';
import type { Changed, Invented, Structure } from './parts.js';
import { png } from './png.js';
import { riff } from './riff.js';
import { tiff } from './tiff.js';

const STRUCTURES: [start: RegExp, structure: Structure][] = [
  [/^\xff\xd8\xff/, jpeg],
  [/^\x89PNG/, png],
  [/^(II[*+]\0|MM\0[*+])/, tiff],
  [/^BM/, bmp],
  [/^GIF8/, gif],
  [/^RIFF[^]{4}WEBP/, riff],
  [/^[^]{4}ftyp/, isobmff],
];

/**
 * The structural mutations of a file.
 * @param bytes - a file
 * @returns undefined for bytes of no known format
 */
export function structureOf(bytes: Buffer): Structure | undefined {
  const start = bytes.toString('latin1', 0, 12);
  return STRUCTURES.find(([pattern]) => pattern.test(start))?.[1];
}

/**
 * Changes the structure of a file once or a few times.
 * @param file - a sound file
 * @param random - the source of choice
 * @returns the file and what was done
 */
export function restructure(file: CorpusFile, random: Random): Changed {
  let bytes = file.bytes;
  const done: string[] = [];
  for (let n = 1 + (random(3) === 0 ? 1 + random(2) : 0); n > 0; n--) {
    const structure = structureOf(bytes);
    if (structure === undefined) break;
    const changed = attempt(() => structure.mutate(bytes, random));
    if (changed === undefined) break; // an earlier change has left nothing that could be taken apart
    bytes = changed.bytes;
    done.push(changed.what);
  }
  return { bytes, what: done.join('; ') };
}

/**
 * Sets one field of a file's header to any value.
 * @param file - a sound file
 * @param random - the source of choice
 * @returns the file and the value
 */
export function inventValue(file: CorpusFile, random: Random): Invented {
  const structure = structureOf(file.bytes);
  if (structure === undefined) throw new Error(`${file.name} has no structure`);
  return structure.invent(file.bytes, random);
}

function attempt<T>(change: () => T): T | undefined {
  try {
    return change();
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return undefined;
    throw error;
  }
}
