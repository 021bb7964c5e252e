// Workers that die: only the request under way fails, the worker is replaced, the pool goes on.
import { liveThreads, poison } from './helpers/threads.js';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision } from '../dist/esm/index.js';
import { refused, sameBits, settles, until } from './helpers/assertions.js';
import { TINY_MODEL, noise, photo, withTrailingBytes } from './helpers/fixtures.js';

let seed = 0;
const fresh = () => noise(20_000 + ++seed);

const recycling = suite('worker recycling');

recycling('a worker that dies under its request fails that one alone and is replaced', async () => {
  const vision = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1 });
  const before = await vision.embedImage(photo('two-dogs'));
  poison(liveThreads().at(-1)!);
  const doomed = vision.embedImage(fresh());
  const waiting = [fresh(), fresh(), fresh()].map((image) => vision.embedImage(image));
  const error = await settles(refused(doomed, 'WORKER_FAILED', /retried/), 'the doomed request');
  assert.ok(error.cause instanceof Error);
  for (const { vector } of await settles(Promise.all(waiting), 'the others')) assert.is(vector.length, 768);
  const { workerFailures, failed, queue, imagesEmbedded } = vision.stats();
  assert.equal([workerFailures, failed, imagesEmbedded], [1, 1, 4]);
  assert.equal(queue, { interactive: 0, bulk: 0, running: 0 });
  assert.is((await vision.embedImage(photo('bird-lamp'))).cached, false);
  sameBits(
    (await vision.embedImage(withTrailingBytes(readFileSync(photo('two-dogs')), 1))).vector,
    before.vector,
  );
  await settles(vision.close(), 'close');
  await until(() => liveThreads().length === 0, 'no thread left');
});

recycling('all callers of a coalesced request learn of it; a retry works', async () => {
  const vision = await SemanticVision.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1 });
  const image = fresh();
  poison(liveThreads().at(-1)!);
  const requests = [1, 2, 3].map(() => vision.embedImage(image));
  for (const request of requests) await settles(refused(request, 'WORKER_FAILED'), 'a coalesced request');
  assert.is(vision.stats().workerFailures, 1);
  assert.is((await settles(vision.embedImage(image), 'the retry')).cached, false);
  await settles(vision.close(), 'close');
});

recycling('a text request fails and is retried in the same way', async () => {
  const vision = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1 });
  await vision.embedText('a dog');
  poison(liveThreads().at(-1)!);
  await settles(refused(vision.embedText('a cat'), 'WORKER_FAILED'), 'the doomed text');
  assert.is((await vision.embedText('a cat')).vector.length, 768);
  await settles(vision.close(), 'close');
});

recycling('an idle worker that dies harms nobody', async () => {
  const vision = await SemanticVision.create({ model: TINY_MODEL, workers: 2, intraOpNumThreads: 1 });
  for (let round = 0; round < 3; round++) {
    await liveThreads().at(-1)!.terminate();
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
  for (let round = 1; round <= 4; round++) {
    // Both have to be up and idle, or the poison is not what they die of.
    await until(() => liveThreads().length === 2, 'two workers');
    await Promise.all(Array.from({ length: 4 }, () => vision.embedImage(fresh())));
    for (const worker of liveThreads()) poison(worker);
    const requests = Array.from({ length: 24 }, () => vision.embedImage(fresh()));
    const results = await settles(Promise.allSettled(requests), 'every request settles');
    const failures = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as Error] : [],
    );
    for (const failure of failures) await refused(Promise.reject(failure), 'WORKER_FAILED');
    assert.ok(
      failures.length >= 1 && failures.length <= 2,
      `${failures.length} failed: only what was running may`,
    );
  }
  assert.equal(vision.stats().queue, { interactive: 0, bulk: 0, running: 0 });
  await settles(vision.close(), 'close');
  await until(() => liveThreads().length === 0, 'no thread left');
});

recycling('a death in the middle of a stream is one bad result', async () => {
  const vision = await SemanticVision.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1 });
  const codes: string[] = [];
  for await (const result of vision.embedImages([fresh(), fresh(), fresh(), fresh(), fresh()], {
    concurrency: 1,
  })) {
    codes.push(result.ok ? 'ok' : result.error.code);
    if (codes.length === 2) poison(liveThreads().at(-1)!);
  }
  assert.equal(codes, ['ok', 'ok', 'WORKER_FAILED', 'ok', 'ok']);
  await settles(vision.close(), 'close');
});

recycling('close while the last worker dies still ends', async () => {
  const vision = await SemanticVision.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1 });
  poison(liveThreads().at(-1)!);
  const doomed = refused(vision.embedImage(fresh()), 'WORKER_FAILED');
  await settles(Promise.all([doomed, vision.close()]), 'close');
  await until(() => liveThreads().length === 0, 'no thread left');
});

recycling('close after an idle worker died', async () => {
  const vision = await SemanticVision.create({ model: TINY_MODEL, workers: 2, intraOpNumThreads: 1 });
  void liveThreads().at(-1)!.terminate();
  await settles(vision.close(), 'close');
  await until(() => liveThreads().length === 0, 'no thread left');
});

recycling(
  'a worker that dies while the pool starts: create rejects or recovers, no thread is left',
  async () => {
    const starting = SemanticVision.create({ model: TINY_MODEL, workers: 2, intraOpNumThreads: 1 });
    await until(() => liveThreads().length >= 2, 'starting threads');
    poison(liveThreads().at(-1)!);
    await settles(
      starting.then(
        (vision) => vision.close(),
        (error: unknown) => refused(Promise.reject(error as Error), 'WORKER_FAILED'),
      ),
      'create',
    );
    await until(() => liveThreads().length === 0, 'no thread left');
  },
);

recycling('a model that cannot be opened: create rejects and leaves no thread', async () => {
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
