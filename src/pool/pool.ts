// The worker pool: a bounded queue with lanes and cancellation in front of piscina, which only this file imports.
import { Piscina } from 'piscina';
import { VisionError, messageOf } from '../errors.js';
import type { Priority } from '../types.js';
import { ExitGate, workerEntry } from './exit-gate.js';
import { errorOf } from './failure.js';
import type {
  DisposeJob,
  Done,
  Embedded,
  Failure,
  ImageJob,
  Job,
  PixelsJob,
  ReplyTo,
  Task,
  TextsJob,
  WarmJob,
  WorkerConfig,
} from './protocol.js';
import { leaseMemory, sharpLeases } from './leases.js';
import { processWide } from './process-wide.js';
import { addStrike, quarantine, refuseQuarantined } from './quarantine.js';
import { LaneQueue } from './queue.js';
import { disableTelemetry } from './telemetry.js';

// One for all pools: they share libuv's threads.
const LEASES = processWide('leases', () => leaseMemory(sharpLeases()));

/** A job that waits or runs. */
type EmbedJob = ImageJob | PixelsJob | TextsJob;

/** What a job that did not fail answers. */
type Success<J extends Job> = Exclude<ReplyTo<J>, Failure>;

interface Waiting {
  readonly job: EmbedJob;
  readonly resolve: (reply: Success<EmbedJob>) => void;
  readonly reject: (error: VisionError) => void;
}

/** A submitted job: its result, and the two things that can still be done about it. */
export interface Submission<R = Embedded> {
  /** Rejects with the failure's code, or `ABORTED`, `WORKER_FAILED`. */
  result: Promise<R>;
  /** Moves it to the interactive lane if it still waits. */
  promote: () => void;
  /** Drops it if it still waits, and says whether it did: its result then never settles. A run cannot be interrupted. */
  cancel: () => boolean;
}

/** Options of {@link WorkerPool.start}. */
export interface PoolOptions {
  workers: number;
  maxQueue: number;
  config: Omit<WorkerConfig, 'loading' | 'leases'>;
}

/** `workers` threads, each with sessions of its own; at most one job a worker, the rest waits here. */
export class WorkerPool {
  readonly #piscina: Piscina;
  readonly #gate: ExitGate;
  readonly #workers: number;
  readonly #maxQueue: number;
  readonly #queue = new LaneQueue<Waiting>();
  // Flags at the exit gate that no job under way has; as many as there are idle workers.
  readonly #freeSlots: number[];
  #failures = 0;
  #closing = false;
  #idle: (() => void) | undefined;
  /** Length of the model's vectors. */
  readonly dimensions: number;
  /** Whether every worker took the prepared form of the image tower. */
  readonly shared: boolean;

  private constructor(piscina: Piscina, gate: ExitGate, options: PoolOptions, warm: readonly Done[]) {
    this.#piscina = piscina;
    this.#gate = gate;
    this.#workers = options.workers;
    this.#maxQueue = options.maxQueue;
    this.#freeSlots = Array.from({ length: options.workers }, (_, slot) => slot);
    this.dimensions = warm[0]?.dimensions ?? 0;
    this.shared = warm.every(({ shared }) => shared);
  }

  /**
   * Starts the workers, opens the image session in each and runs it once.
   * @param options - pool options
   * @returns the pool, ready for work
   * @throws `MODEL_INVALID`, `NATIVE_UNAVAILABLE`, `WORKER_FAILED`
   */
  static async start(options: PoolOptions): Promise<WorkerPool> {
    disableTelemetry();
    const gate = new ExitGate(options.workers);
    const config: WorkerConfig = { ...options.config, loading: gate.loading('worker.js'), leases: LEASES };
    const piscina = new Piscina({
      filename: workerEntry(),
      minThreads: options.workers,
      maxThreads: options.workers,
      concurrentTasksPerWorker: 1,
      // A worker that waits for its next job inside Atomics.wait never runs the finalizers by which the decoder frees its
      // memory: 40 photos of 12 megapixels took 3 GB that way, 0.4 GB without.
      atomics: 'disabled',
      workerData: config,
      // Preloads and inspectors of the main program (--import, --inspect-brk) have no business in a worker.
      execArgv: [],
    });
    // An idle worker that dies has no job to fail; without a listener the event would end the process.
    piscina.on('error', () => undefined);
    try {
      const warm = await everyWorker(piscina, gate, options.workers, { kind: 'warm' });
      return new WorkerPool(piscina, gate, options, warm);
    } catch (error) {
      await destroy(piscina, gate, options.workers);
      throw error;
    }
  }

  /**
   * Gauges for {@link VisionStats}.
   * @returns what waits, what runs, and how many workers died so far
   */
  stats(): { interactive: number; bulk: number; running: number; failures: number } {
    return {
      interactive: this.#queue.sizeOf('interactive'),
      bulk: this.#queue.sizeOf('bulk'),
      running: this.#running,
      failures: this.#failures,
    };
  }

  /**
   * Hands in a job.
   * @param job - image, pixels, text or texts
   * @param priority - its lane
   * @param bounded - whether `maxQueue` applies; streams, which bound themselves, are exempt
   * @returns the submission
   * @throws `QUEUE_FULL` when `maxQueue` jobs wait already, `CLOSED` after {@link WorkerPool.close}, `DECODER_CRASHED` for
   * an image that has done enough harm
   */
  submit<J extends EmbedJob>(job: J, priority: Priority, bounded: boolean): Submission<Success<J>> {
    if (this.#closing)
      throw new VisionError('CLOSED', 'The pool has been closed: create a new SemanticVision.');
    if ('hash' in job) refuseQuarantined(job.hash);
    if (bounded && this.#running >= this.#workers && this.#queue.size >= this.#maxQueue) {
      throw new VisionError(
        'QUEUE_FULL',
        `Expected at most ${this.#maxQueue} waiting requests (option "maxQueue") but one more came. ` +
          'Slow down, retry later, raise maxQueue, or use embedImages, which waits.',
      );
    }
    const { promise, resolve, reject } = deferred<Success<J>>();
    // The queue holds jobs of all kinds; a job's own answer is the only one that comes back for it.
    const waiting: Waiting = { job, resolve: resolve as Waiting['resolve'], reject };
    this.#queue.push(waiting, priority);
    this.#dispatch();
    return {
      result: promise,
      promote: () => this.#queue.promote(waiting),
      cancel: () => {
        const removed = this.#queue.remove(waiting);
        if (removed) this.#settled();
        return removed;
      },
    };
  }

  /** Refuses new jobs, lets everything handed in finish, then frees the sessions and ends the threads. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#running > 0 || this.#queue.size > 0) {
      await new Promise<void>((resolve) => (this.#idle = resolve));
    }
    await destroy(this.#piscina, this.#gate, this.#workers);
  }

  get #running(): number {
    return this.#workers - this.#freeSlots.length;
  }

  #dispatch(): void {
    while (this.#freeSlots.length > 0) {
      const waiting = this.#queue.shift();
      if (waiting === undefined) return;
      void this.#run(waiting, this.#freeSlots.pop() as number);
    }
  }

  async #run({ job, resolve, reject }: Waiting, slot: number): Promise<void> {
    const onDeath = () => {
      this.#failures++;
      if ('hash' in job) addStrike(job.hash);
    };
    try {
      resolve(await ask(this.#piscina, this.#gate, slot, job, onDeath));
    } catch (error) {
      if ('hash' in job && (error as VisionError).code === 'DECODER_CRASHED') quarantine(job.hash);
      reject(error as VisionError);
    } finally {
      this.#freeSlots.push(slot);
      this.#dispatch();
      this.#settled();
    }
  }

  #settled(): void {
    if (this.#running === 0 && this.#queue.size === 0) this.#idle?.();
  }
}

/**
 * Ends the threads. Sessions hold native memory that a terminated thread would not give back, so they are released first.
 * And only a thread that has answered may be terminated: ending one that is still loading its modules or addons, as the
 * replacement of a dead one does, aborts the whole process. One that fails to release is ended anyway.
 * @param piscina - the pool
 * @param gate - its exit gate
 * @param workers - how many it has
 */
async function destroy(piscina: Piscina, gate: ExitGate, workers: number): Promise<void> {
  await everyWorker(piscina, gate, workers, { kind: 'dispose' }).catch(() => undefined);
  await piscina.destroy();
  gate.release();
}

/**
 * Gives the same job to every worker at once. A worker takes one job at a time and piscina prefers idle ones, so as
 * many jobs as there are idle workers reach each of them.
 * @param piscina - the pool
 * @param gate - its exit gate
 * @param workers - how many it has
 * @param job - what to do
 * @returns the replies
 */
async function everyWorker(
  piscina: Piscina,
  gate: ExitGate,
  workers: number,
  job: WarmJob | DisposeJob,
): Promise<Done[]> {
  // All of them are waited for even when one fails: ending a thread that is busy in native code aborts the process.
  const replies = await Promise.allSettled(
    Array.from({ length: workers }, (_, slot) => ask(piscina, gate, slot, job)),
  );
  return replies.map((reply) => {
    if (reply.status === 'rejected') throw reply.reason as VisionError;
    return reply.value;
  });
}

async function ask<J extends Job>(
  piscina: Piscina,
  gate: ExitGate,
  slot: number,
  job: J,
  onDeath?: () => void,
): Promise<Success<J>> {
  let reply: ReplyTo<J>;
  try {
    // The buffers are ours (stage 1 copied them), so they can be moved instead of copied once more.
    reply = (await piscina.run({ job, slot } satisfies Task, { transferList: buffersOf(job) })) as ReplyTo<J>;
  } catch (cause) {
    gate.abandon(slot);
    onDeath?.();
    throw new VisionError(
      'WORKER_FAILED',
      `A worker thread ended under its request: ${messageOf(cause)}. It is being replaced; the request can be retried.`,
      { cause },
    );
  }
  if (!reply.ok) throw errorOf(reply);
  return reply as Success<J>;
}

function buffersOf(job: Job): ArrayBuffer[] {
  if (job.kind === 'image') return [job.bytes.buffer];
  return job.kind === 'pixels' ? [job.data.buffer] : [];
}

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: VisionError) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
