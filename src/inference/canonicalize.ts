// What a model family does to a text before its tokenizer: the rules of the reference, which is Python.
import type { TextTower } from '../pool/protocol.js';

// The 32 characters of Python's string.punctuation. Quotes and dashes outside ASCII stay.
const PUNCTUATION = /[!-/:-@[-`{-~]/g;
// Python's \s: JavaScript's has U+FEFF instead of U+001C to U+001F and U+0085.
// eslint-disable-next-line no-control-regex -- control characters are the point
const WHITESPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;

const RULES: Record<TextTower['canonicalization'], (text: string) => string> = {
  none: (text) => text,
  lowercase: lowercaseEach,
  siglip: (text) =>
    text.toLowerCase().replace(PUNCTUATION, '').replace(WHITESPACE, ' ').replace(/^ | $/g, ''),
};

/**
 * Brings a text into the form that a model was trained on.
 * @param text - any text
 * @param rule - `none`; `lowercase` (SigLIP 2), each character for itself; `siglip` (SigLIP 1): lower case, no ASCII
 * punctuation, white space collapsed to single spaces and stripped (big_vision's `canonicalize_text`)
 * @returns the canonical text; doing it twice changes nothing more
 */
export function canonicalize(text: string, rule: TextTower['canonicalization']): string {
  return RULES[rule](text);
}

// The Rust tokenizers lower-case one character at a time, so a capital sigma at the end of a word stays a plain small
// one. It is the only letter whose lower case depends on its neighbours.
function lowercaseEach(text: string): string {
  return text.replaceAll('\u03a3', '\u03c3').toLowerCase();
}
