// Finds the package's own folder, where the addon and the bundled model are.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VisionError } from './errors.js';

const PACKAGE_NAME = 'semantic-vision';
let found: string | undefined;

/**
 * The folder of this package: the nearest one upwards whose package.json bears its name. This file runs from different
 * depths (dist/esm, dist/cjs, src under a TypeScript loader), so no fixed number of levels would do.
 * @returns an absolute path
 * @throws {VisionError} NATIVE_UNAVAILABLE when there is none, as after bundling the package into one file
 */
export function packageRoot(): string {
  found ??= search(dirname(fileURLToPath(import.meta.url)));
  return found;
}

function search(start: string): string {
  for (let directory = start; ; directory = dirname(directory)) {
    if (packageName(join(directory, 'package.json')) === PACKAGE_NAME) return directory;
    if (directory === dirname(directory)) break;
  }
  throw new VisionError(
    'NATIVE_UNAVAILABLE',
    `No folder above ${start} is the package ${PACKAGE_NAME}, so its C++ addon and model cannot be found. ` +
      'If a bundler copied its code elsewhere, mark the package as external.',
  );
}

function packageName(path: string): unknown {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof content === 'object' && content !== null && 'name' in content ? content.name : undefined;
  } catch {
    return undefined; // no such file here, or not ours
  }
}
