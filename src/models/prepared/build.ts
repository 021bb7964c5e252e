// Has a graph prepared in a process of its own: it can be killed at any moment, and takes its memory with it.
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../package-root.js';
import type { BuildJob, BuildReply } from './build-process.js';

/**
 * Prepares a graph. It does not survive this process.
 * @param job - what to prepare, and where
 * @param signal - kills it
 * @returns the proof; the folder is complete then
 * @throws Error that says why there is none
 */
export async function build(job: BuildJob, signal: AbortSignal): Promise<string> {
  const program = join(packageRoot(), 'dist', 'esm', 'models', 'prepared', 'build-process.js');
  const child = fork(program, [], {
    // Preloads and inspectors of the main program have no business in it.
    execArgv: [],
    // Plain data that JSON cannot hold may be among the session options.
    serialization: 'advanced',
    stdio: 'ignore',
    killSignal: 'SIGKILL',
    signal,
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  try {
    const reply = await new Promise<BuildReply>((resolve, reject) => {
      let answer: BuildReply | undefined;
      child.once('message', (message) => (answer = message as BuildReply));
      child.once('error', reject);
      // Only when it has ended are its files closed, which Windows wants before they are moved.
      child.once('exit', (code, ended) =>
        answer === undefined
          ? reject(new Error(`the process that prepares it ended with ${ended ?? `code ${code}`}`))
          : resolve(answer),
      );
      child.send(job, (error) => {
        if (error !== null) reject(error);
      });
    });
    if (!reply.ok) throw new Error(reply.message);
    return reply.proof;
  } finally {
    process.off('exit', kill);
    kill();
  }
}
