// A project that has the package installed: its published files copied, its dependencies those of this repository.
import { cpSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './fixtures.js';

/**
 * Makes such a project.
 * @param links - further packages of this repository that it can import
 * @returns its folder, which the caller removes
 */
export function installedProject(...links: string[]): string {
  const project = mkdtempSync(join(tmpdir(), 'semantic-vision-project-'));
  const installed = join(project, 'node_modules', 'semantic-vision');
  mkdirSync(installed, { recursive: true });
  for (const name of ['dist', 'package.json'])
    cpSync(join(ROOT, name), join(installed, name), { recursive: true });
  for (const name of ['build', 'models', 'node_modules'])
    symlinkSync(join(ROOT, name), join(installed, name));
  for (const name of links)
    symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
  writeFileSync(join(project, 'package.json'), '{"name":"consumer","private":true}');
  return project;
}
