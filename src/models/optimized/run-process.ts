// Has a graph optimised in a process of its own: it can be killed at any moment, and takes its memory with it.
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { VisionError } from '../../errors.js';
import { packageRoot } from '../../package-root.js';
import { disableTelemetry } from '../../pool/telemetry.js';
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
  disableTelemetry();
  const child = fork(join(packageRoot(), 'dist', 'esm', 'models', 'optimized', 'optimize-process.js'), [], {
    // Preloads and inspectors of the main program have no business in it.
    execArgv: [],
    serialization: 'advanced',
    stdio: 'ignore',
    killSignal: 'SIGKILL',
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  signal?.addEventListener('abort', kill, { once: true });
  if (signal?.aborted) kill();
  try {
    return await new Promise((resolve, reject) => {
      let answer: Exclude<OptimizeMessage, { kind: 'progress' }> | undefined;
      let failure: Error | undefined;
      child.on('message', (message) => {
        const said = message as OptimizeMessage;
        if (said.kind === 'progress') onProgress(said.progress);
        else answer = said;
      });
      child.once('error', (error) => {
        failure = error;
        if (child.pid === undefined) reject(ended('could not be started', error));
      });
      // "exit" may come before the last message, "close" does not.
      child.once('close', (code, name) => {
        if (answer?.kind === 'done') resolve(answer.report);
        else if (answer) reject(new VisionError(answer.code, answer.message));
        else if (signal?.aborted) reject(new VisionError('ABORTED', 'Optimising the model was aborted.', { cause: signal.reason }));
        else reject(ended(`ended with ${name ?? `code ${code}`}`, failure));
      });
      // Its end says more than a message that did not reach it.
      child.send(job, () => undefined);
    });
  } finally {
    process.off('exit', kill);
    signal?.removeEventListener('abort', kill);
  }
}

function ended(how: string, cause: Error | undefined): VisionError {
  return new VisionError(
    'WORKER_FAILED',
    `The process that optimises the model ${how}: it needs about six times the graph's size in memory. Free some, or set ` +
      '"dtype" to "fp32".',
    { cause },
  );
}
