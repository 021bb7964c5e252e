// Sees that ONNX Runtime gets the threads of its sessions: it hangs when it gets some of them and then no more.
import { canStartThreads } from '../image/binding.js';
import { noThread } from '../no-thread.js';

/**
 * How many threads a session starts.
 * @param options - ONNX Runtime's session options
 * @returns one fewer than it uses: a run works in its caller's, too
 */
export function threadsOf({ intraOpNumThreads }: Record<string, unknown>): number {
  return typeof intraOpNumThreads === 'number' ? intraOpNumThreads - 1 : 0;
}

/**
 * To be called before threads are started. (Two callers at once may both be told of the same ones.)
 * @param count - how many
 * @throws `WORKER_FAILED` when the system does not grant so many; `NATIVE_UNAVAILABLE`
 */
export function requireThreads(count: number): void {
  if (count > 0 && !canStartThreads(count)) throw noThread(`${count} threads`, new Error('EAGAIN'));
}
