#!/usr/bin/env node
// The command semantic-vision: reads the arguments, runs the command they name, and turns its end into an exit code.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { packageRoot } from '../package-root.js';
import { commandArguments } from './arguments.js';
import { CommandError, EXIT, failureOf, type Failure } from './failure.js';
import { requireText } from './flags.js';
import { Interrupts } from './interrupts.js';
import { Output } from './output.js';
import { createProgram } from './program.js';

// What Node keeps to itself of a stream.
type Writer = NodeJS.WriteStream & { _handle?: { setBlocking?: (blocking: boolean) => void } };

// Until the options are read, and for what is wrong with them.
let output = new Output({ json: process.argv.includes('--json') });
const interrupts = new Interrupts({
  onSignal: (name) => output.note(`${name}: stopping; once more ends at once.`),
  onGiveUp: (name) => report(stoppedBy(name)),
});
let reported = false;

// Node writes to a terminal without letting anything else happen meanwhile. In one that is stopped (Ctrl-S) or does not read
// no signal would be seen; written like a pipe, it waits beside everything else.
for (const stream of [process.stdout, process.stderr] as Writer[])
  if (stream.isTTY) stream._handle?.setBlocking?.(false);

// A reader that has seen enough (`| head`) is no error; and nobody is left to tell when stderr is gone.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') interrupts.readerLeft();
  else end(new CommandError('OUTPUT_FAILED', `Cannot write to stdout: ${error.message}.`, { cause: error }));
});
process.stderr.on('error', () => undefined);
process.on('uncaughtException', end);

// What ends the command is told once, by whichever way it comes first: a failed import, for one, is also a rejection that
// nobody handles.
function report(error: unknown): Failure {
  const failure = failureOf(error);
  if (!reported) output.error(failure);
  reported = true;
  return failure;
}

function end(error: unknown): never {
  report(error);
  process.exit(process.exitCode ?? EXIT.failed);
}

function stoppedBy(reason: string, cause?: unknown): CommandError {
  return new CommandError('INTERRUPTED', `Stopped by ${reason}. What was finished is kept.`, { cause });
}

// A command that has something to say of what it kept says it; what else goes wrong while stopping is reported as it is.
function interrupted(error: unknown, reason: string): unknown {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return code === 'ABORTED' || name === 'AbortError' ? stoppedBy(reason, error) : error;
}

function version(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function main(): Promise<number> {
  let exitCode: number = EXIT.ok;
  try {
    await createProgram(version(), async (flags, work) => {
      output = new Output(flags, interrupts.signal);
      requireText(flags);
      exitCode = await work({
        output,
        signal: interrupts.signal,
        keep: async (saving) => interrupts.keep(saving),
      });
    }).parseAsync(commandArguments(), { from: 'user' });
    return interrupts.exitCode ?? exitCode;
  } catch (error) {
    // Help and version are printed by now.
    if (error instanceof CommanderError) return error.exitCode;
    if (interrupts.reason === 'EPIPE') return EXIT.ok;
    const failure = report(interrupts.reason === undefined ? error : interrupted(error, interrupts.reason));
    return failure.code === 'INTERRUPTED' ? (interrupts.exitCode ?? EXIT.failed) : failure.exitCode;
  }
}

// No process.exit(): the end waits until all output has reached a slow reader.
process.exitCode = await main();
