// Labels to sentences, similarities to probabilities.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_TEMPLATE, labelMatrix, labelTexts, rankLabels } from '../dist/esm/zero-shot.js';
import { refused } from './helpers/assertions.js';

const texts = suite('labelTexts');

texts('the label stands where {} is, as often as it is, whatever it holds', () => {
  assert.equal(labelTexts(['cat', 'dog']), ['This is a photo of cat.', 'This is a photo of dog.']);
  assert.equal(labelTexts(['$& {}'], '{}: {}'), ['$& {}: $& {}']);
  assert.ok(DEFAULT_TEMPLATE.includes('{}'));
});

texts('no labels, empty or other ones, a template without a place', async () => {
  const wrong: [unknown, unknown, RegExp][] = [
    [[], undefined, /at least one label/],
    ['cat', undefined, /labels/],
    [['cat', ' '], undefined, /labels\[1\]/],
    [['cat', 1], undefined, /labels\[1\]/],
    [['cat'], 'a photo', /\{\}/],
    [['cat'], 7, /template/],
  ];
  for (const [labels, template, message] of wrong) {
    await refused(() => labelTexts(labels as string[], template as string), 'INVALID_ARGUMENT', message);
  }
});
texts.run();

const ranking = suite('rankLabels');
const image = Float32Array.of(0.6, 0.8);
const logits = { scale: 10, bias: -5 };

ranking('a sigmoid a label, not a softmax; best first, equal ones in order', async () => {
  const matrix = labelMatrix([
    Float32Array.of(0.8, -0.6),
    Float32Array.of(0.6, 0.8),
    Float32Array.of(-0.8, 0.6),
  ]);
  const ranked = await rankLabels(image, ['none', 'same', 'also none'], matrix, logits);
  assert.equal(
    ranked.map(({ label }) => label),
    ['same', 'none', 'also none'],
  );
  const [best, second] = ranked;
  assert.ok(Math.abs(best!.similarity - 1) < 1e-6);
  assert.ok(Math.abs(best!.probability - 1 / (1 + Math.exp(-5))) < 1e-6);
  assert.ok(Math.abs(second!.probability - 1 / (1 + Math.exp(5))) < 1e-6);
});

ranking('text vectors of another length', async () => {
  await refused(rankLabels(image, ['a'], labelMatrix([Float32Array.of(1)]), logits), 'MODEL_INVALID');
});

ranking('ten thousand labels leave the event loop its turns', async () => {
  const rows = Array.from({ length: 10_000 }, () => new Float32Array(768).fill(0.036));
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await rankLabels(
    new Float32Array(768).fill(0.036),
    rows.map((_, i) => String(i)),
    labelMatrix(rows),
    logits,
  );
  clearInterval(timer);
  assert.ok(turns >= 1);
});
ranking.run();
