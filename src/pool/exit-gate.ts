// Keeps a process that ends from tearing a worker down in the middle of native code.
//
// When Node ends a thread while ONNX Runtime's run() is on its stack, the binding's next call into Node fails and its C++
// exception aborts the whole process (SIGABRT), on a plain process.exit() too. So the end waits, on flags in shared
// memory, until the workers have left native code, and none of them enters it any more. Each job under way has a flag of
// its own, so that the pool can lower the one of a worker that died and will not do so itself. Threads that are still
// loading their modules and addons are counted and waited for as well: see worker-entry.cts.
//
// The same holds where the pool itself was started in a thread and that one is ended from outside: it runs no JavaScript
// any more, so the addon waits.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { holdThreadEnd } from '../image/binding.js';
import { packageRoot } from '../package-root.js';

/** Shared by the pool and its workers: see {@link enterNative} and {@link ExitGate}. */
export type GateMemory = Int32Array<SharedArrayBuffer>;

/** What a thread needs to load its module behind the gate; in its `workerData` as `loading`. */
export interface Loading {
  memory: GateMemory;
  /** Where the memory says that the process is ending. */
  stop: number;
  /** Where it counts the threads that are loading. */
  count: number;
  /** URL of the module; its default export handles the jobs. */
  module: string;
}

/**
 * The file that threads with a {@link Loading} start with.
 * @returns its path
 */
export function workerEntry(): string {
  return join(packageRoot(), 'dist', 'esm', 'pool', 'worker-entry.cjs');
}

const STOP = 0;
const LOADING = 1;
const FIRST_SLOT = 2;
// Longer than any single image takes; a hang in native code must not keep a process from ending for ever.
const PATIENCE_MS = 30_000;

/**
 * Runs a job that calls native code; for worker threads.
 * @param gate - the pool's memory
 * @param slot - the job's own flag, from 0
 * @param job - what to run
 * @returns the job's result; never, once the process is ending
 */
export async function enterNative<T>(gate: GateMemory, slot: number, job: () => Promise<T>): Promise<T> {
  Atomics.store(gate, FIRST_SLOT + slot, 1);
  if (Atomics.load(gate, STOP) === 1) {
    leave(gate, slot);
    // The thread is about to be ended; a thread that waits here ends cleanly.
    Atomics.wait(gate, STOP, 1);
  }
  try {
    return await job();
  } finally {
    leave(gate, slot);
  }
}

function leave(gate: GateMemory, slot: number): void {
  Atomics.store(gate, FIRST_SLOT + slot, 0);
  Atomics.notify(gate, FIRST_SLOT + slot);
}

const open = new Set<ExitGate>();

/** One for each pool; holds the process's exit until its workers are out of native code. */
export class ExitGate {
  readonly memory: GateMemory;
  readonly #letThreadEnd: (() => void) | undefined;

  /**
   * Opens a gate and watches for the process's exit, or that of the thread that it stands in.
   * @param slots - most jobs at once
   * @throws `NATIVE_UNAVAILABLE`, `WORKER_FAILED`
   */
  constructor(slots: number) {
    this.memory = new Int32Array(new SharedArrayBuffer((FIRST_SLOT + slots) * Int32Array.BYTES_PER_ELEMENT));
    if (!isMainThread) this.#letThreadEnd = holdThreadEnd(this.memory);
    if (open.size === 0) process.on('exit', stopAll);
    open.add(this);
  }

  /**
   * Has a thread's module loaded behind the gate.
   * @param file - the module's name in this folder
   * @returns for {@link workerEntry}
   */
  loading(file: string): Loading {
    const module = pathToFileURL(join(packageRoot(), 'dist', 'esm', 'pool', file)).href;
    return { memory: this.memory, stop: STOP, count: LOADING, module };
  }

  /** Lets the process end without looking at this pool again: its workers are gone. */
  release(): void {
    open.delete(this);
    if (open.size === 0) process.off('exit', stopAll);
    this.#letThreadEnd?.();
  }

  /**
   * Lowers the flag of a job whose worker died.
   * @param slot - the job's
   */
  abandon(slot: number): void {
    leave(this.memory, slot);
  }

  /** Closes the gate and waits, blocking, until no worker is loading or in native code. */
  stop(): void {
    const deadline = Date.now() + PATIENCE_MS;
    Atomics.store(this.memory, STOP, 1);
    for (let flag = LOADING; flag < this.memory.length; flag++) {
      for (let value; (value = Atomics.load(this.memory, flag)) !== 0;) {
        const rest = deadline - Date.now();
        if (rest <= 0) return;
        Atomics.wait(this.memory, flag, value, rest);
      }
    }
  }
}

function stopAll(): void {
  for (const gate of open) gate.stop();
}
