// What a worker thread runs first: loads the rest while the exit gate is told so.
//
// Node aborts the whole process when it ends a thread that is instantiating ES modules ("IsGraphAsync must be used on an
// instantiated module") or loading addons. So the end of the process waits for the loading, like for native code. This
// file is CommonJS because it has to be running itself before the flag can be raised: scripts can be ended at any time.
import workerThreads = require('node:worker_threads');
import type { Loading } from './exit-gate.js' with { 'resolution-mode': 'import' };

async function load({ memory, stop, count, module }: Loading): Promise<unknown> {
  Atomics.add(memory, count, 1);
  if (Atomics.load(memory, stop) === 1) {
    leave(memory, count);
    // The thread is about to be ended; a thread that waits here ends cleanly.
    Atomics.wait(memory, stop, 1);
  }
  try {
    return ((await import(module)) as { default: unknown }).default;
  } finally {
    leave(memory, count);
  }
}

function leave(memory: Loading['memory'], count: number): void {
  Atomics.sub(memory, count, 1);
  Atomics.notify(memory, count);
}

// piscina takes the promised function for the handler, and a rejection for the failure to load it.
export = load((workerThreads.workerData as { loading: Loading }).loading);
