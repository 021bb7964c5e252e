// Runs the generator and the children of the differential test; a child that ends at a file counts as that file's crash.
import { fork, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Entry, Result, Task } from './differential-types.js';

const GENERATOR = fileURLToPath(new URL('../differential/generate.py', import.meta.url));
const CHILD = fileURLToPath(new URL('./differential-child.ts', import.meta.url));
const TOOLS = ['cjpeg', 'jpegtran', 'tiffcp', 'convert', 'cwebp', 'avifenc', 'avifdec'];
// Debian's: the reference is its Pillow.
const PYTHON = '/usr/bin/python3';

/** @returns what the generator needs and this machine lacks, in words; empty when it can run */
export function missingTools(): string[] {
  const missing = TOOLS.filter((tool) => spawnSync('which', [tool]).status !== 0);
  const { status } = spawnSync(PYTHON, ['-c', 'import PIL, numpy']);
  return status === 0 ? missing : [...missing, `${PYTHON} with PIL and numpy`];
}

/**
 * Writes the corpus.
 * @param folder - where to
 * @param seed - of the pairwise combinations
 * @param formats - names of formats, separated by commas; all when undefined
 * @throws Error when the generator fails
 */
export function generateCorpus(folder: string, seed: number, formats?: string): void {
  const only = formats === undefined ? [] : ['--formats', formats];
  const { status, stderr } = spawnSync(PYTHON, ['-B', GENERATOR, folder, '--seed', String(seed), ...only], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`The generator failed:\n${stderr}`);
}

/**
 * @param folder - a corpus
 * @returns its files
 */
export function readManifest(folder: string): Entry[] {
  const { files } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { files: Entry[] };
  return files;
}

/**
 * Decodes files in child processes, one after the other, each going on behind the file that ended the one before.
 * @param task - what to decode, and how
 * @returns what came of each file
 */
export async function decodeAll(task: Task): Promise<Map<string, Result>> {
  const results = new Map<string, Result>();
  let left = task.entries;
  while (left.length > 0) {
    const { last, ended } = await oneChild({ ...task, entries: left }, results);
    if (last === undefined)
      throw new Error(`The child for ${task.way} ended before its first file: ${ended}`);
    if (!results.has(last)) results.set(last, { outcome: 'crash', error: ended });
    left = left.filter(({ file }) => !results.has(file));
  }
  return results;
}

function oneChild(
  task: Task,
  results: Map<string, Result>,
): Promise<{ last: string | undefined; ended: string }> {
  return new Promise((resolve) => {
    const child = fork(CHILD, { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let last: string | undefined;
    let complaint = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-2000);
    });
    child.on('message', (message: { start?: string; file?: string; result?: Result }) => {
      last = message.start ?? last;
      if (message.file !== undefined) results.set(message.file, message.result!);
    });
    child.on('close', (code, signal) => {
      resolve({ last, ended: `exit ${code ?? String(signal)} ${complaint.trim().slice(0, 300)}` });
    });
    child.send(task);
  });
}
