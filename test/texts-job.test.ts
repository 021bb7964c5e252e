// Several texts in one job of the pool.
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePreprocessConfig } from '../dist/esm/image/preprocess-config.js';
import { WorkerPool } from '../dist/esm/pool/pool.js';
import type { TextFiles } from '../dist/esm/pool/protocol.js';
import { refused, sameBits } from './helpers/assertions.js';
import { ROOT, fixture, fixtureJson } from './helpers/fixtures.js';
import { goldenTexts, textFiles } from './helpers/texts.js';

const BUNDLED = join(ROOT, 'models', 'bundled');

function start(text: TextFiles | undefined): Promise<WorkerPool> {
  const preprocess = parsePreprocessConfig(
    fixtureJson('tiny-siglip/preprocessor_config.json'),
    'the fixture',
  );
  return WorkerPool.start({
    workers: 2,
    maxQueue: 100,
    config: {
      visionModel: fixture('tiny-siglip/onnx/vision_model.onnx'),
      text,
      preprocess,
      sessionOptions: { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 },
      decode: { autoOrient: true, limitInputPixels: 1e6, decode: 'exact' },
      isolation: 'none',
    },
  });
}

async function embedOne(pool: WorkerPool, text: string): Promise<Float32Array> {
  const { vectors, failures } = await pool.submit({ kind: 'texts', texts: [text] }, 'interactive', true)
    .result;
  assert.equal(failures, []);
  return vectors;
}

const jobs = suite('texts job');

jobs('one unit vector a text, the same bits as one at a time, from any worker', async () => {
  const pool = await start(textFiles('tiny-siglip'));
  const texts = goldenTexts('tiny-siglip').map(({ text }) => text);
  const together = await Promise.all(
    [0, 1, 2].map(() => pool.submit({ kind: 'texts', texts }, 'bulk', true).result),
  );
  for (const [i, text] of texts.entries()) {
    const vector = await embedOne(pool, text);
    assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-6);
    for (const { vectors, failures } of together) {
      assert.equal(failures, []);
      sameBits(vectors.subarray(i * vector.length, (i + 1) * vector.length), vector, text);
    }
  }
  const none = await pool.submit({ kind: 'texts', texts: [] }, 'bulk', true).result;
  assert.equal([none.vectors.length, none.failures], [0, []]);
  await pool.close();
});

jobs('a text without an embedding fails by itself', async () => {
  const pool = await start({
    model: join(BUNDLED, 'text_model.onnx'),
    config: join(BUNDLED, 'config.json'),
    tokenizer: join(BUNDLED, 'tokenizer.json'),
    tokenizerConfig: join(BUNDLED, 'tokenizer_config.json'),
    batch: false,
  });
  const texts = ['a dog', '', 'a cat'];
  const { vectors, failures } = await pool.submit({ kind: 'texts', texts }, 'bulk', true).result;
  assert.equal(
    failures.map(({ index, code }) => [index, code]),
    [[1, 'TEXT_NOT_UNDERSTOOD']],
  );
  const dimensions = vectors.length / 3;
  assert.ok(vectors.subarray(dimensions, 2 * dimensions).every((value) => value === 0));
  sameBits(vectors.subarray(2 * dimensions), await embedOne(pool, 'a cat'));
  const nothing = await pool.submit({ kind: 'texts', texts: [''] }, 'bulk', true).result;
  assert.is(nothing.failures[0]?.code, 'TEXT_NOT_UNDERSTOOD');
  await pool.close();
});

jobs('a text that overflows the stack of the tokenizer spares its neighbours and the worker', async () => {
  const pool = await start(textFiles('tiny-siglip'));
  const long = 'x'.repeat(500_000);
  const { vectors, failures } = await pool.submit({ kind: 'texts', texts: [long, 'a cat'] }, 'bulk', true)
    .result;
  assert.equal(
    failures.map(({ index, code }) => [index, code]),
    [[0, 'INVALID_ARGUMENT']],
  );
  sameBits(vectors.subarray(vectors.length / 2), await embedOne(pool, 'a cat'));
  const none = await pool.submit({ kind: 'texts', texts: [long] }, 'bulk', true).result;
  assert.equal([none.vectors.length, none.failures.length], [0, 1]);
  assert.is(pool.stats().failures, 0);
  await pool.close();
});

jobs('a model without a text tower, or with a broken one: the job fails, the pool goes on', async () => {
  const imagesOnly = await start(undefined);
  await refused(imagesOnly.submit({ kind: 'texts', texts: ['a'] }, 'bulk', true).result, 'TEXT_UNSUPPORTED');
  await imagesOnly.close();
  const files = textFiles('tiny-siglip');
  const unknown = await start({ ...files, config: fixture('tiny-siglip/preprocessor_config.json') });
  await refused(unknown.submit({ kind: 'texts', texts: ['a'] }, 'bulk', true).result, 'TEXT_UNSUPPORTED');
  await unknown.close();
  const broken = await start({ ...files, model: fixture('tiny-siglip/onnx/vision_model.onnx') });
  for (let i = 0; i < 4; i++) {
    await refused(broken.submit({ kind: 'texts', texts: ['a'] }, 'bulk', true).result, 'MODEL_INVALID');
  }
  assert.is(broken.stats().failures, 0);
  await broken.close();
});

jobs.run();
