// The options of every worker's ONNX Runtime session.
import type { ResolvedOptions } from '../options.js';
import { availableCpus } from './cpus.js';

/**
 * @param options - the caller's; its `sessionOptions` are laid over the library's own
 * @param cpus - CPUs this process may use; only tests pass it
 * @returns options for onnxruntime-node
 */
export function sessionOptions(
  options: Pick<ResolvedOptions, 'workers' | 'intraOpNumThreads' | 'executionProviders' | 'sessionOptions'>,
  cpus = availableCpus(),
): Record<string, unknown> {
  const { workers, intraOpNumThreads, executionProviders } = options;
  // Where each thread has a CPU of its own, waiting for the next piece of a run by spinning saves 5 % of an image's time.
  // Where not, spinning threads burn the CPU that the others need: 8.7 instead of 12.6 images/s on 2 CPUs.
  const spin = workers * intraOpNumThreads <= cpus;
  return {
    executionProviders,
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads,
    interOpNumThreads: 1,
    // Planning ahead where every tensor lies costs each worker 10 to 20 MB more and saves no time: the arena keeps its
    // blocks anyway.
    enableMemPattern: false,
    // Nothing spins between two runs.
    extra: { session: { intra_op: { allow_spinning: spin ? '1' : '0' }, force_spinning_stop: '1' } },
    ...options.sessionOptions,
  };
}
