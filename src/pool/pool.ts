// The worker pool: a bounded queue with lanes and cancellation in front of the worker threads.
import { VisionError } from '../errors.js';
import type { Priority } from '../types.js';
import type { Embedded, ImageJob, PixelsJob, TextsJob, WorkerConfig } from './protocol.js';
import { addStrike, quarantine, refuseQuarantined } from './quarantine.js';
import { LaneQueue } from './queue.js';
import { Workers, type Success } from './workers.js';

/** A job that waits or runs. */
type EmbedJob = ImageJob | PixelsJob | TextsJob;

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
  readonly #threads: Workers;
  readonly #workers: number;
  readonly #maxQueue: number;
  readonly #queue = new LaneQueue<Waiting>();
  // Places of idle workers.
  readonly #freeSlots: number[];
  #failures = 0;
  #closing = false;
  #idle: (() => void) | undefined;
  /** Length of the model's vectors. */
  readonly dimensions: number;
  /** Whether every worker took the prepared form of the image tower. */
  readonly shared: boolean;

  private constructor(threads: Workers, options: PoolOptions, dimensions: number, shared: boolean) {
    this.#threads = threads;
    this.#workers = options.workers;
    this.#maxQueue = options.maxQueue;
    this.#freeSlots = Array.from({ length: options.workers }, (_, slot) => slot);
    this.dimensions = dimensions;
    this.shared = shared;
  }

  /**
   * Starts the workers, opens the image session in each and runs it once.
   * @param options - pool options
   * @returns the pool, ready for work
   * @throws `MODEL_INVALID`, `NATIVE_UNAVAILABLE`, `WORKER_FAILED`
   */
  static async start(options: PoolOptions): Promise<WorkerPool> {
    const { workers, warm } = await Workers.start(options.workers, options.config);
    const shared = warm.every((reply) => reply.shared);
    return new WorkerPool(workers, options, warm[0]?.dimensions ?? 0, shared);
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
    await this.#threads.end();
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
      resolve(await this.#threads.ask(slot, job, onDeath));
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

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: VisionError) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
