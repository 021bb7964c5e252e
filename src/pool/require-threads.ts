// Makes sure that threads may be started before anything waits for one.
import { VisionError } from '../errors.js';
import { threadsForbidden } from '../node-flags.js';

/**
 * To be called before the first thread is asked for.
 * @throws `WORKER_FAILED` where Node's permission model forbids threads
 */
export function requireThreads(): void {
  const why = threadsForbidden();
  if (why !== undefined) throw new VisionError('WORKER_FAILED', `No thread can be started: ${why}.`);
}
