// The package as it is installed where the optional package sharp is not, and programs that run there.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import { ROOT } from './fixtures.js';

/**
 * The package in a folder of its own, where only its dependencies can be found: as installed without sharp.
 * @returns the folder, which the caller removes
 */
export function installedWithoutSharp(): string {
  const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-without-'));
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  for (const name of ['build', 'models']) symlinkSync(join(ROOT, name), join(folder, name));
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(dependencies)) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), link);
  }
  return folder;
}

/**
 * Runs a program in a process of its own, which must end with 0.
 * @param root - the package's folder, where imports are looked up
 * @param source - an ES module that prints JSON
 * @returns what it printed
 */
export function printedIn(root: string, source: string): unknown {
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, ['--input-type=module', '-'], {
    cwd: root,
    input: source,
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 256 * 1024 * 1024,
  });
  assert.is(status, 0, `${String(signal)}: ${stderr}`);
  return JSON.parse(stdout);
}
