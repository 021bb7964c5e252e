// Tells texts from other bytes, and among them SVG, HTML and XML.
import { foreign, type Recognised } from './kinds.js';

const HTML = foreign(
  'text',
  'HTML',
  'It is a web page, perhaps of an error: check the download; browsers and vector formats are not run here.',
);
// Control characters that no text holds; tabs, line ends, form feeds and escapes are none of them.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\0-\x08\x0e-\x1a\x1c-\x1f]/;

/**
 * Looks at bytes that may be a text.
 * @param head - the first bytes of a file; a character may be cut off at their end
 * @returns what the text is; undefined if it is none
 */
export function byText(head: Uint8Array): Recognised | undefined {
  const text = decoded(head);
  if (text === undefined || CONTROL.test(text)) return undefined;
  const start = afterProlog(text);
  if (/^<(?:[\w-]{1,40}:)?svg[\s>/]/i.test(start)) return foreign('drawing', 'SVG');
  if (/^<(?:!doctype\s+html|html|head|body|script|title)\b/i.test(start)) return HTML;
  if (/^<!doctype\s+svg\b/i.test(start)) return foreign('drawing', 'SVG');
  if (text.trimStart().startsWith('<?xml')) return foreign('text', 'XML');
  return foreign('text', 'text');
}

function decoded(head: Uint8Array): string | undefined {
  const [first, second] = head;
  const encoding =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  try {
    // Takes a byte order mark off; `stream` lets the last character be cut.
    return new TextDecoder(encoding, { fatal: true }).decode(head, { stream: true });
  } catch {
    return undefined;
  }
}

// What stands before the first element: declarations, comments, and a document type that may hold more of its own.
function afterProlog(text: string): string {
  let rest = text.trimStart();
  for (;;) {
    const end = rest.startsWith('<?') ? '?>' : rest.startsWith('<!--') ? '-->' : undefined;
    if (end === undefined) return rest;
    const at = rest.indexOf(end);
    if (at < 0) return '';
    rest = rest.slice(at + end.length).trimStart();
  }
}
