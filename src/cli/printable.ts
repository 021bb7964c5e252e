// Text as a terminal may get it: names of files and what servers send may hold line breaks, escape sequences and worse.
import { BYTE_BASE, isByte } from './names.js';

// Control characters, what ends a line, what turns the order of letters around, and halves of characters.
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\uD800-\uDFFF]/gu;
// JSON.stringify escapes the rest; its own line breaks stand between values.
const UNSAFE_IN_JSON = /[\u007F-\u009F\p{Bidi_Control}\u2028\u2029]/gu;

/**
 * Makes text harmless to lines and terminals.
 * @param text - what people get to read
 * @returns one line: what is not to be printed is escaped as in JSON (`\n`, `\u001b`), a byte of a name that is no UTF-8
 * as `\xff`
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.charCodeAt(0);
    if (isByte(code)) return `\\x${(code - BYTE_BASE).toString(16)}`;
    const short = JSON.stringify(character).slice(1, -1);
    return short === character ? escaped(character) : short;
  });
}

/**
 * Writes a value as JSON that is harmless to terminals as well, and to readers that take more than `\n` for a line break.
 * @param value - plain data
 * @param indent - spaces a level; none for one line
 * @returns JSON
 */
export function json(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(UNSAFE_IN_JSON, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
