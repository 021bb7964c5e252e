// Collects the worker threads that are started in this process, so that a test can end one. Import this file first.
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type * as WorkerThreads from 'node:worker_threads';

const threads = createRequire(import.meta.url)('node:worker_threads') as typeof WorkerThreads;
const started: WorkerThreads.Worker[] = [];

class Recorded extends threads.Worker {
  constructor(filename: string | URL, options?: WorkerThreads.WorkerOptions) {
    super(filename, options);
    started.push(this);
    this.once('exit', () => started.splice(started.indexOf(this), 1));
  }
}

// Piscina reads the class from this object when it starts a thread.
(threads as { Worker: typeof WorkerThreads.Worker }).Worker = Recorded;
syncBuiltinESMExports();

/** @returns the threads that are alive, oldest first */
export function liveThreads(): readonly WorkerThreads.Worker[] {
  return [...started];
}

/**
 * Makes an idle thread die of an uncaught error as soon as it has taken its next job and waits for something. Ending a
 * thread from outside while ONNX Runtime is at work in it would abort the whole process, which no test could survive.
 * @param worker - an idle thread of a piscina pool
 */
export function poison(worker: WorkerThreads.Worker): void {
  worker.postMessage(null); // piscina's thread expects its start message there
}
