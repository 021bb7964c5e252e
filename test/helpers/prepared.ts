// What the tests of prepared graphs share: requests for a small graph, a model that is large enough, scratch folders.
import { appendFileSync, cpSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Digests } from '../../dist/esm/models/digests.js';
import type { PrepareRequest } from '../../dist/esm/models/prepared/prepare.js';
import type { Hasher } from '../../dist/esm/pool/hasher.js';
import { TINY_MODEL } from './fixtures.js';

/** The image tower of the tiny model. */
export const TINY_GRAPH = join(TINY_MODEL, 'onnx', 'vision_model.onnx');
/** As the facade gives them to the workers. */
export const SESSION_OPTIONS = {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  extra: { session: { intra_op: { allow_spinning: '0' } } },
};

const scratch: string[] = [];
process.once('exit', () => scratch.forEach((path) => rmSync(path, { recursive: true, force: true })));

/** @returns a new folder; it goes when the process ends */
export function scratchFolder(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'prepared-')));
  scratch.push(path);
  return path;
}

/**
 * A request for the tiny graph, whatever its size.
 * @param directory - where prepared graphs are kept
 * @param hasher - of the test
 * @returns the request
 */
export function tinyRequest(directory: string, hasher: Hasher): PrepareRequest {
  return {
    path: TINY_GRAPH,
    source: 'tiny/image',
    probe: { input: 'pixel_values', height: 64, width: 64 },
    sessionOptions: SESSION_OPTIONS,
    digests: new Digests(hasher),
    directory,
    minBytes: 0,
  };
}

/** @returns the folder of a copy of the tiny model whose towers are large enough to be prepared: long comments make them so */
export function largeModel(): string {
  const folder = join(scratchFolder(), 'model');
  cpSync(TINY_MODEL, folder, { recursive: true });
  for (const tower of ['vision_model.onnx', 'text_model.onnx'])
    appendFileSync(join(folder, 'onnx', tower), comment(33 * 2 ** 20));
  return folder;
}

// ModelProto.doc_string, field 6 of type "length-delimited". In protobuf, a field at the end replaces one before it.
function comment(length: number): Buffer {
  const head = [0x32];
  for (let rest = length; rest > 0; rest >>>= 7) head.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
  return Buffer.concat([Buffer.from(head), Buffer.alloc(length, 'x')]);
}
