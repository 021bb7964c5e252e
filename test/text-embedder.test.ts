// Texts to raw vectors: the reference's numbers, and the same bits however texts are put together.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import fc from 'fast-check';
import { TextEmbedder } from '../dist/esm/inference/text-embedder.js';
import { sameBits } from './helpers/assertions.js';
import { fixture } from './helpers/fixtures.js';
import { goldenTexts, textTower } from './helpers/texts.js';

const OPTIONS = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 };

const embedder = suite('TextEmbedder');

for (const [model, canonicalization, pooled] of [
  ['tiny-siglip', 'siglip', 'pooled'],
  ['tiny-siglip2', 'none', 'pooled'],
  ['tiny-siglip2', 'lowercase', 'pooledLowercase'],
] as const) {
  embedder(
    `${model}, ${canonicalization}: pooled outputs within 1e-4 of the reference, all at once`,
    async () => {
      const texts = goldenTexts(model);
      const tower = await TextEmbedder.open({ ...textTower(model), canonicalization }, OPTIONS);
      const vectors = await tower.embed(texts.map(({ text }) => text));
      assert.is(vectors.length, texts.length);
      let most = 0;
      texts.forEach((golden, i) => {
        const expected = golden[pooled]!;
        assert.is(vectors[i]!.length, expected.length);
        vectors[i]!.forEach((value, j) => (most = Math.max(most, Math.abs(value - expected[j]!))));
      });
      assert.ok(most <= 1e-4, `largest difference ${most}`);
      await tower.release();
    },
  );
}

for (const model of ['tiny-siglip', 'tiny-siglip2'] as const) {
  embedder(
    `${model}: a text gives the same bits alone, in any company, and where batches are off`,
    async () => {
      const texts = goldenTexts(model).map(({ text }) => text);
      const tower = await TextEmbedder.open(textTower(model), OPTIONS);
      const single = await TextEmbedder.open({ ...textTower(model), batch: false }, OPTIONS);
      const alone: Float32Array[] = [];
      for (const text of texts) alone.push(...(await single.embed([text])));
      const indices = fc.array(fc.nat(texts.length - 1), { maxLength: 11 });
      await fc.assert(
        fc.asyncProperty(indices, async (chosen) => {
          for (const embed of [tower, single]) {
            const vectors = await embed.embed(chosen.map((i) => texts[i]!));
            assert.is(vectors.length, chosen.length);
            chosen.forEach((i, j) => sameBits(vectors[j]!, alone[i]!, texts[i]));
          }
        }),
        { numRuns: 50 },
      );
      await Promise.all([tower.release(), single.release()]);
    },
  );
}

embedder('a graph whose rows depend on each other is found out and never batched again', async () => {
  const model = fixture('graphs/text_batch_dependent.onnx');
  const tower = await TextEmbedder.open({ ...textTower('tiny-siglip'), model }, OPTIONS);
  const texts = ['a cat', 'dogs', 'a photo of 2 cats', 'rivers', 'horses'];
  for (let round = 0; round < 2; round++) {
    const vectors = await tower.embed(texts);
    for (const [i, text] of texts.entries()) sameBits(vectors[i]!, (await tower.embed([text]))[0]!, text);
  }
  await tower.release();
});

embedder('a graph of one row is run text by text', async () => {
  const model = fixture('graphs/text_fixed_batch.onnx');
  const tower = await TextEmbedder.open({ ...textTower('tiny-siglip'), model }, OPTIONS);
  const vectors = await tower.embed(['a cat', '', 'a cat', 'a dog']);
  assert.equal([...vectors[0]!.slice(0, 3)], [3, 220, 1]);
  assert.equal([...vectors[1]!], new Array(16).fill(1));
  assert.equal(await tower.embed([]), []);
  await tower.release();
});

embedder.run();
