// Describes where and with what the figures were taken.
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { kernelImplementation } from '../dist/esm/image/binding.js';
import { ROOT } from './inputs.js';
import { CPUS } from './subjects.js';

const PACKAGES = [
  'onnxruntime-node',
  '@napi-rs/image',
  'hnswlib-node',
  'piscina',
  '@huggingface/transformers',
  'sharp',
  'tinybench',
];

/** Plain data, for `--json`. */
export interface Machine {
  cpu: string;
  /** CPUs that this process may use. */
  cpus: number;
  /** Implementation of the native kernel in use. */
  kernel: string;
  memoryGiB: number;
  node: string;
  platform: string;
  packages: Record<string, string>;
}

/** @returns this machine */
export function describeMachine(): Machine {
  const versions = PACKAGES.map((name) => [name, versionOf(`node_modules/${name}`)] as const);
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: CPUS,
    kernel: kernelImplementation(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    packages: Object.fromEntries([['semantic-vision', versionOf('.')] as const, ...versions]),
  };
}

function versionOf(folder: string): string {
  const { version } = JSON.parse(readFileSync(`${ROOT}${folder}/package.json`, 'utf8')) as {
    version: string;
  };
  return version;
}
