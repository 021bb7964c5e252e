// Runs one of this package's programs in a process of its own: it can be killed at any moment, and takes its memory with it.
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { childEnvironment } from '../child-environment.js';
import { messageOf } from '../errors.js';
import { packageRoot } from '../package-root.js';
import { disableTelemetry } from '../pool/telemetry.js';

/** How a process ended. */
export interface Ending {
  /** Whether it ran at all. */
  started: boolean;
  /** Such as `ended with SIGKILL`. */
  how: string;
  /** The error underneath, if there was one. */
  cause: Error | undefined;
}

/**
 * Sends a job to a program and waits for its end: nothing is written any more then, and Windows lets its files be moved.
 * The program does not survive this process.
 * @param program - its path below `models/`, without extension
 * @param job - plain data, also such as JSON cannot hold
 * @param signal - kills it
 * @param onMessage - hears what it says; where it throws, the program is killed
 * @returns how it ended; a signal that fired is such an ending too
 * @throws what `onMessage` throws
 */
export async function runProgram(
  program: string,
  job: object,
  signal: AbortSignal | undefined,
  onMessage: (message: unknown) => void,
): Promise<Ending> {
  disableTelemetry();
  let child: ChildProcess;
  try {
    child = fork(join(packageRoot(), 'dist', 'esm', 'models', `${program}.js`), [], {
      // Preloads and inspectors of the main program have no business in it.
      execArgv: [],
      env: childEnvironment(),
      serialization: 'advanced',
      stdio: 'ignore',
    });
  } catch (error) {
    // Such as by Node's permission model.
    return notStarted(error as Error);
  }
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  signal?.addEventListener('abort', kill, { once: true });
  if (signal?.aborted) kill();
  let failure: { error: unknown } | undefined;
  const hear = (message: unknown) => {
    if (failure !== undefined) return;
    try {
      onMessage(message);
    } catch (error) {
      failure = { error };
      kill();
    }
  };
  try {
    const ending = await new Promise<Ending>((resolve) => {
      let cause: Error | undefined;
      child.on('message', hear);
      child.once('error', (error) => {
        cause = error;
        if (child.pid === undefined) resolve(notStarted(error));
      });
      // "exit" may come before the last message, "close" does not.
      child.once('close', (code, name) => resolve({ started: true, how: `ended with ${name ?? `code ${code}`}`, cause }));
      // Its end says more than a message that did not reach it.
      child.send(job, () => undefined);
    });
    if (failure !== undefined) throw failure.error;
    return ending;
  } finally {
    process.off('exit', kill);
    signal?.removeEventListener('abort', kill);
  }
}

function notStarted(cause: Error): Ending {
  return { started: false, how: `could not be started (${messageOf(cause)})`, cause };
}
