// Runs in the optimising process: one job, progress as it goes, one reply.
import { VisionError, messageOf, type VisionErrorCode } from '../../errors.js';
import { isDiskFull } from '../hub/storage.js';
import { optimizeGraph, type OptimizeJob } from './optimize-model.js';
import type { OptimizationReport, OptimizeProgress } from './report.js';

/** What the process says: progress many times, then one of the others. */
export type OptimizeMessage =
  | { kind: 'progress'; progress: OptimizeProgress }
  | { kind: 'done'; report: Omit<OptimizationReport, 'files'> }
  | { kind: 'failed'; code: VisionErrorCode; message: string };

function say(message: OptimizeMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, () => resolve());
  });
}

// Nobody is left to use the result.
process.on('disconnect', () => process.exit(1));
process.once('message', (job: OptimizeJob) => {
  optimizeGraph(job, (progress) => void say({ kind: 'progress', progress }))
    .then(
      (report) => say({ kind: 'done', report }),
      (error: unknown) => {
        const code = error instanceof VisionError ? error.code : isDiskFull(error) ? 'DISK_FULL' : 'WORKER_FAILED';
        return say({ kind: 'failed', code, message: messageOf(error) });
      },
    )
    .finally(() => process.exit());
});
