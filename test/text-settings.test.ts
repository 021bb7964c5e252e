// What configuration files say about a model's texts.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { join } from 'node:path';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { readTextTower, textSettings } from '../dist/esm/inference/text-settings.js';
import { refused } from './helpers/assertions.js';
import { ROOT, fixtureJson } from './helpers/fixtures.js';
import { textFiles } from './helpers/texts.js';

type Json = Record<string, unknown>;
interface Files {
  config: Json;
  tokenizerConfig: Json;
  tokenizer: Json;
}

const [siglip, siglip2] = ['tiny-siglip', 'tiny-siglip2'].map((model): Files => {
  const read = (name: string) => fixtureJson(`${model}/${name}.json`) as Json;
  return {
    config: read('config'),
    tokenizerConfig: read('tokenizer_config'),
    tokenizer: read('tokenizer'),
  };
}) as [Files, Files];

function settings(files: Files, change: Partial<Files> = {}) {
  const { config, tokenizerConfig, tokenizer } = { ...files, ...change };
  return textSettings(config, tokenizerConfig, tokenizer);
}

const texts = suite('textSettings');

texts('SigLIP: SentencePiece, filled up with the closing token', () => {
  assert.equal(settings(siglip), { maxLength: 16, canonicalization: 'siglip', padId: 1 });
});

texts("SigLIP 2: Gemma's vocabulary, filled up with <pad>, whatever config.json says of it", () => {
  const expected = { maxLength: 16, canonicalization: 'lowercase', padId: 0 };
  assert.equal(settings(siglip2), expected);
  assert.equal(settings(siglip2, { config: { ...siglip2.config, model_type: 'siglip2' } }), expected);
  for (const name of ['GemmaTokenizerFast', 'Siglip2Tokenizer', 'PreTrainedTokenizerFast', undefined]) {
    const tokenizerConfig = { ...siglip2.tokenizerConfig, tokenizer_class: name };
    assert.equal(settings(siglip2, { tokenizerConfig }), expected, name);
  }
});

texts('the bundled model: nothing is done, nothing filled up', () => {
  const read = (name: string) =>
    JSON.parse(readFileSync(join(ROOT, 'models', 'bundled', name), 'utf8')) as unknown;
  assert.equal(textSettings(read('config.json'), read('tokenizer_config.json'), read('tokenizer.json')), {
    maxLength: 64,
    canonicalization: 'none',
    padId: undefined,
  });
});

texts("what the hub's files leave out is the class's default", () => {
  for (const text_config of [undefined, {}, { model_type: 'siglip_text_model' }]) {
    const config = { model_type: 'siglip', text_config };
    for (const model_max_length of [64, 1e30]) {
      const tokenizerConfig = { model_max_length };
      assert.equal(settings(siglip, { config, tokenizerConfig })?.maxLength, 64);
      assert.equal(settings(siglip, { config, tokenizerConfig })?.padId, 1);
      assert.equal(settings(siglip2, { config, tokenizerConfig })?.padId, 0);
    }
  }
});

texts('the padding token may be an object, and in the vocabulary alone', () => {
  const tokenizerConfig = { pad_token: { content: '<pad>' } };
  assert.is(settings(siglip2, { tokenizerConfig })?.padId, 0);
  for (const files of [siglip, siglip2]) {
    const tokenizer = { ...files.tokenizer, added_tokens: [] };
    assert.is(settings(files, { tokenizer })?.padId, settings(files)?.padId);
  }
});

texts('what is not known has no texts: undefined', () => {
  const model = (files: Files, change: Json) => ({
    tokenizer: { ...files.tokenizer, model: { ...(files.tokenizer.model as Json), ...change } },
  });
  const unknown: [string, ReturnType<typeof settings>][] = [
    ['CLIP', settings(siglip, { config: { ...siglip.config, model_type: 'clip' } })],
    ['no model type', settings(siglip, { config: {} })],
    ['WordPiece', settings(siglip, model(siglip, { type: 'WordPiece' }))],
    ['BPE without bytes', settings(siglip2, model(siglip2, { byte_fallback: false }))],
    ['Unigram with bytes', settings(siglip, model(siglip, { byte_fallback: true }))],
    ['SigLIP that keeps case', settings(siglip, { tokenizerConfig: { do_lower_case: false } })],
    ['no such padding token', settings(siglip, { tokenizerConfig: { pad_token: '[PAD]' } })],
    ...[0, -1, 1.5, '64', null].map(
      (max_position_embeddings) =>
        [
          `length ${max_position_embeddings}`,
          settings(siglip, {
            config: { model_type: 'embedded-dual-encoder', text_config: { max_position_embeddings } },
          }),
        ] as [string, ReturnType<typeof settings>],
    ),
  ];
  for (const [why, found] of unknown) assert.is(found, undefined, why);
});

texts('anything at all instead of the files: settings or undefined, never an exception', () => {
  const json = fc.oneof(
    fc.jsonValue(),
    fc.record({
      model_type: fc.constantFrom('siglip', 'siglip2', 'embedded-dual-encoder'),
      text_config: fc.jsonValue(),
    }),
    fc.record({
      model: fc.record({
        type: fc.constantFrom('BPE', 'Unigram'),
        byte_fallback: fc.boolean(),
        vocab: fc.jsonValue(),
      }),
      added_tokens: fc.jsonValue(),
    }),
  );
  fc.assert(
    fc.property(json, json, json, (config, tokenizerConfig, tokenizer) => {
      const found = textSettings(config, tokenizerConfig, tokenizer);
      if (found !== undefined) assert.ok(Number.isInteger(found.maxLength) && found.maxLength > 0);
    }),
  );
});

texts('files that are missing or no JSON are named; what is read is read once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-settings-'));
  const files = textFiles('tiny-siglip');
  const { parsed, padId } = await readTextTower(files);
  assert.equal([parsed.tokenizer, padId], [siglip.tokenizer, 1]);
  for (const key of ['config', 'tokenizer', 'tokenizerConfig'] as const) {
    const path = join(folder, `${key}.json`);
    await refused(readTextTower({ ...files, [key]: path }), 'MODEL_NOT_FOUND', new RegExp(`${key}\\.json`));
    writeFileSync(path, '{');
    await refused(readTextTower({ ...files, [key]: path }), 'MODEL_INVALID', new RegExp(`${key}\\.json`));
  }
  rmSync(folder, { recursive: true });
});

texts.run();
