// Has a graph prepared in a process of its own: it can be killed at any moment, and takes its memory with it.
import { fork, type ChildProcess } from 'node:child_process';
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
    // Preloads and inspectors of the main program have no business in it. What NODE_OPTIONS preloads stays: some package
    // managers resolve imports by it.
    execArgv: [],
    env: { ...process.env, NODE_OPTIONS: withoutInspector(process.env.NODE_OPTIONS) },
    // Plain data that JSON cannot hold may be among the session options.
    serialization: 'advanced',
    stdio: 'ignore',
    killSignal: 'SIGKILL',
    signal,
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  try {
    const reply = await replyTo(child, job);
    if (!reply.ok) throw new Error(reply.message);
    return reply.proof;
  } finally {
    process.off('exit', kill);
  }
}

// Settles when the process has ended: nothing is written any more then, and Windows lets its files be moved.
async function replyTo(child: ChildProcess, job: BuildJob): Promise<BuildReply> {
  return new Promise((resolve, reject) => {
    let answer: BuildReply | undefined;
    let failure: Error | undefined;
    child.once('message', (message) => (answer = message as BuildReply));
    child.once('error', (error) => {
      failure = error;
      if (child.pid === undefined) reject(error);
    });
    // "exit" may come before the last message, "close" does not.
    child.once('close', (code, signal) => {
      if (answer !== undefined) resolve(answer);
      else reject(failure ?? new Error(`the process that prepares it ended with ${signal ?? `code ${code}`}`));
    });
    // Its end says more than a message that did not reach it.
    child.send(job, () => undefined);
  });
}

function withoutInspector(options = ''): string {
  return options.replace(/--inspect\S*/g, '');
}
