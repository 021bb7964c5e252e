// The stream: order, bounded work, bad images, sources that are slow, endless, broken or never come back.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision, type EmbedResult, type ImageInput } from '../dist/esm/index.js';
import { mapOrdered } from '../dist/esm/stream.js';
import { refused, sameBits, settles, until } from './helpers/assertions.js';
import { TINY_MODEL, fixture, noise, photo, photoNames } from './helpers/fixtures.js';

const vision = await SemanticVision.create({ model: TINY_MODEL, workers: 2, intraOpNumThreads: 1 });

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const results: T[] = [];
  for await (const result of stream) results.push(result);
  return results;
}

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2));
}

const stream = suite('embedImages');

stream('yields every photo in input order, the same vectors as embedImage', async () => {
  const results = await collect(vision.embedImages(photoNames.map(photo)));
  assert.is(results.length, photoNames.length);
  for (const [i, result] of results.entries()) {
    assert.is(result.index, i);
    assert.ok(result.ok);
    const { vector, imageHash } = await vision.embedImage(photo(photoNames[i]!));
    assert.is(result.embedding.imageHash, imageHash);
    sameBits(result.embedding.vector, vector);
  }
});

stream('takes arrays, sets, generators, asynchronous generators, streams; mixed kinds of input', async () => {
  const inputs: ImageInput[] = [
    noise(1),
    photo('two-dogs'),
    new Blob([await (await import('node:fs/promises')).readFile(photo('bird-lamp'))]),
  ];
  const sources: Iterable<ImageInput>[] | AsyncIterable<ImageInput>[] = [
    inputs,
    new Set(inputs),
    (function* () {
      yield* inputs;
    })(),
  ];
  const asynchronous = (async function* () {
    for (const input of inputs) {
      await tick();
      yield input;
    }
  })();
  for (const source of [...sources, asynchronous, ReadableStream.from(inputs)]) {
    const results = await collect(vision.embedImages(source as Iterable<ImageInput>));
    assert.equal(
      results.map(({ ok }) => ok),
      [true, true, true],
    );
  }
});

stream('nothing in, nothing out', async () => {
  assert.equal(await collect(vision.embedImages([])), []);
});

stream('a bad image yields its error where it stands and the stream goes on', async () => {
  const inputs = [
    photo('two-dogs'),
    '/nowhere.jpg',
    fixture('bad/text.jpg'),
    fixture('bad/truncated.jpg'),
    undefined as unknown as string,
    { data: new Uint8Array(5), width: 1, height: 1, channels: 3 as const },
    photo('bird-lamp'),
  ];
  const results = await collect(vision.embedImages(inputs));
  assert.equal(
    results.map((result) => (result.ok ? 'ok' : result.error.code)),
    [
      'ok',
      'INPUT_NOT_FOUND',
      'UNSUPPORTED_FORMAT',
      'DECODE_FAILED',
      'INVALID_ARGUMENT',
      'INVALID_ARGUMENT',
      'ok',
    ],
  );
  assert.equal(
    results.map(({ index }) => index),
    [0, 1, 2, 3, 4, 5, 6],
  );
});

stream('reads its source only as fast as results are consumed', async () => {
  for (const concurrency of [undefined, 1, 3]) {
    const most = concurrency ?? 4; // default: twice the workers
    let read = 0;
    let consumed = 0;
    const source = (function* () {
      for (let i = 0; i < 40; i++) {
        read++;
        assert.ok(read - consumed <= most + 1, `${read} read, ${consumed} consumed, ${most} allowed`);
        yield noise(i % 7);
      }
    })();
    for await (const result of vision.embedImages(source, concurrency === undefined ? {} : { concurrency })) {
      assert.ok(result.ok);
      if (consumed % 10 === 0) await tick();
      consumed++;
    }
    assert.is(consumed, 40);
  }
});

stream('does not touch its source before the first result is asked for', async () => {
  let touched = false;
  const source = (function* () {
    touched = true;
    yield noise(1);
  })();
  const results = vision.embedImages(source);
  await tick();
  assert.is(touched, false);
  await collect(results);
});

stream('an error of the source comes after the results before it', async () => {
  for (const sync of [true, false]) {
    const broken = new Error('disk on fire');
    const source = sync
      ? (function* () {
          yield noise(1);
          yield noise(2);
          throw broken;
        })()
      : (async function* () {
          yield noise(1);
          await tick();
          yield noise(2);
          throw broken;
        })();
    const results: EmbedResult[] = [];
    try {
      for await (const result of vision.embedImages(source)) results.push(result);
      assert.unreachable();
    } catch (error) {
      assert.is(error, broken);
    }
    assert.equal(
      results.map(({ ok }) => ok),
      [true, true],
    );
  }
});

stream('stopping early closes the source and drops the work that waits', async () => {
  let closed = 0;
  const source = (function* () {
    try {
      for (let i = 0; ; i++) yield noise(5000 + i, 64);
    } finally {
      closed++;
    }
  })();
  const before = vision.stats().imagesEmbedded;
  for await (const result of vision.embedImages(source, { concurrency: 30 })) {
    assert.ok(result.ok);
    break;
  }
  assert.is(closed, 1);
  await until(() => vision.stats().queue.running === 0, 'an idle pool');
  assert.is(vision.stats().queue.bulk, 0);
  assert.ok(vision.stats().imagesEmbedded - before < 30, 'the work that waited was dropped');
});

stream('a slow source does not hold back a result that is ready', async () => {
  let open!: () => void;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const source = (async function* () {
    yield noise(1);
    await gate;
    yield noise(2);
  })();
  const results = vision.embedImages(source);
  const first = await settles(results.next(), 'the first result');
  assert.is(first.done, false);
  open();
  assert.is((await collect(results)).length, 1);
});

stream('abort: before, between results, and while the source does not come back', async () => {
  const reason = new Error('enough');
  const early = await refused(
    collect(vision.embedImages([noise(1)], { signal: AbortSignal.abort(reason) })),
    'ABORTED',
  );
  assert.is(early.cause, reason);

  const controller = new AbortController();
  const seen: number[] = [];
  await refused(async () => {
    for await (const result of vision.embedImages(
      [1, 2, 3, 4, 5, 6].map((i) => noise(i)),
      controller,
    )) {
      seen.push(result.index);
      if (result.index === 1) controller.abort();
    }
  }, 'ABORTED');
  assert.equal(seen, [0, 1]);

  const stuck = new AbortController();
  const source = (async function* () {
    yield noise(1);
    await new Promise(() => undefined); // never
  })();
  const results = vision.embedImages(source, { signal: stuck.signal });
  assert.is((await results.next()).done, false);
  const next = results.next();
  await tick();
  stuck.abort();
  await refused(settles(next, 'the aborted stream', 3000), 'ABORTED');
});

stream('stopping early does not wait for a source that does not come back', async () => {
  const source = (async function* () {
    yield noise(1);
    await new Promise(() => undefined); // never
  })();
  const stopping = (async () => {
    for await (const result of vision.embedImages(source)) return result.ok;
    return undefined;
  })();
  assert.is(await settles(stopping, 'leaving the loop', 3000), true);
});

stream('bulk by default: a single request overtakes a running stream', async () => {
  const images = Array.from({ length: 12 }, (_, i) => noise(6000 + i, 64));
  const results = vision.embedImages(images, { concurrency: 12 });
  const first = results.next();
  await until(() => vision.stats().queue.bulk > 0, 'waiting bulk work');
  assert.is(vision.stats().queue.interactive, 0);
  await first;
  await collect(results);
});

stream('close during a stream ends it with CLOSED after what was accepted', async () => {
  const own = await SemanticVision.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1 });
  let accepted = 0;
  let closing: Promise<void> | undefined;
  await refused(async () => {
    const endless = (function* () {
      for (let i = 0; ; i++) yield noise(7000 + i);
    })();
    for await (const result of own.embedImages(endless)) {
      assert.ok(result.ok);
      accepted++;
      closing ??= own.close();
    }
  }, 'CLOSED');
  assert.ok(accepted >= 1 && accepted <= 4, `${accepted}`);
  await settles(closing!, 'close');
});

stream('refuses what is no collection of images', async () => {
  for (const source of [
    undefined,
    null,
    1,
    'photo.jpg',
    Buffer.from('x'),
    new Uint8Array(3),
    new ArrayBuffer(3),
    {},
  ]) {
    await refused(() => vision.embedImages(source as never), 'INVALID_ARGUMENT', /iterable/);
  }
  await refused(() => vision.embedImages(new Blob(['x']) as never), 'INVALID_ARGUMENT');
  for (const concurrency of [0, -1, 1.5, NaN, Infinity, '2']) {
    await refused(
      () => vision.embedImages([], { concurrency: concurrency as number }),
      'INVALID_ARGUMENT',
      /concurrency/,
    );
  }
});

stream('an image that appears often is computed once', async () => {
  const before = vision.stats().imagesEmbedded;
  const results = await collect(vision.embedImages(Array.from({ length: 20 }, () => noise(8000))));
  assert.is(results.length, 20);
  assert.is(vision.stats().imagesEmbedded - before, 1);
});

stream.after(() => vision.close());
stream.run();

const mapping = suite('mapOrdered');

mapping('order, completeness and the bound hold for every mix of delays', async () => {
  const delays = fc.array(fc.nat(4), { maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(
      delays,
      delays,
      fc.integer({ min: 1, max: 6 }),
      fc.boolean(),
      fc.option(fc.nat(24), { nil: undefined }),
      async (work, pauses, concurrency, asynchronous, stopAfter) => {
        let pulled = 0;
        let consumed = 0;
        let finished = 0;
        let closed = false;
        const check = () => assert.ok(pulled - consumed <= concurrency + 1);
        const wait = (turns: number) =>
          turns === 0 ? undefined : new Promise<void>((resolve) => setTimeout(resolve, turns));
        const synchronousSource = function* () {
          try {
            for (const item of work.keys()) {
              pulled++;
              check();
              yield item;
            }
          } finally {
            closed = true;
          }
        };
        const asynchronousSource = async function* () {
          for (const item of synchronousSource()) {
            await wait(pauses[item] ?? 0);
            yield item;
          }
        };
        const results: number[] = [];
        const mapped = mapOrdered<number, number>(
          asynchronous ? asynchronousSource() : synchronousSource(),
          concurrency,
          async (item, index) => {
            assert.is(item, index);
            assert.ok(pulled - finished <= concurrency + 1);
            await wait(work[item]!);
            finished++;
            return item * 10;
          },
          undefined,
        );
        for await (const result of mapped) {
          results.push(result);
          consumed++;
          if (results.length === stopAfter) break;
        }
        const expected = [...work.keys()].map((item) => item * 10);
        assert.equal(
          results,
          stopAfter === undefined || stopAfter === 0 ? expected : expected.slice(0, stopAfter),
        );
        // Stopped early: the source may still be on its way back from an await.
        if (pulled > 0) await until(() => closed, 'a closed source', 2000);
      },
    ),
    { numRuns: 150 },
  );
});

mapping('its signal fires when the consumer stops, and only then', async () => {
  const signals: AbortSignal[] = [];
  const run = (limit: number) =>
    (async () => {
      signals.length = 0;
      const mapped = mapOrdered(
        [1, 2, 3],
        2,
        async (item, _, signal) => {
          signals.push(signal);
          if (item <= limit) assert.is(signal.aborted, false);
          await tick();
          return item;
        },
        undefined,
      );
      let count = 0;
      for await (const item of mapped) if (++count === limit) return item;
      return undefined;
    })();
  await run(3);
  assert.is(signals.length, 3);
  await run(1);
  assert.ok(signals.every(({ aborted }) => aborted));
});

mapping('never asks a source for two items at once', async () => {
  let pending = 0;
  let served = 0;
  const source: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        assert.is(++pending, 1);
        await tick();
        pending--;
        return served < 10 ? { done: false, value: served++ } : { done: true, value: undefined };
      },
    }),
  };
  const results = [];
  for await (const result of mapOrdered(source, 4, (item) => Promise.resolve(item), undefined))
    results.push(result);
  assert.equal(results, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

mapping.run();
