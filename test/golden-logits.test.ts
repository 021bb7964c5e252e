// Logits and probabilities of every golden image and text, through the public API: same pixels in, the reference's numbers out.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision } from '../dist/esm/semantic-vision.js';
import { fixture, fixtureJson } from './helpers/fixtures.js';

interface Expected {
  images: string[];
  texts: string[];
  /** The reference's logits are those of the text as it is, ours those of the lower-cased one. */
  lowercaseDiffers: boolean[];
  logits: number[][];
  probabilities: number[][];
}

const TOLERANCE = 1e-3;
const logits = suite('golden logits');

// The combined graph of the one holds scale and bias; for the other they are given with its files.
const siglip = {
  visionModel: fixture('tiny-siglip/onnx/vision_model.onnx'),
  textModel: fixture('tiny-siglip/onnx/text_model.onnx'),
  preprocessorConfig: fixture('tiny-siglip/preprocessor_config.json'),
  config: fixture('tiny-siglip/config.json'),
  tokenizer: fixture('tiny-siglip/tokenizer.json'),
  tokenizerConfig: fixture('tiny-siglip/tokenizer_config.json'),
  logits: { scale: Math.exp(4.77), bias: -12.9 },
};

for (const [name, model, variant, size] of [
  ['tiny-siglip', siglip, 'bicubic64', 64],
  ['tiny-siglip2', fixture('tiny-siglip2'), 'bilinear96', 96],
] as const) {
  logits(`${name}: within 1e-3 for all pairs, probabilities too`, async () => {
    const expected = fixtureJson(`${name}/logits.json`) as Expected;
    await using vision = await SemanticVision.create({ model, workers: 1 });
    const texts = await vision.embedTexts(expected.texts);
    // Empty labels are refused, and a label is classified once.
    const columns = expected.texts
      .map((text, i) => ({ text, i }))
      .filter(({ text, i }) => text.trim() !== '' && expected.lowercaseDiffers[i] !== true);
    const labels = columns.map(({ text }) => text);
    let compared = 0;
    for (const [row, key] of expected.images.entries()) {
      const path = `golden/pixels/${key.replace('#', '__')}.${variant}.rgb.gz`;
      const data = gunzipSync(readFileSync(fixture(path)));
      const image = await vision.embedImage({ data, width: size, height: size, channels: 3 });
      for (const [column, text] of texts.entries()) {
        if (expected.lowercaseDiffers[column] === true) continue;
        const logit = siglip.logits.scale * vision.similarity(image, text) + siglip.logits.bias;
        const difference = Math.abs(logit - expected.logits[row]![column]!);
        assert.ok(difference <= TOLERANCE, `${key}, ${text.text}: ${difference}`);
        compared++;
      }
      const classified = await vision.classify(image, labels, { template: '{}' });
      for (const { label, probability } of classified) {
        const { i } = columns.find(({ text }) => text === label)!;
        const difference = Math.abs(probability - expected.probabilities[row]![i]!);
        assert.ok(difference <= TOLERANCE, `${key}, ${label}: ${difference}`);
      }
    }
    assert.ok(compared >= 69 * 25, `${compared} pairs compared`);
  });
}

logits.run();
