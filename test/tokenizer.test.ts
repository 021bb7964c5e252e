// Text to token ids: with the bundled tokenizer, and as the reference does with SigLIP's and SigLIP 2's.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VisionError } from '../dist/esm/errors.js';
import { TextEncoder } from '../dist/esm/inference/tokenizer.js';
import { MAX_TEXT_CHARACTERS } from '../dist/esm/request.js';
import { ROOT, fixtureJson } from './helpers/fixtures.js';
import { goldenTexts, textTower } from './helpers/texts.js';

const BUNDLED = join(ROOT, 'models', 'bundled');

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(join(BUNDLED, name), 'utf8'));
}

function thrownBy(work: () => unknown): VisionError {
  try {
    work();
  } catch (error) {
    if (error instanceof VisionError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const tower = {
  model: join(BUNDLED, 'text_model.onnx'),
  tokenizer: join(BUNDLED, 'tokenizer.json'),
  parsed: {
    tokenizer: readJson('tokenizer.json'),
    tokenizerConfig: readJson('tokenizer_config.json'),
  },
  maxLength: 64,
  canonicalization: 'none',
  padId: undefined,
  batch: false,
} as const;
const encoder = new TextEncoder(tower);

const tokenizer = suite('TextEncoder');

tokenizer('the same text gives the same ids; other words give others', () => {
  assert.equal(encoder.encode('a dog'), encoder.encode('a dog'));
  assert.not.equal(encoder.encode('a dog'), encoder.encode('a cat'));
  assert.ok(encoder.encode('a dog').every(Number.isInteger));
});

tokenizer('never more than maxLength ids; the last one is that of the whole text', () => {
  const whole = new TextEncoder({ ...tower, maxLength: 1e6 });
  for (const maxLength of [1, 2, 16, 64]) {
    const short = new TextEncoder({ ...tower, maxLength });
    for (const words of [1, 15, 16, 17, 63, 64, 65, 500]) {
      const text = Array.from({ length: words }, (_, i) => ['dog', 'cat', 'boat'][i % 3]).join(' ');
      const all = whole.encode(text);
      const ids = short.encode(text);
      assert.is(ids.length, Math.min(all.length, maxLength));
      assert.equal(ids.slice(0, -1), all.slice(0, ids.length - 1));
      assert.is(ids.at(-1), all.at(-1));
    }
  }
});

tokenizer('any text whatever', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const ids = encoder.encode(text);
      assert.ok(ids.length <= 64 && ids.every((id) => Number.isInteger(id) && id >= 0));
    }),
  );
});

for (const [model, rule, ids, ids64] of [
  ['tiny-siglip', 'siglip', 'ids', 'ids64'],
  ['tiny-siglip2', 'none', 'ids', 'ids64'],
  ['tiny-siglip2', 'lowercase', 'idsLowercase', undefined],
] as const) {
  tokenizer(`${model}, ${rule}: the reference's ids of every golden text`, () => {
    const texts = goldenTexts(model);
    assert.is(texts.length, 36);
    const short = new TextEncoder({ ...textTower(model), canonicalization: rule });
    const long = new TextEncoder({ ...textTower(model), canonicalization: rule, maxLength: 64 });
    for (const golden of texts) {
      assert.equal(short.encode(golden.text), golden[ids], golden.text);
      if (ids64 !== undefined) assert.equal(long.encode(golden.text), golden[ids64], golden.text);
    }
  });
}

for (const [model, file, maxLength] of [
  ['tiny-siglip', 'sentencepiece', 16],
  ['tiny-siglip2', 'tokenizers', 64],
] as const) {
  tokenizer(`${model}: the ids that ${file} gives random texts, special tokens in some of them`, () => {
    const texts = fixtureJson(`${model}/${file}.json`) as [text: string, ids: number[]][];
    assert.ok(texts.length >= 200);
    const tower = { ...textTower(model), maxLength };
    const encoderOf = new TextEncoder(tower);
    for (const [text, ids] of texts) {
      const filling = new Array<number | undefined>(maxLength - ids.length).fill(tower.padId);
      assert.equal(encoderOf.encode(text), [...ids, ...filling], text);
    }
  });
}

// What the reference's rules give where the golden texts are silent.
tokenizer(
  'SigLIP: special tokens typed in a text count, in either case, and no space comes after them',
  () => {
    const siglip = new TextEncoder(textTower('tiny-siglip'));
    const cat = [3, 220];
    const filled = (...ids: number[]) => [...ids, ...new Array<number>(16 - ids.length).fill(1)];
    assert.equal(siglip.encode('a cat'), filled(...cat));
    assert.equal(siglip.encode('A cat. </S> '), filled(...cat));
    assert.equal(siglip.encode('</s>a cat'), filled(1, 38, 220));
    assert.equal(siglip.encode('a cat<unk>'), filled(...cat, 2));
    assert.equal(siglip.encode('a<pad>cat'), siglip.encode('apadcat'));
    for (const nothing of ['', ' ', '?!', '\u200b', '▁', ' \x1c\x85.'])
      assert.equal(siglip.encode(nothing), filled(), nothing);
  },
);

tokenizer('SigLIP 2: special tokens are found before the text is lower-cased', () => {
  const siglip2 = new TextEncoder(textTower('tiny-siglip2'));
  const ids = siglip2.encode('a<bos>');
  assert.equal(ids.slice(0, 3), [274, 2, 1]);
  assert.not.equal(siglip2.encode('a<BOS>').slice(0, 3), [274, 2, 1]);
});

tokenizer('the closing token comes even where tokenizer.json leaves it to Python', () => {
  for (const model of ['tiny-siglip', 'tiny-siglip2'] as const) {
    const full = textTower(model);
    const json = full.parsed.tokenizer as object;
    const whole = new TextEncoder(full);
    const stripped = new TextEncoder({
      ...full,
      parsed: { ...full.parsed, tokenizer: { ...json, post_processor: null } },
    });
    for (const { text } of goldenTexts(model)) assert.equal(stripped.encode(text), whole.encode(text), text);
  }
});

tokenizer(
  'SigLIP, any text: filled to the length, closed, ids of the vocabulary, the same every time',
  () => {
    for (const model of ['tiny-siglip', 'tiny-siglip2'] as const) {
      const tower = textTower(model);
      const encoderOf = new TextEncoder(tower);
      const eos = 1;
      fc.assert(
        fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
          const ids = encoderOf.encode(text);
          assert.is(ids.length, tower.maxLength);
          assert.ok(ids.every((id) => Number.isInteger(id) && id >= 0 && id < 640));
          const end = ids.findIndex(
            (id, i) => ids.slice(i + 1).every((later) => later === tower.padId) && id === eos,
          );
          assert.ok(end >= 0, 'closed');
          assert.equal(encoderOf.encode(text), ids);
        }),
      );
    }
  },
);

tokenizer('files that are no tokenizer: MODEL_INVALID with the path', () => {
  for (const content of [[], null, {}, { model: {} }, 'text']) {
    const parsed = { ...tower.parsed, tokenizer: content };
    const error = thrownBy(() => new TextEncoder({ ...tower, parsed }));
    assert.is(error.code, 'MODEL_INVALID');
    assert.match(error.message, tower.tokenizer);
  }
});

tokenizer(
  'a text that overflows the stack of the tokenizer: INVALID_ARGUMENT, and the next text is fine',
  () => {
    const encoderOf = new TextEncoder(textTower('tiny-siglip'));
    const error = thrownBy(() => encoderOf.encode('x'.repeat(500_000)));
    assert.is(error.code, 'INVALID_ARGUMENT');
    assert.match(error.message, /500000 characters.*[Ss]horten/);
    assert.equal(encoderOf.encode('a cat').slice(0, 2), [3, 220]);
  },
);

tokenizer('the longest text that is let in is taken apart, whatever is in it', () => {
  for (const encoderOf of [
    encoder,
    new TextEncoder(textTower('tiny-siglip')),
    new TextEncoder(textTower('tiny-siglip2')),
  ])
    for (const piece of ['x', 'a ', '\u{1F600}', '\u0E33', '<bos>'])
      encoderOf.encode(piece.repeat(MAX_TEXT_CHARACTERS).slice(0, MAX_TEXT_CHARACTERS));
});

tokenizer.run();
