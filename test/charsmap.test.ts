// SentencePiece's character map against Unicode's own NFKC, which it was made from, and the few rules it adds.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CharsMap } from '../dist/esm/inference/charsmap.js';
import { fixtureJson } from './helpers/fixtures.js';

const { normalizer } = fixtureJson('tiny-siglip/tokenizer.json') as {
  normalizer: { normalizers: { type: string; precompiled_charsmap?: string }[] };
};
const base64 = normalizer.normalizers.find(({ type }) => type === 'Precompiled')!.precompiled_charsmap!;
const map = new CharsMap(base64);

const collapsed = (text: string) => text.replace(/ +/g, ' ').replace(/^ | $/g, '');

// What "nmt_nfkc" does besides NFKC (sentencepiece, builder.cc): control characters go, exotic spaces become spaces.
// eslint-disable-next-line no-control-regex -- control characters are the point
const REMOVED = /[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]/;
const SPACES = /[\t\n\f\r\u1680\u200b\u200c\u200e\u200f\u2028\u2029\u2581\ufeff\ufffd]/;

const charsmap = suite('CharsMap');

charsmap('every character of the first plane: NFKC, with the additions of nmt_nfkc', () => {
  for (let code = 1; code <= 0xffff; code++) {
    const isSurrogate = code >= 0xd800 && code < 0xe000;
    // A block that still gains characters: Node's tables may be newer than the map.
    const isLatinExtendedD = code >= 0xa700 && code < 0xa800;
    if (isSurrogate || isLatinExtendedD) continue;
    const character = String.fromCharCode(code);
    // U+0344 is two marks of which the first joins the letter in front; the map knows only sequences that it lists.
    if (character === '\u0344') continue;
    const expected = REMOVED.test(character)
      ? 'xx'
      : SPACES.test(character)
        ? 'x x'
        : character === '\uff5e'
          ? 'x\uff5ex'
          : collapsed(`x${character}x`.normalize('NFKC'));
    assert.is(map.normalize(`x${character}x`), expected, code.toString(16));
  }
});

charsmap('the longest sequence wins', () => {
  assert.is(map.normalize('A\u030a\u0301 e\u0301 \u1112\u1161\u11ab'), '\u01fa \u00e9 \ud55c');
});

charsmap('no spaces at the ends or in a row; a joiner stays one', () => {
  assert.is(map.normalize(' \u00a0a\u3000\u200b b\u200d\ufeff'), 'a b\u200d');
  assert.is(map.normalize('\u200b \ufeff'), '');
  assert.is(map.normalize(''), '');
});

charsmap('any text: well-formed, collapsed, and stays so', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
      const once = map.normalize(text);
      assert.is(Buffer.from(once).toString(), once, 'well-formed');
      assert.is(once, collapsed(once));
    }),
  );
});

charsmap('a damaged map: an error or a text, never a hang', () => {
  const bytes = Buffer.from(base64, 'base64');
  assert.throws(() => new CharsMap(''), RangeError);
  assert.throws(() => new CharsMap(bytes.subarray(0, 1000).toString('base64')), RangeError);
  fc.assert(
    fc.property(fc.nat(bytes.length - 5), fc.nat(255), (at, value) => {
      const damaged = Buffer.from(bytes);
      damaged[4 + at] = value;
      new CharsMap(damaged.toString('base64')).normalize('a photo of 猫 ﷺ é');
    }),
    { numRuns: 20 },
  );
});

charsmap.run();
