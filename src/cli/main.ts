#!/usr/bin/env node
// The command semantic-vision: reads the arguments, runs the command they name, and turns its end into an exit code.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { packageRoot } from '../package-root.js';
import { commandArguments } from './arguments.js';
import { CommandError, EXIT, failureOf } from './failure.js';
import { requireText } from './flags.js';
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

function end(error: unknown): never {
  output.error(failureOf(error));
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
      output = new Output(flags, interrupts.signal);
      requireText(flags);
      exitCode = await work({ output, signal: interrupts.signal });
    }).parseAsync(commandArguments(), { from: 'user' });
    return interrupts.exitCode ?? exitCode;
  } catch (error) {
    // Help and version are printed by now.
    if (error instanceof CommanderError) return error.exitCode;
    if (interrupts.reason === 'EPIPE') return EXIT.ok;
    const failure = failureOf(
      interrupts.reason === undefined ? error : interrupted(error, interrupts.reason),
    );
    output.error(failure);
    return failure.code === 'INTERRUPTED' ? (interrupts.exitCode ?? EXIT.failed) : failure.exitCode;
  }
}

// No process.exit(): the end waits until all output has reached a slow reader.
process.exitCode = await main();
