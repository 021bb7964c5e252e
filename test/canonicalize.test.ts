// Canonicalisation against Python's rules, stated the slow and obvious way.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { canonicalize } from '../dist/esm/inference/canonicalize.js';
import { fixtureJson } from './helpers/fixtures.js';

// Python 3.14: [c for c in map(chr, range(0x110000)) if re.match(r'\s', c)] and string.punctuation.
const PYTHON_SPACE = new Set(
  [
    0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x2001, 0x2002,
    0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000,
  ].map((code) => String.fromCodePoint(code)),
);
const PYTHON_PUNCTUATION = new Set('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~');

function reference(text: string): string {
  const kept = Array.from(text.toLowerCase()).filter((character) => !PYTHON_PUNCTUATION.has(character));
  const spaced = kept.map((character) => (PYTHON_SPACE.has(character) ? ' ' : character)).join('');
  return spaced
    .split(' ')
    .filter((word) => word !== '')
    .join(' ');
}

const tricky = fc.oneof(
  fc.constantFrom(
    ...PYTHON_SPACE,
    ...PYTHON_PUNCTUATION,
    '\ufeff',
    '\u200b',
    '\u180e',
    'İ',
    'Σ',
    'ẞ',
    '…',
    '“',
    '▁',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
);
const anyText = fc.array(tricky, { maxLength: 40 }).map((parts) => parts.join(''));

const canonical = suite('canonicalize');

canonical('siglip: the canonical form of every golden text', () => {
  const texts = fixtureJson('tiny-siglip/texts.json') as { text: string; canonical: string }[];
  assert.is(texts.length, 36);
  for (const { text, canonical: expected } of texts) assert.is(canonicalize(text, 'siglip'), expected);
});

canonical('siglip: as the reference does with every character of the first plane', () => {
  for (let code = 0; code < 0x10000; code++) {
    const text = `a${String.fromCharCode(code)}b`;
    assert.is(canonicalize(text, 'siglip'), reference(text), code.toString(16));
  }
});

canonical('siglip: as the reference does with any text; once is enough', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const once = canonicalize(text, 'siglip');
      assert.is(once, reference(text));
      assert.is(canonicalize(once, 'siglip'), once);
    }),
  );
});

canonical('lowercase: each character for itself, nothing else', () => {
  assert.is(canonicalize('ΟΔΥΣΣΕΥΣ  İ!', 'lowercase'), 'οδυσσευσ  i̇!');
  fc.assert(
    fc.property(anyText, (text) => {
      const each = Array.from(text, (character) => character.toLowerCase()).join('');
      assert.is(canonicalize(text, 'lowercase'), each);
    }),
  );
});

canonical('none: nothing', () => {
  fc.assert(fc.property(anyText, (text) => assert.is(canonicalize(text, 'none'), text)));
});

canonical.run();
