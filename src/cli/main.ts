#!/usr/bin/env node
// The command semantic-vision: reads the arguments, runs the command they name, and turns its end into an exit code.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { packageRoot } from '../package-root.js';
import { CommandError, EXIT, failureOf, type Failure } from './failure.js';
import { Interrupts } from './interrupts.js';
import { Output } from './output.js';
import { createProgram } from './program.js';

// Until the options are read, and for what is wrong with them.
let output = new Output({ json: process.argv.includes('--json') });
const interrupts = new Interrupts((name) => output.note(`${name}: stopping; once more ends at once.`));

// A reader that has seen enough (`| head`) is no error; and nobody is left to tell when stderr is gone.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') interrupts.readerLeft();
  else end(new CommandError('OUTPUT_FAILED', `Cannot write to stdout: ${error.message}.`, { cause: error }));
});
process.stderr.on('error', () => undefined);
process.on('uncaughtException', end);

// Node 20 has two ways for the error of a CommonJS module that is imported: it rejects, and comes as uncaught as well.
let reported: unknown;

function report(error: unknown): Failure {
  const failure = failureOf(error);
  if (error !== reported) output.error(failure);
  reported = error;
  return failure;
}

function end(error: unknown): never {
  report(error);
  process.exit(EXIT.failed);
}

// A command that has something to say of what it kept says it; what else goes wrong while stopping is reported as it is.
function interrupted(error: unknown, reason: string): unknown {
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (code !== 'ABORTED' && name !== 'AbortError') return error;
  return new CommandError('INTERRUPTED', `Stopped by ${reason}. What was finished is kept.`, {
    cause: error,
  });
}

function version(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function main(): Promise<number> {
  let exitCode: number = EXIT.ok;
  try {
    await createProgram(version(), async (flags, work) => {
      output = new Output(flags);
      exitCode = await work({ output, signal: interrupts.signal });
    }).parseAsync();
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
