// Graphs of float16 in every place where a graph is run: workers, texts, shared weights, verification, int8.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision, optimizeModel, verifyModel } from '../dist/esm/index.js';
import { fromFloat16, toFloat16 } from '../dist/esm/inference/float16.js';
import { openTower } from '../dist/esm/inference/open-tower.js';
import { TowerSession, imageTensor } from '../dist/esm/inference/session.js';
import { prepareGraph } from '../dist/esm/models/prepared/prepare.js';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { refused, sameBits } from './helpers/assertions.js';
import { TINY_MODEL, fixture, noise, photo } from './helpers/fixtures.js';
import { writeHalfModel } from './helpers/half-model.js';
import { SESSION_OPTIONS, scratchFolder, tinyRequest } from './helpers/prepared.js';

const model = join(scratchFolder(), 'half');
await writeHalfModel(TINY_MODEL, model);
const GRAPH = join(model, 'onnx', 'vision_model.onnx');
const pixels = Float32Array.from({ length: 3 * 64 * 64 }, (_, i) => Math.sin(i));

function halved(values: Float32Array): Float32Array {
  const bits = new Uint16Array(values.length);
  toFloat16(values, bits);
  return fromFloat16(bits);
}

const float16 = suite('models of float16');

float16('what goes in and what comes out is rounded, and nothing else', async () => {
  const [half, whole] = [
    await TowerSession.open(GRAPH, 'pixel_values', SESSION_OPTIONS),
    await TowerSession.open(join(TINY_MODEL, 'onnx', 'vision_model.onnx'), 'pixel_values', SESSION_OPTIONS),
  ];
  const [exact] = await whole.run(imageTensor(halved(pixels), 64, 64));
  sameBits((await half.run(imageTensor(pixels, 64, 64)))[0]!, halved(exact!));
  await Promise.all([half.release(), whole.release()]);
});

float16('images and texts, several in a run, close to those of float32', async () => {
  const half = await SemanticVision.create({ model, workers: 2, intraOpNumThreads: 1 });
  const whole = await SemanticVision.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1 });
  const image = photo('two-dogs');
  const first = await half.embedImage(image);
  assert.ok(half.similarity(first.vector, (await whole.embedImage(image)).vector) > 0.99999);
  for (let i = 0; i < 4; i++) await half.embedImage(noise(i));
  const texts = ['a dog', 'two cats', 'a house by the sea', 'bread', 'an old clock on a wall'];
  const [halves, wholes] = [await half.embedTexts(texts), await whole.embedTexts(texts)];
  texts.forEach((text, i) => assert.ok(half.similarity(halves[i]!, wholes[i]!.vector) > 0.99999, text));
  await Promise.all([half.close(), whole.close()]);
  const again = await SemanticVision.create({ model, workers: 1, intraOpNumThreads: 1 });
  sameBits((await again.embedImage(image)).vector, first.vector);
  await again.close();
});

float16('the prepared form of a graph, with shared weights, computes the same', async () => {
  const hasher = new Hasher();
  const request = { ...tinyRequest(scratchFolder(), hasher), path: GRAPH, source: 'half/image' };
  const { graph, outcome, reason, release } = await prepareGraph(request);
  assert.is(outcome, 'built', reason);
  const towers = [
    await openTower(GRAPH, graph, 'pixel_values', SESSION_OPTIONS),
    await openTower(GRAPH, undefined, 'pixel_values', SESSION_OPTIONS),
  ] as const;
  assert.equal(
    towers.map(({ shared }) => shared),
    [true, false],
  );
  const [prepared, plain] = await Promise.all(
    towers.map(async ({ session }) => (await session.run(imageTensor(pixels, 64, 64)))[0]!),
  );
  sameBits(prepared!, plain!);
  await Promise.all(towers.map(({ session }) => session.release()));
  release();
  await hasher.close();
});

float16('verifyModel takes it; int8 says what to ask for instead', async () => {
  const cacheDir = scratchFolder();
  assert.ok((await verifyModel(model, { cacheDir })).ok);
  await refused(optimizeModel(model, { cacheDir }), 'MODEL_INVALID', /takes float16.*"dtype" to "fp32"/);
});

float16('the keys that fast processors write beside the others change no bit of a vector', async () => {
  const folder = scratchFolder();
  copyFileSync(fixture('cases/vision-fp16-input.onnx'), join(folder, 'model.onnx'));
  const fast = readFileSync(fixture('cases/model-configs/siglip-fast.preprocessor_config.json'));
  const usual = readFileSync(fixture('tiny-siglip/preprocessor_config.json'));
  const vectors: Float32Array[] = [];
  for (const config of [usual, fast]) {
    writeFileSync(join(folder, 'preprocessor_config.json'), config);
    const vision = await SemanticVision.create({ model: folder, workers: 1 });
    vectors.push((await vision.embedImage(photo('two-dogs'))).vector);
    await vision.close();
  }
  sameBits(vectors[1]!, vectors[0]!);
});

float16.run();
