// The worker threads: which jobs reach which of them, and a new one in the place of one that died.
import { VisionError, messageOf } from '../errors.js';
import { ExitGate } from './exit-gate.js';
import { errorOf } from './failure.js';
import { leaseMemory, sharpLeases } from './leases.js';
import { processWide } from './process-wide.js';
import type { DisposeJob, Done, Failure, Job, ReplyTo, Task, WarmJob, WorkerConfig } from './protocol.js';
import { requireThreads, threadsOf } from './session-threads.js';
import { disableTelemetry } from './telemetry.js';
import { Thread, ThreadNotStarted } from './thread.js';

// One for all pools: they share libuv's threads.
const LEASES = processWide('leases', () => leaseMemory(sharpLeases()));

/** What a job that did not fail answers. */
export type Success<J extends Job> = Exclude<ReplyTo<J>, Failure>;

/** A fixed number of places for worker threads, each with sessions of its own. */
export class Workers {
  readonly #gate: ExitGate;
  readonly #config: WorkerConfig;
  // By place, which is also the place of its flag at the exit gate. Undefined where none could be started.
  readonly #threads: (Thread<Task, ReplyTo<Job>> | undefined)[] = [];
  #ending = false;

  private constructor(count: number, config: Omit<WorkerConfig, 'loading' | 'leases'>) {
    this.#gate = new ExitGate(count);
    this.#config = { ...config, loading: this.#gate.loading('worker.js'), leases: LEASES };
  }

  /**
   * Starts the threads, opens the image session in each and runs it once.
   * @param count - how many
   * @param config - for each of them
   * @returns the workers, and what each answered
   * @throws `MODEL_INVALID`, `NATIVE_UNAVAILABLE`, `WORKER_FAILED`, with no thread left
   */
  static async start(
    count: number,
    config: Omit<WorkerConfig, 'loading' | 'leases'>,
  ): Promise<{ workers: Workers; warm: Done[] }> {
    disableTelemetry();
    // The workers themselves, and those of their image sessions, which are all opened at once.
    requireThreads(count * (1 + threadsOf(config.sessionOptions)));
    const workers = new Workers(count, config);
    try {
      for (let place = 0; place < count; place++) workers.#threads.push(workers.#newThread());
      return { workers, warm: await workers.#all({ kind: 'warm' }) };
    } catch (error) {
      await workers.end();
      throw error;
    }
  }

  /**
   * Does a job in one of the threads.
   * @param place - of an idle thread
   * @param job - what to do
   * @param onDeath - called when the thread dies of it
   * @returns the answer
   * @throws the failure's code; `WORKER_FAILED` when the thread dies, or none can be started
   */
  async ask<J extends Job>(place: number, job: J, onDeath?: () => void): Promise<Success<J>> {
    let reply: ReplyTo<J>;
    try {
      // The buffers are ours (stage 1 copied them), so they can be moved instead of copied once more.
      reply = (await this.#threadAt(place).run({ job, slot: place }, buffersOf(job))) as ReplyTo<J>;
    } catch (cause) {
      this.#gate.abandon(place);
      if (cause instanceof ThreadNotStarted) throw cause;
      onDeath?.();
      this.#replace(place);
      throw new VisionError(
        'WORKER_FAILED',
        `A worker thread ended under its request: ${messageOf(cause)}. It is being replaced; the request can be retried.`,
        { cause },
      );
    }
    if (!reply.ok) throw errorOf(reply);
    return reply as Success<J>;
  }

  /**
   * Ends the threads. Sessions hold native memory that a terminated thread would not give back, so they are released first.
   * And only a thread that has answered may be terminated: ending one that is still loading its modules or addons, as the
   * replacement of a dead one does, aborts the whole process. One that fails to release is ended anyway.
   */
  async end(): Promise<void> {
    this.#ending = true;
    await this.#all({ kind: 'dispose' }).catch(() => undefined);
    await Promise.all(this.#threads.flatMap((thread) => thread?.end() ?? []));
    this.#gate.release();
  }

  // All of them are waited for even when one fails: ending a thread that is busy in native code aborts the process.
  async #all(job: WarmJob | DisposeJob): Promise<Done[]> {
    const alive = [...this.#threads.keys()].filter((place) => !this.#ending || this.#isAlive(place));
    const replies = await Promise.allSettled(alive.map((place) => this.ask(place, job)));
    return replies.map((reply) => {
      if (reply.status === 'rejected') throw reply.reason as VisionError;
      return reply.value;
    });
  }

  #isAlive(place: number): boolean {
    return this.#threads[place]?.ended === false;
  }

  #threadAt(place: number): Thread<Task, ReplyTo<Job>> {
    const thread = this.#threads[place];
    return thread?.ended === false ? thread : (this.#threads[place] = this.#newThread());
  }

  // At once, so that it is loaded when its first job comes. Where that is not possible now, the job tries again.
  #replace(place: number): void {
    this.#threads[place] = undefined;
    if (this.#ending) return;
    try {
      this.#threads[place] = this.#newThread();
    } catch {
      // What the job that tries again will be told.
    }
  }

  #newThread(): Thread<Task, ReplyTo<Job>> {
    return new Thread(this.#config);
  }
}

function buffersOf(job: Job): ArrayBuffer[] {
  if (job.kind === 'image') return [job.bytes.buffer];
  return job.kind === 'pixels' ? [job.data.buffer] : [];
}
