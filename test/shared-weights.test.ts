// Workers over shared weights: both towers, workers that die, and what the facade says about it.
import { liveThreads, poison } from './helpers/threads.js';
import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision } from '../dist/esm/index.js';
import { Digests } from '../dist/esm/models/digests.js';
import { loadModel } from '../dist/esm/models/load-model.js';
import { resolveModelRequest } from '../dist/esm/models/model-options.js';
import { prepareGraph } from '../dist/esm/models/prepared/prepare.js';
import { SharedWeights } from '../dist/esm/models/prepared/shared-weights.js';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { WorkerPool } from '../dist/esm/pool/pool.js';
import { refused, sameBits, settles, until } from './helpers/assertions.js';
import { TINY_MODEL, noise, photo } from './helpers/fixtures.js';
import { SESSION_OPTIONS, largeModel, scratchFolder, tinyRequest } from './helpers/prepared.js';

process.env.HF_ASSETS_CACHE = scratchFolder();
const hasher = new Hasher();
const digests = new Digests(hasher);
const model = largeModel();

const shared = suite('shared weights');

shared('a worker that dies is replaced by one that maps the same weights', async () => {
  const vision = await SemanticVision.create({ model, workers: 2, intraOpNumThreads: 1 });
  assert.equal(vision.stats().weights.image, { shared: true });
  const before = await vision.embedImage(photo('two-dogs'));
  for (let round = 0; round < 3; round++) {
    await until(() => liveThreads().length === 2, 'two workers');
    for (const worker of liveThreads()) poison(worker);
    const doomed = [0, 1].map((i) => vision.embedImage(noise(10 * round + i)));
    await Promise.all(
      doomed.map((request) => settles(refused(request, 'WORKER_FAILED'), 'a doomed request')),
    );
    await settles(vision.embedImage(noise(10 * round + 5)), 'the next request');
  }
  await vision.close();
  const again = await SemanticVision.create({ model, workers: 1, intraOpNumThreads: 2 });
  sameBits((await again.embedImage(photo('two-dogs'))).vector, before.vector);
  await again.close();
});

shared('the text tower is prepared when the first text comes, where the option cacheDir says', async () => {
  const cacheDir = scratchFolder();
  const root = join(cacheDir, 'semantic-vision', 'prepared');
  const vision = await SemanticVision.create({ model, cacheDir, workers: 2, intraOpNumThreads: 1 });
  assert.is(readdirSync(root).length, 1);
  assert.match(vision.stats().weights.text.reason!, /no text has been embedded/);
  const texts = ['a dog', 'two cats', 'a house by the sea', 'bread', 'an old clock on a wall'];
  const [first, ...embeddings] = [
    await vision.embedText(texts[0]!),
    ...(await vision.embedTexts(texts)),
    await vision.embedText('one more'),
  ];
  assert.equal(vision.stats().weights, { image: { shared: true }, text: { shared: true } });
  assert.is(readdirSync(root).length, 2);
  await vision.close();
  const plain = await SemanticVision.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1 });
  const expected = await plain.embedTexts([...texts, 'one more']);
  embeddings.forEach(({ vector }, i) => sameBits(vector, expected[i]!.vector, texts[i]));
  sameBits(first.vector, expected[0]!.vector);
  assert.is(plain.stats().weights.text.shared, false);
  await plain.close();
});

shared('an aborted creation ends the build', async () => {
  const controller = new AbortController();
  const fresh = largeModel();
  // Another graph, by one byte of its comment.
  appendFileSync(join(fresh, 'onnx', 'vision_model.onnx'), Buffer.from([0x32, 1, 0x78]));
  const root = join(process.env.HF_ASSETS_CACHE!, 'semantic-vision', 'prepared');
  const before = readdirSync(root);
  const creating = SemanticVision.create({ model: fresh, workers: 1, signal: controller.signal });
  await until(() => readdirSync(root).some((name) => name.endsWith('.tmp')), 'the build');
  controller.abort();
  await refused(creating, 'ABORTED');
  await until(() => readdirSync(root).length === before.length, 'nothing left of the build');
});

shared('the bundled model is too small to be prepared, and says so', async () => {
  const vision = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1 });
  assert.is(vision.stats().weights.image.shared, false);
  assert.match(vision.stats().weights.image.reason!, /small/);
  assert.match(vision.stats().weights.text.reason!, /no text has been embedded/);
  await vision.embedText('a dog');
  assert.match(vision.stats().weights.text.reason!, /small/);
  await vision.close();
});

shared('both towers of a model, over the pool: the same vectors as without', async () => {
  const { found, text, preprocess } = await loadModel(resolveModelRequest({}), digests);
  const visionModel = found.vision.path;
  const directory = scratchFolder();
  const request = { ...tinyRequest(directory, hasher), sessionOptions: SESSION_OPTIONS };
  const { height, width } = preprocess.cropSize;
  const [image, words] = [
    await prepareGraph({
      ...request,
      path: visionModel,
      source: 'image',
      probe: { input: 'pixel_values', height, width },
    }),
    await prepareGraph({
      ...request,
      path: text!.model,
      source: 'text',
      probe: { input: 'input_ids' },
    }),
  ];
  const decode = { autoOrient: true, limitInputPixels: 1e6, decode: 'exact' as const };
  const run = async (prepared: boolean) => {
    const visionPrepared = prepared ? image.graph : undefined;
    const config = {
      visionModel,
      visionPrepared,
      text,
      preprocess,
      sessionOptions: SESSION_OPTIONS,
      decode,
      isolation: 'none' as const,
    };
    const pool = await WorkerPool.start({ workers: 2, maxQueue: 9, config });
    assert.is(pool.shared, prepared);
    assert.is(pool.dimensions, 768);
    const pixels = { kind: 'pixels' as const, hash: 'noise', ...noise(1, 64) };
    const { vector } = await pool.submit(pixels, 'bulk', true).result;
    const job = { kind: 'texts' as const, texts: ['a dog'], prepared: prepared ? words.graph : undefined };
    const { vectors, shared: sharedText } = await pool.submit(job, 'bulk', true).result;
    assert.is(sharedText, prepared);
    await pool.close();
    return [vector, vectors];
  };
  const [withOut, withThem] = [await run(false), await run(true)];
  withThem.forEach((vector, i) => sameBits(vector, withOut[i]!));
  for (const { release } of [image, words]) release();
});

shared('a tower that a worker refused is reported once and removed', async () => {
  const loaded = await loadModel(resolveModelRequest({ model, text: false }), digests);
  const weights = new SharedWeights(loaded, SESSION_OPTIONS, digests, {});
  const [one, two] = await Promise.all([weights.prepare('image'), weights.prepare('image')]);
  assert.is(one, two);
  assert.is(await weights.prepare('text'), undefined);
  await weights.opened('image', true);
  assert.equal(weights.stats().image, { shared: true });
  await weights.opened('image', false);
  await weights.opened('image', false);
  assert.is(weights.stats().image.shared, false);
  assert.match(weights.stats().image.reason!, /made again/);
  await weights.close();
});

shared.after(() => hasher.close());
shared.run();
