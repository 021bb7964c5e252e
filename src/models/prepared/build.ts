// Has a graph prepared in a process of its own.
import { throwIfAborted } from '../../abort.js';
import { runProgram } from '../child-program.js';
import type { BuildJob, BuildReply } from './build-process.js';

/**
 * Prepares a graph.
 * @param job - what to prepare, and where
 * @param signal - kills it
 * @returns the proof; the folder is complete then
 * @throws Error that says why there is none
 */
export async function build(job: BuildJob, signal: AbortSignal): Promise<string> {
  let reply: BuildReply | undefined;
  const { how, cause } = await runProgram('prepared/build-process', job, signal, (message) => {
    reply ??= message as BuildReply;
  });
  if (reply === undefined) {
    throwIfAborted(signal);
    throw cause ?? new Error(`the process that prepares it ${how}`);
  }
  if (!reply.ok) throw new Error(reply.message);
  return reply.proof;
}
