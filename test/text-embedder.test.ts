// Texts to raw vectors: the reference's numbers, and the same bits however texts are put together.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import fc from 'fast-check';
import { VisionError } from '../dist/esm/errors.js';
import { TowerSession } from '../dist/esm/inference/session.js';
import { TextEmbedder } from '../dist/esm/inference/text-embedder.js';
import { refused, sameBits } from './helpers/assertions.js';
import { fixture } from './helpers/fixtures.js';
import { goldenTexts, textTower } from './helpers/texts.js';

const OPTIONS = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 };

/** The vectors of texts that all have one. */
async function vectorsOf(tower: TextEmbedder, texts: readonly string[]): Promise<Float32Array[]> {
  return (await tower.embed(texts)).map((vector) => {
    assert.ok(vector instanceof Float32Array, String(vector));
    return vector;
  });
}

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
      const vectors = await vectorsOf(
        tower,
        texts.map(({ text }) => text),
      );
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
      for (const text of texts) alone.push(...(await vectorsOf(single, [text])));
      const indices = fc.array(fc.nat(texts.length - 1), { maxLength: 11 });
      await fc.assert(
        fc.asyncProperty(indices, async (chosen) => {
          for (const embed of [tower, single]) {
            const vectors = await vectorsOf(
              embed,
              chosen.map((i) => texts[i]!),
            );
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
    const vectors = await vectorsOf(tower, texts);
    for (const [i, text] of texts.entries())
      sameBits(vectors[i]!, (await vectorsOf(tower, [text]))[0]!, text);
  }
  await tower.release();
});

embedder('a graph of one row is run text by text', async () => {
  const model = fixture('graphs/text_fixed_batch.onnx');
  const tower = await TextEmbedder.open({ ...textTower('tiny-siglip'), model }, OPTIONS);
  const vectors = await vectorsOf(tower, ['a cat', '', 'a cat', 'a dog']);
  assert.equal([...vectors[0]!.slice(0, 3)], [3, 220, 1]);
  assert.equal([...vectors[1]!], new Array(16).fill(1));
  assert.equal(await vectorsOf(tower, []), []);
  await tower.release();
});

embedder(
  'a text that cannot be taken apart fails by itself, first, last or in the middle of a batch',
  async () => {
    const tower = await TextEmbedder.open(textTower('tiny-siglip'), OPTIONS);
    const texts = ['a cat', 'dogs', 'a photo of 2 cats', 'rivers', 'horses'];
    const alone = await vectorsOf(tower, texts);
    for (const place of [0, 2, 5]) {
      const outputs = await tower.embed(texts.toSpliced(place, 0, 'x'.repeat(500_000)));
      const [bad] = outputs.splice(place, 1);
      assert.is(bad instanceof VisionError && bad.code, 'INVALID_ARGUMENT');
      outputs.forEach((vector, i) => sameBits(vector as Float32Array, alone[i]!, texts[i]));
    }
    await tower.release();
  },
);

embedder('a tokenizer that is none leaves no session open', async () => {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its session below
  const { release } = TowerSession.prototype;
  let released = 0;
  TowerSession.prototype.release = async function (this: TowerSession) {
    released++;
    await release.call(this);
  };
  const tower = textTower('tiny-siglip');
  const parsed = { ...tower.parsed, tokenizer: {} };
  await refused(TextEmbedder.open({ ...tower, parsed }, OPTIONS), 'MODEL_INVALID', /tokenizer/);
  assert.is(released, 1);
  await refused(
    TextEmbedder.open({ ...tower, parsed, model: 'nowhere' }, OPTIONS),
    'MODEL_INVALID',
    /tokenizer/,
  );
  assert.is(released, 1);
  TowerSession.prototype.release = release;
});

embedder.run();
