// Has a graph optimised in a process of its own.
import { VisionError } from '../../errors.js';
import { runProgram } from '../child-program.js';
import type { OptimizeJob } from './optimize-model.js';
import type { OptimizeMessage } from './optimize-process.js';
import type { OptimizationReport, OptimizeProgress } from './report.js';

/**
 * Optimises. The process does not survive this one.
 * @param job - what
 * @param onProgress - hears how far it is
 * @param signal - kills it
 * @returns the report; the folder is complete then
 * @throws what {@link optimizeGraph} throws; `ABORTED`; `WORKER_FAILED` when the process ends without an answer, as for
 * want of memory
 */
export async function runOptimization(
  job: OptimizeJob,
  onProgress: (progress: OptimizeProgress) => void,
  signal: AbortSignal | undefined,
): Promise<Omit<OptimizationReport, 'files'>> {
  let answer: Exclude<OptimizeMessage, { kind: 'progress' }> | undefined;
  const { started, how, cause } = await runProgram('optimized/optimize-process', job, signal, (message) => {
    const said = message as OptimizeMessage;
    if (said.kind === 'progress') onProgress(said.progress);
    else answer = said;
  });
  if (answer?.kind === 'done') return answer.report;
  if (answer !== undefined) throw new VisionError(answer.code, answer.message);
  if (signal?.aborted) {
    throw new VisionError('ABORTED', 'Optimising the model was aborted.', { cause: signal.reason });
  }
  const advice = started ? "It needs about six times the graph's size in memory: free some, or set" : 'Allow it, or set';
  throw new VisionError(
    'WORKER_FAILED',
    `The process that optimises the model ${how}. ${advice} "dtype" to "fp32".`,
    { cause },
  );
}
