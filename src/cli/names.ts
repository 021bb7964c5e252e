// Names of files as text and back without loss: a byte that is no UTF-8 becomes half a surrogate pair, as in Python (PEP 383).
import { isUtf8 } from 'node:buffer';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';

/** What the byte 0x00 would become; only bytes from 0x80 on are ever no UTF-8. */
export const BYTE_BASE = 0xdc00;

// With the flag u, the second halves of whole pairs do not match.
const BYTES = /([\uDC80-\uDCFF])/u;
const LONGEST_CHARACTER = 4;
// Of bytes in a URL; the rest is escaped.
const PLAIN = /[\w./~-]/;

/**
 * Whether a character stands for a byte.
 * @param code - UTF-16 code unit that is no part of a pair
 * @returns true if so
 */
export function isByte(code: number): boolean {
  return code >= BYTE_BASE + 0x80 && code <= BYTE_BASE + 0xff;
}

/**
 * Whether a name holds bytes that are no UTF-8.
 * @param text - from {@link textOf}
 * @returns true if so
 */
export function holdsBytes(text: string): boolean {
  return BYTES.test(text);
}

/**
 * Reads a name.
 * @param name - as the operating system has it
 * @returns text; what is no UTF-8 in it byte by byte as U+DC80 to U+DCFF, which no UTF-8 gives
 */
export function textOf(name: Uint8Array): string {
  const bytes = Buffer.from(name.buffer, name.byteOffset, name.length);
  if (isUtf8(bytes)) return bytes.toString();
  let text = '';
  for (let at = 0, length; at < bytes.length; at += length) {
    length = 1;
    while (length <= LONGEST_CHARACTER && !isUtf8(bytes.subarray(at, at + length))) length++;
    if (length > LONGEST_CHARACTER) {
      length = 1;
      text += String.fromCharCode(BYTE_BASE + (bytes[at] as number));
    } else {
      text += bytes.toString('utf8', at, at + length);
    }
  }
  return text;
}

/**
 * Writes a name.
 * @param text - from {@link textOf}
 * @returns as the operating system has it
 */
export function bytesOf(text: string): Buffer {
  // The parts at odd places are what the parts at even places are separated by.
  const parts = text
    .split(BYTES)
    .map((part, i) => (i % 2 === 0 ? Buffer.from(part) : Buffer.of(part.charCodeAt(0) - BYTE_BASE)));
  return Buffer.concat(parts);
}

/**
 * A path for node:fs.
 * @param path - from {@link textOf}
 * @returns the same, or its bytes
 */
export function forSystem(path: string): string | Buffer {
  return holdsBytes(path) ? bytesOf(path) : path;
}

/**
 * A path for the library, which takes text, and bytes as a URL has them.
 * @param path - from {@link textOf}
 * @returns the same, or a `file:` URL
 */
export function forLibrary(path: string): string | URL {
  if (!holdsBytes(path)) return path;
  const characters = Array.from(bytesOf(resolve(path)), (byte) => {
    const character = String.fromCharCode(byte);
    return PLAIN.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
  });
  return new URL(`file://${characters.join('')}`);
}

/**
 * Tells a file from a URL: the library takes `data:x.jpg` for one, even where a file has that name.
 * @param path - of a file that exists
 * @returns a path to it that looks like no URL
 */
export function local(path: string): string {
  return /^[a-z]{2,}:/i.test(path) ? `./${path}` : path;
}

/**
 * The same for what may be a file or a URL.
 * @param path - as given on the command line
 * @returns for the library
 */
export async function namedInput(path: string): Promise<string | URL> {
  const found = await stat(forSystem(path)).catch(() => undefined);
  return forLibrary(found === undefined ? path : local(path));
}
