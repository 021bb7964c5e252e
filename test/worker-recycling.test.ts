// Workers that die: only the request under way fails, the worker is replaced, the pool goes on.
import { liveThreads } from './helpers/threads.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision } from '../dist/esm/index.js';
import { refused, sameBits, settles, until } from './helpers/assertions.js';
import { TINY_MODEL, noise, photo } from './helpers/fixtures.js';

let seed = 0;
const fresh = () => noise(20_000 + ++seed);

const recycling = suite('worker recycling');

recycling('a worker that dies under its request fails that one alone and is replaced', async () => {
  const vision = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1 });
  const before = await vision.embedImage(photo('two-dogs'));
  assert.is(liveThreads().filter(({ threadId }) => threadId > 0).length >= 1, true);
  const [worker] = liveThreads().slice(-1);
  const doomed = vision.embedImage(fresh());
  const waiting = [fresh(), fresh(), fresh()].map((image) => vision.embedImage(image));
  await until(() => vision.stats().queue.running === 1 && vision.stats().queue.interactive === 3, 'a full queue');
  void worker!.terminate();
  const error = await settles(refused(doomed, 'WORKER_FAILED', /retried/), 'the doomed request');
  assert.ok(error.cause instanceof Error);
  for (const { vector } of await settles(Promise.all(waiting), 'the others')) assert.is(vector.length, 768);
  const { workerFailures, failed, queue, imagesEmbedded } = vision.stats();
  assert.equal([workerFailures, failed, imagesEmbedded], [1, 1, 4]);
  assert.equal(queue, { interactive: 0, bulk: 0, running: 0 });
  const again = await vision.embedImage(photo('bird-lamp'));
  assert.is(again.vector.length, 768);
  assert.is((await vision.embedImage(photo('two-dogs'))).cached, true);
  sameBits((await vision.embedImage(photo('two-dogs'))).vector, before.vector);
  await settles(vision.close(), 'close');
  await until(() => liveThreads().length === 0, 'no thread left');
});

recycling('all callers of a coalesced request learn of it; a retry works', async () => {
  const vision = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1 });
  const image = fresh();
  const requests = [1, 2, 3].map(() => vision.embedImage(image));
  await until(() => vision.stats().queue.running === 1, 'a running request');
  void liveThreads().at(-1)!.terminate();
  for (const request of requests) await settles(refused(request, 'WORKER_FAILED'), 'a coalesced request');
  assert.is(vision.stats().workerFailures, 1);
  assert.is((await settles(vision.embedImage(image), 'the retry')).cached, false);
  await settles(vision.close(), 'close');
});

recycling('an idle worker that dies harms nobody', async () => {
  const vision = await SemanticVision.create({ model: TINY_MODEL, workers: 2, intraOpNumThreads: 1 });
  for (let round = 0; round < 3; round++) {
    const [worker] = liveThreads().slice(-1);
    await worker!.terminate();
    const results = await settles(
      Promise.allSettled(Array.from({ length: 6 }, () => vision.embedImage(fresh()))),
      'requests after a death',
    );
    for (const result of results) assert.is(result.status, 'fulfilled', JSON.stringify(result));
  }
  await settles(vision.close(), 'close');
});

recycling('all workers die at once, under load, again and again', async () => {
  const vision = await SemanticVision.create({ model: TINY_MODEL, workers: 2, intraOpNumThreads: 1 });
  let served = 0;
  for (let round = 0; round < 4; round++) {
    const requests = Array.from({ length: 24 }, () => vision.embedImage(noise(30_000 + ++seed, 256)));
    await until(() => vision.stats().queue.running === 2, 'busy workers');
    for (const worker of liveThreads()) void worker.terminate();
    const results = await settles(Promise.allSettled(requests), 'every request settles');
    for (const result of results) {
      if (result.status === 'fulfilled') served++;
      else await refused(Promise.reject(result.reason as Error), 'WORKER_FAILED');
    }
    assert.ok(results.filter(({ status }) => status === 'rejected').length <= 2, 'only what was running fails');
  }
  assert.ok(served >= 4 * 22);
  assert.equal(vision.stats().queue, { interactive: 0, bulk: 0, running: 0 });
  await settles(vision.close(), 'close');
  await until(() => liveThreads().length === 0, 'no thread left');
});

recycling('a death in the middle of a stream is one bad result', async () => {
  const vision = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1 });
  const codes: string[] = [];
  for await (const result of vision.embedImages([fresh(), fresh(), fresh(), fresh(), fresh()], { concurrency: 2 })) {
    codes.push(result.ok ? 'ok' : result.error.code);
    if (codes.length === 1) {
      await until(() => vision.stats().queue.running === 1, 'a running request');
      void liveThreads().at(-1)!.terminate();
    }
  }
  assert.is(codes.length, 5);
  assert.equal(codes.filter((code) => code !== 'ok'), ['WORKER_FAILED']);
  await settles(vision.close(), 'close');
});

recycling('close while the last worker dies still ends', async () => {
  const vision = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1 });
  const doomed = refused(vision.embedImage(fresh()), 'WORKER_FAILED');
  await until(() => vision.stats().queue.running === 1, 'a running request');
  const closing = vision.close();
  void liveThreads().at(-1)!.terminate();
  await settles(Promise.all([doomed, closing]), 'close');
  await until(() => liveThreads().length === 0, 'no thread left');
});

recycling('a worker that dies while the pool starts: create rejects and leaves no thread', async () => {
  const starting = SemanticVision.create({ model: TINY_MODEL, workers: 2, intraOpNumThreads: 1 });
  await until(() => liveThreads().length >= 2, 'starting threads');
  for (const worker of liveThreads()) void worker.terminate();
  await settles(
    starting.then(
      (vision) => vision.close(), // the replacement came in time
      (error: unknown) => refused(Promise.reject(error as Error), 'WORKER_FAILED'),
    ),
    'create',
  );
  await until(() => liveThreads().length === 0, 'no thread left');
});

recycling('a model that cannot be opened: create rejects and leaves no thread', async () => {
  const { mkdtempSync, cpSync, writeFileSync, rmSync } = await import('node:fs');
  const { tmpdir } = await import('node:os');
  const { join } = await import('node:path');
  const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-broken-'));
  cpSync(TINY_MODEL, folder, { recursive: true });
  writeFileSync(join(folder, 'onnx', 'vision_model.onnx'), 'no model');
  await refused(SemanticVision.create({ model: folder, workers: 2 }), 'MODEL_INVALID', /vision_model\.onnx/);
  await until(() => liveThreads().length === 0, 'no thread left');
  rmSync(folder, { recursive: true });
});

recycling('an aborted creation leaves no thread', async () => {
  const controller = new AbortController();
  const starting = SemanticVision.create({ model: TINY_MODEL, workers: 2, signal: controller.signal });
  await until(() => liveThreads().length >= 1, 'starting threads');
  controller.abort();
  await refused(starting, 'ABORTED');
  await until(() => liveThreads().length === 0, 'no thread left');
});

recycling.run();
