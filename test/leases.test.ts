// Leases: never more at once than there are, over all threads of the process; those of dead threads are taken over.
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { holder, leaseMemory, sharpLeases, type LeaseMemory } from '../dist/esm/pool/leases.js';
import { SemanticVision } from '../dist/esm/index.js';
import { processWide } from '../dist/esm/pool/process-wide.js';
import { settles, until } from './helpers/assertions.js';
import { TINY_MODEL, photo } from './helpers/fixtures.js';

const LEASES = new URL('../dist/esm/pool/leases.js', import.meta.url).href;
// Cells that the threads count in.
const [RUNNING, MOST, DONE, STARTED] = [0, 1, 2, 3];

/** A thread that does pieces of work under leases, all of them at once as far as it gets them. */
function worker(
  memory: LeaseMemory,
  counters: Int32Array<SharedArrayBuffer>,
  pieces: number,
  ms: number,
): Worker {
  const source = `
    const { workerData: { memory, counters, pieces, ms } } = require('node:worker_threads');
    import(${JSON.stringify(LEASES)}).then(async ({ holder }) => {
      const hold = holder(memory);
      // A promise alone keeps no thread alive.
      const alive = setInterval(() => {}, 1000);
      const piece = () => hold(async () => {
        const running = Atomics.add(counters, ${RUNNING}, 1) + 1;
        Atomics.add(counters, ${STARTED}, 1);
        for (let most; (most = Atomics.load(counters, ${MOST})) < running; ) {
          Atomics.compareExchange(counters, ${MOST}, most, running);
        }
        await new Promise((resolve) => setTimeout(resolve, ms));
        Atomics.sub(counters, ${RUNNING}, 1);
        Atomics.add(counters, ${DONE}, 1);
      });
      await Promise.all(Array.from({ length: pieces }, piece));
      clearInterval(alive);
    });`;
  return new Worker(source, { eval: true, workerData: { memory, counters, pieces, ms } });
}

function newCounters(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT));
}

function held(memory: LeaseMemory): number {
  return [...memory.subarray(1)].filter((cell) => cell !== 0).length;
}

/** The clock of the cells. */
function now(): number {
  return 1 + Math.floor((Date.now() / 1000) % 2 ** 30);
}

/** Keeps the event loop alive: a promise alone does not. */
async function awake<T>(work: () => Promise<T>): Promise<T> {
  const alive = setInterval(() => undefined, 1000);
  try {
    return await work();
  } finally {
    clearInterval(alive);
  }
}

const leases = suite('leases');

for (const count of [1, 2, 3]) {
  leases(`${count} at once over four threads: never more, and as many in the end`, async () => {
    const [memory, counters] = [leaseMemory(count), newCounters()];
    const pieces = 15;
    const threads = [1, 2, 3, 4].map(() => worker(memory, counters, pieces, 5));
    await settles(
      Promise.all(threads.map((thread) => new Promise((resolve) => thread.once('exit', resolve)))),
      'the threads',
    );
    assert.is(counters[DONE], threads.length * pieces);
    assert.is(counters[MOST], count);
    assert.is(held(memory), 0);
    assert.is(memory[0], threads.length * pieces, 'each was given back once');
  });
}

leases('the value comes through; a failure gives the lease back', async () => {
  const memory = leaseMemory(1);
  const hold = holder(memory);
  assert.is(await hold(() => Promise.resolve(7)), 7);
  const failure = new Error('of the work');
  await hold(() => Promise.reject(failure)).then(assert.unreachable, (error: unknown) =>
    assert.is(error, failure),
  );
  assert.is(held(memory), 0);
});

leases('work waits without holding up the thread, and goes on when a lease is given back', async () => {
  const memory = leaseMemory(1);
  const hold = holder(memory);
  let release!: () => void;
  const first = hold(() => new Promise<void>((resolve) => (release = resolve)));
  let turns = 0;
  const second = hold(() => Promise.resolve(turns));
  for (; turns < 20; turns++) await new Promise((resolve) => setTimeout(resolve, 1));
  release();
  await first;
  assert.is(await awake(() => settles(second, 'the second piece')), 20, 'it had not begun before');
});

leases(
  'a thread that dies holding a lease: it counts as held, and is taken over when it is old',
  async () => {
    const [memory, counters] = [leaseMemory(1), newCounters()];
    const dying = worker(memory, counters, 1, 600_000);
    await until(() => counters[STARTED] === 1, 'the thread to take its lease');
    await dying.terminate();
    assert.is(held(memory), 1);
    let isDone = false;
    const next = holder(memory)(() => Promise.resolve()).then(() => (isDone = true));
    await awake(() => new Promise((resolve) => setTimeout(resolve, 50)));
    assert.not(isDone);
    // As if two minutes had gone by. Nobody is told: a dead thread tells nobody either.
    Atomics.store(memory, 1, now() - 121);
    await awake(() => settles(next, 'the lease to be taken over'));
    assert.is(held(memory), 0);
  },
);

leases('old is more than two minutes', async () => {
  for (const [age, isTaken] of [
    [0, false],
    [60, false],
    [118, false],
    [122, true],
    [100_000, true],
  ] as const) {
    const memory = leaseMemory(1);
    memory[1] = now() - age;
    let isDone = false;
    const work = holder(memory)(() => Promise.resolve()).then(() => (isDone = true));
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.is(isDone, isTaken, `${age} s`);
    Atomics.store(memory, 1, 0);
    await awake(() => settles(work, 'the lease'));
  }
});

leases('who comes back late does not give away the lease of who took over', async () => {
  const memory = leaseMemory(1);
  let release!: () => void;
  const late = holder(memory)(() => new Promise<void>((resolve) => (release = resolve)));
  await new Promise((resolve) => setImmediate(resolve)); // until it has begun
  const other = now() + 5;
  Atomics.store(memory, 1, other);
  release();
  await late;
  assert.is(memory[1], other);
});

leases("half of libuv's threads, as libuv counts them", () => {
  const table: [asked: string | undefined, expected: number][] = [
    [undefined, 2],
    ['1', 1],
    ['2', 1],
    ['3', 1],
    ['4', 2],
    ['9', 4],
    ['16 threads', 8],
    ['7.9', 3],
    ['1024', 512],
    ['5000', 512],
    ['0', 1],
    ['', 1],
    ['many', 1],
    ['-3', 512],
  ];
  for (const [asked, expected] of table) {
    const env = asked === undefined ? {} : { UV_THREADPOOL_SIZE: asked };
    assert.is(sharpLeases(env), expected, asked);
  }
});

leases('the ESM and the CommonJS copy of the package share them, since they share the threads', async () => {
  const memory = processWide<LeaseMemory>('leases', () => {
    throw new Error('no copy has made them');
  });
  const before = Atomics.load(memory, 0);
  const commonJs = createRequire(import.meta.url)('../dist/cjs/index.cjs') as {
    SemanticVision: typeof SemanticVision;
  };
  assert.is.not(commonJs.SemanticVision, SemanticVision);
  let count = before;
  for (const copy of [SemanticVision, commonJs.SemanticVision]) {
    const vision = await copy.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1 });
    await vision.embedImage(photo('two-dogs'));
    await vision.close();
    assert.ok(Atomics.load(memory, 0) > count, 'a lease was taken and given back');
    count = Atomics.load(memory, 0);
  }
});

leases.run();
