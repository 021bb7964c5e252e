// The one way to write a colour, for the library's options and the command's.

/** What a colour has to look like, for messages. */
export const COLOUR_FORM = 'a colour as "#rrggbb", such as "#ffffff"';

/**
 * Reads a colour.
 * @param text - `#` and six hexadecimal digits, in upper or lower case
 * @returns 0xRRGGBB; undefined when it is anything else
 */
export function parseColour(text: unknown): number | undefined {
  return typeof text === 'string' && /^#[\da-f]{6}$/i.test(text)
    ? Number.parseInt(text.slice(1), 16)
    : undefined;
}

/**
 * Writes a colour.
 * @param colour - 0xRRGGBB
 * @returns `#rrggbb`, in lower case
 */
export function formatColour(colour: number): string {
  return `#${colour.toString(16).padStart(6, '0')}`;
}
