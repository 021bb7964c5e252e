// What the structural mutations of all formats share: rearranging the parts of a file, and choosing values.
import type { Random } from '../mutate.js';

/** A format's structural mutations. */
export interface Structure {
  /**
   * Takes a file apart, changes its structure and writes it back; checksums and offsets that the change would break are
   * made right again, unless breaking them is the change.
   */
  mutate(bytes: Buffer, random: Random): Changed;
  /** Sets one field of the header to any value that the field can hold. */
  invent(bytes: Buffer, random: Random): Invented;
}

/** A file with another structure. */
export interface Changed {
  bytes: Buffer;
  /** What was done, for the report. */
  what: string;
}

/** A file with an invented value. */
export interface Invented extends Changed {
  field: string;
  value: number;
  /** Whether the format's specification names the value, or leaves it open. */
  named: boolean;
}

/** Changes a file that has been taken apart; it says what it did, or nothing where it could not. */
export type Change<T> = (file: T, random: Random) => string | undefined;

/** Changes by their names. */
export type Changes<T> = Readonly<Record<string, Change<T>>>;

/** A field whose value decides how a file is to be decoded. */
export interface Field {
  name: string;
  /** What the specification names; absent where any value is as good as another. */
  named?: readonly number[];
  /** One more than the largest value that the field can hold. */
  below: number;
}

/**
 * One of several.
 * @param from - at least one
 * @param random - the source of choice
 * @returns one of them
 */
export function pick<T>(from: readonly T[], random: Random): T {
  return from[random(from.length)]!;
}

/**
 * Any value of a field: half of them small, since counts and codes are.
 * @param field - the field
 * @param random - the source of values
 * @returns the value, and whether the specification names it
 */
export function anyValue(field: Field, random: Random): { value: number; named: boolean } {
  const value = random(2) === 0 ? random(Math.min(field.below, 64)) : random(field.below);
  return { value, named: field.named?.includes(value) ?? true };
}

/**
 * A file with an invented value.
 * @param bytes - of the file
 * @param field - which one
 * @param value - its new value
 * @param named - whether the specification names it
 * @returns the file and what was done
 */
export function inventedFile(bytes: Buffer, field: Field, value: number, named: boolean): Invented {
  return { bytes, what: `${field.name} = ${value}`, field: field.name, value, named };
}

/**
 * Changes a file in one of several ways.
 * @param changes - the ways
 * @param file - taken apart; changed
 * @param random - the source of choice
 * @returns what was done, for the report
 */
export function changeOne<T>(changes: Changes<T>, file: T, random: Random): string {
  const name = pick(Object.keys(changes), random);
  return `${name} ${changes[name]!(file, random) ?? 'nothing'}`;
}

const REARRANGEMENTS = ['drop', 'double', 'swap', 'move', 'repeat', 'cut off'] as const;

/**
 * Drops, doubles, swaps or moves parts.
 * @param parts - in the order of the file; left alone
 * @param random - the source of choice
 * @param name - of a part, for the report
 * @returns the parts in their new order
 */
export function rearrange<T>(
  parts: readonly T[],
  random: Random,
  name: (part: T) => string,
): { parts: T[]; what: string } {
  const result = [...parts];
  if (result.length === 0) return { parts: result, what: 'nothing to rearrange' };
  const how = pick(REARRANGEMENTS, random);
  const at = random(result.length);
  const to = random(result.length);
  const [part, other] = [result[at]!, result[to]!];
  let what = `${how} ${name(part)}`;
  if (how === 'drop') result.splice(at, 1);
  else if (how === 'double') result.splice(at, 0, part);
  else if (how === 'repeat') result.splice(at, 0, ...Array.from({ length: 1 + random(20) }, () => part));
  else if (how === 'cut off') result.splice(at);
  else if (how === 'move') {
    result.splice(at, 1);
    result.splice(to, 0, part);
    what += ` to ${to}`;
  } else {
    [result[at], result[to]] = [other, part];
    what += ` with ${name(other)}`;
  }
  return { parts: result, what };
}

/**
 * Makes the contents of a part shorter, longer or other.
 * @param contents - left alone
 * @param random - the source of choice
 * @returns the new contents
 */
export function damage(contents: Buffer, random: Random): Changed {
  const how = random(4);
  if (how === 0 || contents.length === 0) {
    const more = Buffer.alloc(1 + random(32), random(256));
    return { bytes: Buffer.concat([contents, more]), what: `lengthen by ${more.length}` };
  }
  if (how === 1) {
    const length = random(contents.length);
    return { bytes: Buffer.from(contents.subarray(0, length)), what: `shorten to ${length}` };
  }
  const bytes = Buffer.from(contents);
  const at = random(Math.min(bytes.length, 64));
  bytes[at] = how === 2 ? random(256) : bytes[at]! ^ (1 << random(8));
  return { bytes, what: `byte ${at} to ${bytes[at]}` };
}
