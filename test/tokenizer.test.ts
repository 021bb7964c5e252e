// Text to token ids with the bundled tokenizer.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TextEncoder } from '../dist/esm/inference/tokenizer.js';
import { refused } from './helpers/assertions.js';
import { ROOT } from './helpers/fixtures.js';

const BUNDLED = join(ROOT, 'models', 'bundled');
const tower = {
  model: join(BUNDLED, 'text_model.onnx'),
  tokenizer: join(BUNDLED, 'tokenizer.json'),
  tokenizerConfig: join(BUNDLED, 'tokenizer_config.json'),
  maxLength: 64,
};
const encoder = await TextEncoder.open(tower);

const tokenizer = suite('TextEncoder');

tokenizer('the same text gives the same ids; other words give others', () => {
  assert.equal(encoder.encode('a dog'), encoder.encode('a dog'));
  assert.not.equal(encoder.encode('a dog'), encoder.encode('a cat'));
  assert.ok(encoder.encode('a dog').every(Number.isInteger));
});

tokenizer('never more than maxLength ids; the last one is that of the whole text', async () => {
  const whole = await TextEncoder.open({ ...tower, maxLength: 1e6 });
  for (const maxLength of [1, 2, 16, 64]) {
    const short = await TextEncoder.open({ ...tower, maxLength });
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

tokenizer('files that are missing or no tokenizer: MODEL_INVALID with the path', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-tokenizer-'));
  const broken = join(folder, 'tokenizer.json');
  for (const content of ['', '{', '[]', 'null', '{}', '{"model":{}}']) {
    writeFileSync(broken, content);
    await refused(TextEncoder.open({ ...tower, tokenizer: broken }), 'MODEL_INVALID', /tokenizer\.json/);
  }
  await refused(
    TextEncoder.open({ ...tower, tokenizer: join(folder, 'missing.json') }),
    'MODEL_INVALID',
    /missing/,
  );
  rmSync(folder, { recursive: true });
});

tokenizer.run();
