// Runs the built command as its users do: a process of its own, looked at from outside.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './fixtures.js';

/** The built command. */
export const COMMAND = join(ROOT, 'dist', 'esm', 'cli', 'main.js');

// A child that hangs is killed, and then has a signal instead of an exit code.
const GUARD_MS = 60_000;

/** How a child ended. */
export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** How to start a child. */
export interface StartOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /**
   * Written to standard input, which is then closed; without it nothing can be read there. `open`: the test writes. Or a
   * descriptor.
   */
  stdin?: string | number;
  /** A descriptor in place of what the test reads. */
  stdout?: number;
  /** In a process group of its own, as a terminal has it. */
  detached?: boolean;
}

/** A child under way. */
export interface Running {
  child: ChildProcess;
  /** What it has printed so far. */
  output: { stdout: string; stderr: string };
  ending: Promise<Ending>;
}

/**
 * Starts the command.
 * @param args - its arguments
 * @param options - surroundings
 * @returns the child
 */
export function start(args: readonly string[], options: StartOptions = {}): Running {
  const { cwd = ROOT, env = {}, stdin = '', stdout = 'pipe', detached } = options;
  const child = spawn(process.execPath, [COMMAND, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: [typeof stdin === 'number' ? stdin : 'pipe', stdout, 'pipe'],
    ...(detached === undefined ? {} : { detached }),
  });
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => (output.stdout += String(chunk)));
  child.stderr?.on('data', (chunk) => (output.stderr += String(chunk)));
  child.stdin?.on('error', () => undefined);
  if (stdin !== 'open') child.stdin?.end(stdin);
  return { child, output, ending: endingOf(child, output) };
}

/**
 * Follows a child to its end.
 * @param child - the child
 * @param output - where its output is collected
 * @returns how it ended
 */
export function endingOf(child: ChildProcess, output: Running['output']): Promise<Ending> {
  const guard = setTimeout(() => child.kill('SIGKILL'), GUARD_MS);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(guard);
      resolve({ code, signal, ...output });
    });
  });
}

/**
 * Runs the command to its end.
 * @param args - its arguments
 * @param options - surroundings
 * @returns how it ended
 */
export async function run(args: readonly string[], options?: StartOptions): Promise<Ending> {
  return start(args, options).ending;
}

/**
 * Reads JSON lines.
 * @param text - what a command printed
 * @returns the values
 */
export function jsonLines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

/**
 * Makes a folder for a test file.
 * @returns its path, and what removes it
 */
export function scratch(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-cli-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
