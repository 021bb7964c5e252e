// One thread that does one job after the other: a piscina pool of one, so that a thread that dies or can't be started is
// this file's to deal with. piscina starts another in the event of the first one's end, where nobody can catch what that
// throws, and leaves jobs in its queue for a thread that will never come.
import { Piscina } from 'piscina';
import { VisionError, messageOf } from '../errors.js';
import { noThread, saysNoThread } from '../no-thread.js';
import { saysNoFolder } from '../working-folder.js';
import { workerEntry, type Loading } from './exit-gate.js';

/** The thread could not be started: no job is to blame. */
export class ThreadNotStarted extends VisionError {
  /**
   * @param message - why, and what to do
   * @param cause - the error underneath
   */
  constructor(message: string, cause: unknown) {
    super('WORKER_FAILED', message, { cause });
  }
}

/** A thread with a handler for jobs; give it one at a time. */
export class Thread<Job, Reply> {
  readonly #piscina: Piscina<Job, Reply>;
  #ended = false;

  /**
   * Starts a thread. It loads its module in its own time.
   * @param workerData - for the module that `loading` names
   * @throws a {@link ThreadNotStarted}
   */
  constructor(workerData: { loading: Loading }) {
    try {
      this.#piscina = new Piscina<Job, Reply>({
        filename: workerEntry(),
        minThreads: 1,
        maxThreads: 1,
        concurrentTasksPerWorker: 1,
        // A thread that waits for its next job inside Atomics.wait never runs the finalizers by which the decoder frees its
        // memory: 40 photos of 12 megapixels took 3 GB that way, 0.4 GB without.
        atomics: 'disabled',
        workerData,
        // Preloads and inspectors of the main program (--import, --inspect-brk) have no business in a thread of ours.
        execArgv: [],
      });
    } catch (cause) {
      throw notStarted(cause);
    }
    // An idle thread that dies has no job to fail; without a listener the event would end the process.
    this.#piscina.on('error', () => undefined);
    this.#piscina.once('workerDestroy', () => void this.end());
  }

  /** Whether it is gone, or told to go. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Does a job.
   * @param job - plain data
   * @param transferList - what of it is moved, not copied
   * @returns the handler's answer
   * @throws what ended the thread, or what the handler throws; a {@link ThreadNotStarted} where it never came to life
   */
  async run(job: Job, transferList: ArrayBuffer[] = []): Promise<Reply> {
    try {
      return await this.#piscina.run(job, { transferList });
    } catch (cause) {
      throw saysNoFolder(cause) ? notStarted(cause) : cause;
    }
  }

  /** Ends it: at once, so only an idle thread should be ended that has answered a job. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#piscina.destroy();
  }
}

function notStarted(cause: unknown): ThreadNotStarted {
  if (saysNoFolder(cause)) {
    return new ThreadNotStarted(
      'The working folder of the process does not exist any more, and no thread starts without one: change to another ' +
        'folder (process.chdir), or start the program again.',
      cause,
    );
  }
  return new ThreadNotStarted(
    saysNoThread(cause)
      ? noThread('A thread', cause).message
      : `A thread could not be started: ${messageOf(cause)}.`,
    cause,
  );
}
