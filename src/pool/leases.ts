// Lets only so many threads do something at once: sharp works in libuv's thread pool, which the user's own file reads need too.

/** Cell 0 counts what was given back; each of the others is a lease: 0, or when it was taken. */
export type LeaseMemory = Int32Array<SharedArrayBuffer>;

const DEFAULT_LIBUV_THREADS = 4;
const MAX_LIBUV_THREADS = 1024;
// Longer than any image takes: the lease of a thread that died with it is taken over then.
const ABANDONED_SECONDS = 120;
const LOOK_AGAIN_MS = 1000;

/**
 * How many images sharp may decode at once in this process: half of libuv's threads are left to the user's own work.
 * @param env - environment; only tests pass it
 * @returns at least 1
 */
export function sharpLeases(env: NodeJS.ProcessEnv = process.env): number {
  return Math.max(1, Math.floor(libuvThreads(env.UV_THREADPOOL_SIZE) / 2));
}

// As libuv reads it: what is no number counts as 0, 0 as 1, and what is below as very many.
function libuvThreads(asked: string | undefined): number {
  if (asked === undefined) return DEFAULT_LIBUV_THREADS;
  const threads = Number.parseInt(asked, 10) || 1;
  return threads < 0 ? MAX_LIBUV_THREADS : Math.min(threads, MAX_LIBUV_THREADS);
}

/**
 * Memory for leases, to be shared by all threads of the process.
 * @param count - how many
 * @returns all of them free
 */
export function leaseMemory(count: number): LeaseMemory {
  return new Int32Array(new SharedArrayBuffer((1 + count) * Int32Array.BYTES_PER_ELEMENT));
}

/**
 * @param memory - shared by those who take turns
 * @returns runs work under a lease, waiting for one without holding up the thread
 */
export function holder(memory: LeaseMemory): <T>(work: () => Promise<T>) => Promise<T> {
  return async (work) => {
    const lease = await take(memory);
    try {
      return await work();
    } finally {
      giveBack(memory, lease);
    }
  };
}

interface Lease {
  cell: number;
  since: number;
}

async function take(memory: LeaseMemory): Promise<Lease> {
  for (;;) {
    const returned = Atomics.load(memory, 0);
    const since = seconds();
    for (let cell = 1; cell < memory.length; cell++) {
      const held = Atomics.load(memory, cell);
      const isFree = held === 0 || since - held > ABANDONED_SECONDS;
      if (isFree && Atomics.compareExchange(memory, cell, held, since) === held) return { cell, since };
    }
    const { async: isWaiting, value } = Atomics.waitAsync(memory, 0, returned, LOOK_AGAIN_MS);
    if (isWaiting) await value;
  }
}

function giveBack(memory: LeaseMemory, { cell, since }: Lease): void {
  Atomics.compareExchange(memory, cell, since, 0);
  Atomics.add(memory, 0, 1);
  Atomics.notify(memory, 0, 1);
}

// The same clock in every thread, in a number that fits; never 0.
function seconds(): number {
  return 1 + Math.floor((Date.now() / 1000) % 2 ** 30);
}
