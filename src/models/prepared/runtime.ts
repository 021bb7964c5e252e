// Which ONNX Runtime the workers will load, without loading it on the caller's thread.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/**
 * @returns version of the installed onnxruntime-node
 * @throws Error when it is not installed
 */
export function runtimeVersion(): string {
  // Resolved as an import would be: a package manager may keep packages outside of any node_modules.
  const path = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
