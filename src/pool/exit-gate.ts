// Keeps a process that ends from tearing a worker down in the middle of native code.
//
// When Node ends a thread while ONNX Runtime's run() is on its stack, the binding's next call into Node fails and its C++
// exception aborts the whole process (SIGABRT), on a plain process.exit() too. So the end waits, on a counter in shared
// memory, until the workers have left native code, and none of them enters it any more.

/** Shared by the pool and its workers: see {@link enterNative} and {@link ExitGate}. */
export type GateMemory = Int32Array<SharedArrayBuffer>;

const STOP = 0;
const BUSY = 1;
// Longer than any single image takes; a hang in native code must not keep a process from ending for ever.
const PATIENCE_MS = 30_000;

/**
 * Runs a job that calls native code; for worker threads.
 * @param gate - the pool's memory
 * @param job - what to run
 * @returns the job's result; never, once the process is ending
 */
export async function enterNative<T>(gate: GateMemory, job: () => Promise<T>): Promise<T> {
  Atomics.add(gate, BUSY, 1);
  if (Atomics.load(gate, STOP) === 1) {
    leave(gate);
    // The thread is about to be ended; a thread that waits here ends cleanly.
    Atomics.wait(gate, STOP, 1);
  }
  try {
    return await job();
  } finally {
    leave(gate);
  }
}

function leave(gate: GateMemory): void {
  Atomics.sub(gate, BUSY, 1);
  Atomics.notify(gate, BUSY);
}

const open = new Set<ExitGate>();

/** One for each pool; holds the process's exit until its workers are out of native code. */
export class ExitGate {
  readonly memory: GateMemory = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));

  /** Opens a gate and watches for the process's exit. */
  constructor() {
    if (open.size === 0) process.on('exit', stopAll);
    open.add(this);
  }

  /** Lets the process end without looking at this pool again: its workers are gone. */
  release(): void {
    open.delete(this);
    if (open.size === 0) process.off('exit', stopAll);
  }

  /** Closes the gate and waits, blocking, until no worker is in native code. */
  stop(): void {
    const deadline = Date.now() + PATIENCE_MS;
    Atomics.store(this.memory, STOP, 1);
    for (let busy; (busy = Atomics.load(this.memory, BUSY)) > 0;) {
      const rest = deadline - Date.now();
      if (rest <= 0) return;
      Atomics.wait(this.memory, BUSY, busy, rest);
    }
  }
}

function stopAll(): void {
  for (const gate of open) gate.stop();
}
