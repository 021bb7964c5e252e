// Zero-shot classification and search by text, with the bundled model on real photos.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision, VectorIndex } from '../dist/esm/index.js';
import { refused } from './helpers/assertions.js';
import { TINY_MODEL, photo } from './helpers/fixtures.js';

const vision = await SemanticVision.create({ workers: 1 });
const tiny = await SemanticVision.create({ model: TINY_MODEL, workers: 1 });

const zeroShot = suite('zero-shot');

zeroShot('the right label for photos that the bundled model can tell', async () => {
  const labels = ['dog', 'cat', 'mountain', 'boat', 'cup of coffee', 'rocket'];
  for (const [name, expected] of [
    ['two-dogs', 'dog'],
    ['cat-face', 'cat'],
    ['mountain-peaks', 'mountain'],
    ['harbour-boats', 'boat'],
    ['coffee-cup', 'cup of coffee'],
    ['rocket-launchpad', 'rocket'],
  ] as const) {
    const ranked = await vision.classify(photo(name), labels);
    assert.is(ranked[0]?.label, expected, name);
    assert.is(ranked.length, labels.length);
    assert.ok(ranked.every(({ probability }) => probability >= 0 && probability <= 1));
  }
});

zeroShot(
  'probability follows similarity; an embedding will do; a set of labels is embedded once',
  async () => {
    const image = await vision.embedImage(photo('two-dogs'));
    const before = vision.stats().textsEmbedded;
    const template = 'a picture of the {}';
    const first = await vision.classify(image, ['wolf', 'spoon'], { template });
    const second = await vision.classify(image, ['wolf', 'spoon'], { template });
    assert.equal(first, second);
    assert.is(vision.stats().textsEmbedded, before + 2);
    const text = await vision.embedText('a picture of the wolf');
    const wolf = first.find(({ label }) => label === 'wolf')!;
    assert.is(wolf.similarity, vision.similarity(image, text));
  },
);

zeroShot('wrong labels, another model’s embedding, an aborted request', async () => {
  await refused(vision.classify(photo('two-dogs'), []), 'INVALID_ARGUMENT', /label/);
  const other = await tiny.embedImage(photo('two-dogs'));
  await refused(vision.classify(other, ['dog']), 'MODEL_MISMATCH');
  const signal = AbortSignal.abort();
  await refused(vision.classify(photo('two-dogs'), ['dog'], { signal }), 'ABORTED');
  const unknown = vision.classify(photo('two-dogs'), ['dog', '!!!'], { template: '{}' });
  await refused(unknown, 'TEXT_NOT_UNDERSTOOD', /!!!/);
});

zeroShot('search: the images of an index that fit a text', async () => {
  const index = VectorIndex.create({ dimensions: vision.model.dimensions });
  for (const name of ['two-dogs', 'coffee-cup', 'mountain-peaks']) {
    index.add(name, await vision.embedImage(photo(name)));
  }
  const [best, ...rest] = await vision.search(index, 'a cup of coffee', { k: 2 });
  assert.is(best?.id, 'coffee-cup');
  assert.is(rest.length, 1);
  await index.close();
});
zeroShot.after(async () => {
  await vision.close();
  await tiny.close();
});
zeroShot.run();
