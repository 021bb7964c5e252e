// The cache alone: who gets what, who pays, what is kept. The pool is a list of promises that the test settles.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorCache } from '../dist/esm/cache.js';
import { VisionError } from '../dist/esm/errors.js';
import { refused, sameBits } from './helpers/assertions.js';

interface Job {
  done: (vector: Float32Array) => void;
  fail: (error: Error) => void;
  promoted: number;
  cancelled: number;
  running: boolean;
}

/** Stands in for the pool: hands out submissions that the test controls. */
function jobs() {
  const all: Job[] = [];
  const start = () => {
    const job: Job = {
      done: () => undefined,
      fail: () => undefined,
      promoted: 0,
      cancelled: 0,
      running: false,
    };
    const result = new Promise<{ ok: true; vector: Float32Array }>((resolve, reject) => {
      job.done = (vector) => resolve({ ok: true, vector });
      job.fail = reject;
    });
    all.push(job);
    return {
      result,
      promote: () => {
        job.promoted++;
      },
      cancel: () => {
        job.cancelled++;
        return !job.running;
      },
    };
  };
  return { all, start };
}

const VECTOR = Float32Array.of(1, 2, 3);
function uncalled(): never {
  throw new Error('must not compute');
}
const bulk = { priority: 'bulk' as const };

const cache = suite('VectorCache');

cache('computes once, then answers from memory with copies', async () => {
  const vectors = new VectorCache(1e6);
  const { all, start } = jobs();
  const first = vectors.resolve('a', start, bulk);
  all[0]!.done(VECTOR);
  const computed = await first;
  assert.is(computed.cached, false);
  computed.vector.fill(9);
  computed.createdAt.setTime(0);
  const again = await vectors.resolve('a', uncalled, bulk);
  assert.is(again.cached, true);
  sameBits(again.vector, Float32Array.of(1, 2, 3));
  assert.ok(again.createdAt.getTime() > 0);
  assert.is(all.length, 1);
  const { hits, misses, coalesced, entries, bytes } = vectors.stats();
  assert.equal([hits, misses, coalesced, entries], [1, 1, 0, 1]);
  assert.ok(bytes >= 12);
});

cache('coalesces: one computation, one that pays, copies for all; even with a size of 0', async () => {
  for (const size of [0, 1e6]) {
    const vectors = new VectorCache(size);
    const { all, start } = jobs();
    const requests = [1, 2, 3].map(() => vectors.resolve('a', start, bulk));
    assert.is(all.length, 1);
    all[0]!.done(VECTOR.slice());
    const results = await Promise.all(requests);
    assert.equal(
      results.map(({ cached }) => cached),
      [false, true, true],
    );
    results[0]!.vector.fill(0);
    sameBits(results[1]!.vector, VECTOR);
    assert.is(vectors.stats().coalesced, 2);
    assert.is(vectors.stats().entries, size === 0 ? 0 : 1);
  }
});

cache('an interactive caller promotes, a bulk one does not', async () => {
  const vectors = new VectorCache(1e6);
  const { all, start } = jobs();
  const requests = [vectors.resolve('a', start, bulk), vectors.resolve('a', start, bulk)];
  assert.is(all[0]!.promoted, 0);
  requests.push(vectors.resolve('a', start, { priority: 'interactive' }));
  assert.is(all[0]!.promoted, 1);
  all[0]!.done(VECTOR);
  await Promise.all(requests);
});

cache('errors reach all callers and are not kept', async () => {
  const vectors = new VectorCache(1e6);
  const { all, start } = jobs();
  const requests = [vectors.resolve('a', start, bulk), vectors.resolve('a', start, bulk)];
  all[0]!.fail(new VisionError('DECODE_FAILED', 'x'));
  for (const request of requests) await refused(request, 'DECODE_FAILED');
  assert.is(vectors.stats().entries, 0);
  const retry = vectors.resolve('a', start, bulk);
  all[1]!.done(VECTOR);
  assert.is((await retry).cached, false);
});

cache('when starting fails nothing is counted and nothing stays', async () => {
  const vectors = new VectorCache(1e6);
  const full = () => {
    throw new VisionError('QUEUE_FULL', 'x');
  };
  await refused(vectors.resolve('a', full, bulk), 'QUEUE_FULL');
  const { misses, coalesced, entries } = vectors.stats();
  assert.equal([misses, coalesced, entries], [0, 0, 0]);
  const { all, start } = jobs();
  const retry = vectors.resolve('a', start, bulk);
  all[0]!.done(VECTOR);
  assert.is((await retry).cached, false);
});

cache('only the last caller that leaves cancels the work', async () => {
  const vectors = new VectorCache(1e6);
  const { all, start } = jobs();
  const controllers = [1, 2, 3].map(() => new AbortController());
  const requests = controllers.map(({ signal }) => vectors.resolve('a', start, { ...bulk, signal }));
  for (const [i, controller] of controllers.entries()) {
    assert.is(all[0]!.cancelled, 0, `after ${i}`);
    controller.abort();
    await refused(requests[i]!, 'ABORTED');
  }
  assert.is(all[0]!.cancelled, 1);
  void vectors.resolve('a', start, bulk);
  assert.is(all.length, 2, 'a new request starts anew');
});

cache('an abandoned run that cannot be cancelled is joined by the next caller and kept', async () => {
  const vectors = new VectorCache(1e6);
  const { all, start } = jobs();
  const controller = new AbortController();
  const request = vectors.resolve('a', start, { ...bulk, signal: controller.signal });
  all[0]!.running = true;
  controller.abort();
  await refused(request, 'ABORTED');
  const joined = vectors.resolve('a', start, bulk);
  assert.is(all.length, 1);
  all[0]!.done(VECTOR);
  assert.is((await joined).cached, true);
  assert.is(vectors.stats().entries, 1);
});

cache('an abandoned run that fails is nobody’s unhandled rejection', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  const vectors = new VectorCache(1e6);
  const { all, start } = jobs();
  const controller = new AbortController();
  const request = vectors.resolve('a', start, { ...bulk, signal: controller.signal });
  all[0]!.running = true;
  controller.abort();
  await refused(request, 'ABORTED');
  all[0]!.fail(new Error('late'));
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off('unhandledRejection', note);
  assert.equal(unhandled, []);
});

cache('drops the least recently used and never exceeds its bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20_000 }),
      fc.array(fc.nat(12), { maxLength: 60 }),
      async (max, keys) => {
        const vectors = new VectorCache(max);
        const { all, start } = jobs();
        for (const key of keys) {
          const before = all.length;
          const request = vectors.resolve(`key ${key}`, start, bulk);
          if (all.length > before) all.at(-1)!.done(new Float32Array(100).fill(key));
          assert.ok((await request).vector.every((value) => value === key));
          const { bytes, entries } = vectors.stats();
          assert.ok(bytes <= max && entries <= max / 400);
          if (entries > 0) {
            const again = await vectors.resolve(`key ${key}`, uncalled, bulk);
            assert.is(again.cached, true, 'the newest is kept');
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

cache.run();
