// Requests against each other: lanes, limits, cancellation, single flight, counters.
import { getEventListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision, type EmbedOptions, type ImageEmbedding } from '../dist/esm/index.js';
import { refused, sameBits, settles, until } from './helpers/assertions.js';
import { noise, photo } from './helpers/fixtures.js';

// One worker that takes about 100 ms an image: what is handed in meanwhile waits.
const vision = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1, maxQueue: 6 });
let seed = 1000;

/** Pixels that nobody has embedded yet. */
function fresh() {
  return noise(++seed);
}

/** Keeps the worker busy; resolves once it is. */
async function busy(): Promise<{ blocker: Promise<ImageEmbedding> }> {
  await idle();
  const blocker = vision.embedImage(fresh());
  await until(() => vision.stats().queue.running === 1, 'a busy worker');
  return { blocker };
}

async function idle(): Promise<void> {
  await until(() => {
    const { interactive, bulk, running } = vision.stats().queue;
    return interactive + bulk + running === 0;
  }, 'an idle pool');
}

function waiting(): number {
  const { interactive, bulk } = vision.stats().queue;
  return interactive + bulk;
}

const lanes = suite('lanes');

lanes('interactive requests overtake bulk ones, each lane in its order', async () => {
  const { blocker } = await busy();
  const order: string[] = [];
  const request = (name: string, options?: EmbedOptions) =>
    vision.embedImage(fresh(), options).then(() => order.push(name));
  const all = [
    request('bulk 1', { priority: 'bulk' }),
    request('bulk 2', { priority: 'bulk' }),
    request('interactive 1', { priority: 'interactive' }),
    request('interactive 2'),
  ];
  await until(() => waiting() === 4, 'four waiting');
  assert.equal(vision.stats().queue, { interactive: 2, bulk: 2, running: 1 });
  await Promise.all([blocker, ...all]);
  assert.equal(order, ['interactive 1', 'interactive 2', 'bulk 1', 'bulk 2']);
});

lanes('texts take lanes too', async () => {
  const { blocker } = await busy();
  const order: string[] = [];
  const all = [vision.embedImage(fresh(), { priority: 'bulk' }).then(() => order.push('bulk image'))];
  await until(() => waiting() === 1, 'one waiting'); // an image is hashed first, a text is not
  all.push(
    vision.embedText('a bulk text about dogs', { priority: 'bulk' }).then(() => order.push('bulk text')),
    vision.embedText('an interactive text about dogs').then(() => order.push('interactive text')),
  );
  await until(() => waiting() === 3, 'three waiting');
  await Promise.all([blocker, ...all]);
  assert.equal(order, ['interactive text', 'bulk image', 'bulk text']);
});

for (const options of [{ priority: 'interactive' as const }, undefined]) {
  const who = options === undefined ? 'default' : 'interactive';
  lanes(`${who} request for an image that already waits in the bulk lane pulls it forward`, async () => {
    const { blocker } = await busy();
    const order: string[] = [];
    const shared = fresh();
    const all = [
      vision.embedImage(fresh(), { priority: 'bulk' }).then(() => order.push('other')),
      vision.embedImage(shared, { priority: 'bulk' }).then(() => order.push('shared')),
    ];
    await until(() => waiting() === 2, 'two waiting');
    all.push(vision.embedImage(shared, options).then(() => order.push('shared')));
    await Promise.all([blocker, ...all]);
    assert.equal(order, ['shared', 'shared', 'other']);
  });
}

lanes('a bulk request for an image that waits in the interactive lane leaves it there', async () => {
  const { blocker } = await busy();
  const shared = fresh();
  const all = [vision.embedImage(shared)];
  await until(() => waiting() === 1, 'one waiting');
  all.push(vision.embedImage(shared, { priority: 'bulk' }));
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(vision.stats().queue, { interactive: 1, bulk: 0, running: 1 });
  await Promise.all([blocker, ...all]);
});

lanes.run();

const limit = suite('maxQueue');

limit('one more than may wait is refused with QUEUE_FULL, the others are served', async () => {
  const { blocker } = await busy();
  const accepted = Array.from({ length: 6 }, (_, i) =>
    vision.embedImage(fresh(), { priority: i % 2 === 0 ? 'bulk' : 'interactive' }),
  );
  await until(() => waiting() === 6, 'a full queue');
  await refused(vision.embedImage(fresh()), 'QUEUE_FULL', /6.*maxQueue/);
  await refused(vision.embedImage(fresh(), { priority: 'bulk' }), 'QUEUE_FULL');
  await refused(vision.embedText('one dog too many'), 'QUEUE_FULL');
  await Promise.all([blocker, ...accepted]);
  await vision.embedImage(fresh());
});

limit('cached and coalesced requests take no place', async () => {
  const known = fresh();
  await vision.embedImage(known);
  const { blocker } = await busy();
  const joined = fresh();
  const accepted = [joined, fresh(), fresh(), fresh(), fresh(), fresh()].map((image) =>
    vision.embedImage(image),
  );
  await until(() => waiting() === 6, 'a full queue');
  assert.is((await vision.embedImage(known)).cached, true);
  const [, ...rest] = await Promise.all([blocker, vision.embedImage(joined), vision.embedImage(joined)]);
  assert.ok(rest.every(({ cached }) => cached));
  await Promise.all(accepted);
});

limit('a cancelled request gives its place back', async () => {
  const { blocker } = await busy();
  const controller = new AbortController();
  const accepted = Array.from({ length: 5 }, () => vision.embedImage(fresh()));
  const cancelled = vision.embedImage(fresh(), { signal: controller.signal });
  await until(() => waiting() === 6, 'a full queue');
  controller.abort();
  await refused(cancelled, 'ABORTED');
  assert.is(waiting(), 5);
  await Promise.all([blocker, ...accepted, vision.embedImage(fresh())]);
});

limit('a stream waits instead of failing', async () => {
  const { blocker } = await busy();
  const accepted = Array.from({ length: 6 }, () => vision.embedImage(fresh()));
  await until(() => waiting() === 6, 'a full queue');
  const results = [];
  for await (const result of vision.embedImages([fresh(), fresh()])) results.push(result.ok);
  assert.equal(results, [true, true]);
  await Promise.all([blocker, ...accepted]);
});

limit.run();

const aborting = suite('abort');

aborting('before the call: nothing is read or computed', async () => {
  const before = vision.stats();
  const reason = new Error('too late');
  const error = await refused(
    vision.embedImage('/nowhere.jpg', { signal: AbortSignal.abort(reason) }),
    'ABORTED',
  );
  assert.is(error.cause, reason);
  await refused(vision.embedText('an aborted dog', { signal: AbortSignal.abort() }), 'ABORTED');
  const after = vision.stats();
  assert.is(after.failed - before.failed, 2);
  assert.is(after.imagesEmbedded, before.imagesEmbedded);
  assert.is(after.cache.misses, before.cache.misses);
});

aborting('while the input is read', async () => {
  const before = vision.stats().imagesEmbedded;
  for (const input of [photo('two-dogs'), new Blob([readFileSync(photo('two-dogs'))])]) {
    const controller = new AbortController();
    const request = vision.embedImage(input, { signal: controller.signal });
    controller.abort();
    await refused(request, 'ABORTED');
  }
  await idle();
  assert.is(vision.stats().imagesEmbedded, before);
});

aborting('while it waits: dropped at once, the others go on', async () => {
  const { blocker } = await busy();
  const before = vision.stats().imagesEmbedded;
  const controller = new AbortController();
  const dropped = vision.embedImage(fresh(), { signal: controller.signal });
  const kept = vision.embedImage(fresh());
  await until(() => waiting() === 2, 'two waiting');
  controller.abort();
  assert.is(waiting(), 1);
  await refused(dropped, 'ABORTED');
  assert.is(vision.stats().queue.running, 1, 'the blocker is still under way');
  await Promise.all([blocker, kept]);
  await idle();
  assert.is(vision.stats().imagesEmbedded - before, 2);
});

aborting('while it runs: rejects at once, the vector still enters the cache', async () => {
  await idle();
  const image = fresh();
  const controller = new AbortController();
  const request = vision.embedImage(image, { signal: controller.signal });
  await until(() => vision.stats().queue.running === 1, 'a running request');
  controller.abort();
  await refused(request, 'ABORTED');
  assert.is(vision.stats().queue.running, 1);
  // While the abandoned run is under way a new caller joins it.
  const joined = await vision.embedImage(image);
  assert.is(joined.cached, true);
  assert.is((await vision.embedImage(image)).cached, true);
});

aborting('after the result: nothing happens', async () => {
  const controller = new AbortController();
  const { vector } = await vision.embedImage(fresh(), { signal: controller.signal });
  controller.abort();
  assert.is(vector.length, 768);
});

aborting('leaves no listener on a signal that lives long', async () => {
  const { signal } = new AbortController();
  const image = fresh();
  for (let i = 0; i < 5; i++) await vision.embedImage(image, { signal });
  await refused(vision.embedImage('/nowhere.jpg', { signal }), 'INPUT_NOT_FOUND');
  for await (const result of vision.embedImages([image, fresh()], { signal })) assert.ok(result.ok);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

aborting('AbortSignal.timeout works and its reason is kept', async () => {
  const { blocker } = await busy();
  const waitingRequests = [fresh(), fresh(), fresh()].map((image) => vision.embedImage(image));
  const error = await refused(vision.embedImage(fresh(), { signal: AbortSignal.timeout(5) }), 'ABORTED');
  assert.is((error.cause as Error).name, 'TimeoutError');
  await Promise.all([blocker, ...waitingRequests]);
});

aborting('close waits for an abandoned run and for nothing else', async () => {
  const own = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1 });
  const controller = new AbortController();
  const running = own.embedImage(fresh(), { signal: controller.signal });
  await until(() => own.stats().queue.running === 1, 'a running request');
  const dropped = [fresh(), fresh()].map((image) => own.embedImage(image, { signal: controller.signal }));
  await until(() => own.stats().queue.interactive === 2, 'two waiting');
  const closing = own.close();
  controller.abort();
  for (const request of [running, ...dropped]) await refused(request, 'ABORTED');
  await settles(closing, 'close');
  assert.is(own.stats().imagesEmbedded, 1);
});

aborting.run();

const single = suite('single flight');

single('the same image ten times at once computes once; equal vectors, none shared', async () => {
  const { blocker } = await busy();
  const before = vision.stats();
  const image = fresh();
  const results = await Promise.all(Array.from({ length: 10 }, () => vision.embedImage(image)));
  await blocker;
  const after = vision.stats();
  assert.is(after.imagesEmbedded - before.imagesEmbedded, 2); // with the blocker
  assert.is(after.cache.misses - before.cache.misses, 1);
  assert.is(after.cache.coalesced - before.cache.coalesced, 9);
  assert.equal(
    results.map(({ cached }) => cached),
    [false, ...Array.from({ length: 9 }, () => true)],
  );
  assert.is(new Set(results.map(({ vector }) => vector.buffer)).size, 10);
  for (const { vector } of results) sameBits(vector, results[0]!.vector);
});

single('path, bytes and Blob of the same file coalesce', async () => {
  const { blocker } = await busy();
  const before = vision.stats().imagesEmbedded;
  const bytes = readFileSync(photo('bird-lamp'));
  await Promise.all([photo('bird-lamp'), bytes, new Blob([bytes])].map((input) => vision.embedImage(input)));
  await blocker;
  assert.is(vision.stats().imagesEmbedded - before, 2);
});

single('one caller that aborts does not hurt the others, not even the one that started it', async () => {
  for (const who of [0, 1, 2]) {
    const { blocker } = await busy();
    const image = fresh();
    const controllers = [0, 1, 2].map(() => new AbortController());
    const requests = controllers.map(({ signal }) => vision.embedImage(image, { signal }));
    await until(() => waiting() === 1, 'one waiting');
    controllers[who]!.abort();
    await refused(requests[who]!, 'ABORTED');
    const others = await Promise.all(requests.filter((_, i) => i !== who));
    assert.is(others.length, 2);
    sameBits(others[0]!.vector, others[1]!.vector);
    await blocker;
  }
});

single('the last caller that aborts drops the work; asking again starts it anew', async () => {
  const { blocker } = await busy();
  const before = vision.stats().imagesEmbedded;
  const image = fresh();
  const controller = new AbortController();
  const requests = [0, 1, 2].map(() => vision.embedImage(image, { signal: controller.signal }));
  await until(() => waiting() === 1, 'one waiting');
  controller.abort();
  for (const request of requests) await refused(request, 'ABORTED');
  assert.is(waiting(), 0);
  const again = await vision.embedImage(image);
  assert.is(again.cached, false);
  await blocker;
  assert.is(vision.stats().imagesEmbedded - before, 2);
});

single('a failure reaches all callers and is not remembered', async () => {
  const { blocker } = await busy();
  const bytes = readFileSync(photo('two-dogs')).subarray(0, 20_000);
  const before = vision.stats();
  const results = await Promise.allSettled([1, 2, 3].map(() => vision.embedImage(bytes)));
  await blocker;
  for (const result of results) {
    assert.is(result.status, 'rejected');
    await refused(Promise.reject((result as PromiseRejectedResult).reason as Error), 'DECODE_FAILED');
  }
  const after = vision.stats();
  assert.is(after.failed - before.failed, 3);
  assert.is(after.cache.coalesced - before.cache.coalesced, 2);
  assert.is(after.cache.entries - before.cache.entries, 1); // the blocker
  await refused(vision.embedImage(bytes), 'DECODE_FAILED');
});

single.run();

const counting = suite('stats');

counting('count what happened and nothing else', async () => {
  const own = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1, cacheMaxBytes: 10_000_000 });
  const zero = { count: 0, totalMs: 0, meanMs: 0, maxMs: 0 };
  assert.equal(own.stats(), {
    workers: 1,
    intraOpNumThreads: 1,
    queue: { interactive: 0, bulk: 0, running: 0 },
    imagesEmbedded: 0,
    textsEmbedded: 0,
    failed: 0,
    workerFailures: 0,
    weights: {
      image: { shared: false, reason: 'the graph is small: 9584600 of at least 33554432 bytes' },
      text: { shared: false, reason: 'no text has been embedded' },
    },
    cache: { hits: 0, misses: 0, coalesced: 0, entries: 0, bytes: 0, maxBytes: 10_000_000 },
    timings: { decode: zero, preprocess: zero, inference: zero },
  });
  const image = fresh();
  await own.embedImage(image);
  await own.embedImage(image);
  await own.embedImage(photo('two-dogs'));
  await own.embedText('a dog');
  await own.embedText('a dog');
  await refused(own.embedImage('/nowhere.jpg'), 'INPUT_NOT_FOUND');
  await refused(own.embedImage(Buffer.from('no image at all')), 'UNSUPPORTED_FORMAT');
  const stats = own.stats();
  assert.is(stats.imagesEmbedded, 2);
  assert.is(stats.textsEmbedded, 1);
  assert.is(stats.failed, 2);
  assert.equal(
    [stats.cache.hits, stats.cache.misses, stats.cache.coalesced, stats.cache.entries],
    [2, 3, 0, 3],
  );
  assert.ok(stats.cache.bytes >= 3 * 768 * 4);
  for (const stage of [stats.timings.decode, stats.timings.preprocess, stats.timings.inference]) {
    assert.is(stage.count, 2);
    assert.ok(stage.totalMs > 0 && stage.maxMs > 0 && stage.maxMs <= stage.totalMs);
    assert.ok(Math.abs(stage.meanMs - stage.totalMs / 2) < 1e-9);
  }
  stats.cache.hits = 99;
  stats.queue.running = 99;
  assert.is(own.stats().cache.hits, 2);
  assert.is(own.stats().queue.running, 0);
  await own.close();
});

counting('the cache stays within its bytes and drops the least recently used', async () => {
  const own = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1, cacheMaxBytes: 12_000 });
  const images = [fresh(), fresh(), fresh(), fresh()];
  for (const image of images) {
    await own.embedImage(image);
    assert.ok(own.stats().cache.bytes <= 12_000);
  }
  assert.ok(own.stats().cache.entries < 4);
  assert.is((await own.embedImage(images[3]!)).cached, true);
  assert.is((await own.embedImage(images[0]!)).cached, false);
  await own.close();
});

counting.after(() => vision.close());
counting.run();
