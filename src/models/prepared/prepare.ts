// From an ONNX file to one whose weights all workers share: made once a machine, found at every later start.
import { mkdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../errors.js';
import { withLock } from '../../files/lock.js';
import { assetsDirectory } from '../../files/places.js';
import type { PreparedGraph, Probe } from '../../pool/protocol.js';
import { findAndUse, leftoverName, prune, removeEntry, removeLeftovers, use, type Bounds } from '../derived-folders.js';
import type { Digests } from '../digests.js';
import { build } from './build.js';
import { keyOf, keyParts, whyNotPreparable, type KeyParts } from './key.js';
import { FILES, RECORD, checkRecord } from './record.js';

/** What to prepare. */
export interface PrepareRequest {
  /** The ONNX file, and the files that hold its larger weights, if there are any. */
  path: string;
  outside?: readonly string[];
  /** Names their content, all of it; their digests do when it is left out. */
  source?: string | undefined;
  /** Shape of its input. */
  probe: Probe;
  /** As the workers have them. */
  sessionOptions: Record<string, unknown>;
  digests: Digests;
  /** Gives up preparing; the answer comes all the same. */
  signal?: AbortSignal | undefined;
  /** The option `cacheDir`, see {@link assetsDirectory}. */
  cacheDir?: string | undefined;
  /** Where prepared graphs are kept; only tests say so. */
  directory?: string;
  /** Smaller graphs are left as they are. */
  minBytes?: number | undefined;
}

/** What came of it; without `graph`, the source is to be loaded as it is. */
export interface Preparation {
  graph: PreparedGraph | undefined;
  /** `found` and `built` have a graph; `skipped` was not tried, for `reason`; `failed` was. */
  outcome: 'found' | 'built' | 'skipped' | 'failed';
  reason: string | undefined;
  /** Removes the graph: a worker found that it is not what it should be. */
  discard: () => Promise<void>;
  /** Says that it is in use no more. */
  release: () => void;
}

// 32 MiB: a smaller graph costs each worker less than 45 MB and 80 ms, which is not worth a file in the user's home.
const MIN_BYTES = 32 * 2 ** 20;
// Weights and their prepacked copies take twice the graph.
const SPACE_FACTOR = 2.2;
const POLL_MS = 50;
// A graph of 2 GB takes half a minute. After that a disk, or another process that holds the lock, has hung.
const PATIENCE_MS = 5 * 60_000;
// A month later, making one again costs seconds.
const BOUNDS: Bounds = { mark: RECORD, entries: 8, bytes: 16 * 2 ** 30, idle: 30 * 24 * 60 * 60_000 };

/**
 * Finds the prepared form of a graph, or makes it. Nothing that goes wrong is an error: the graph itself is still there.
 * @param request - what to prepare
 * @returns what came of it
 */
export async function prepareGraph(request: PrepareRequest): Promise<Preparation> {
  const { path, outside = [], sessionOptions, minBytes = MIN_BYTES } = request;
  try {
    const reason = whyNotPreparable(sessionOptions);
    if (reason !== undefined) return without('skipped', reason);
    const bytes = await sizeOf([path, ...outside]);
    if (bytes < minBytes) return without('skipped', `the graph is small: ${bytes} of at least ${minBytes} bytes`);
    return await findOrBuild(request, bytes);
  } catch (error) {
    return without('failed', messageOf(error).trim());
  }
}

async function findOrBuild(request: PrepareRequest, bytes: number): Promise<Preparation> {
  const { path, outside = [], sessionOptions, probe, digests, cacheDir } = request;
  const root = request.directory ?? join(assetsDirectory(cacheDir), 'prepared');
  const source = request.source ?? (await contentOf([path, ...outside], digests));
  const key = keyParts(source, sessionOptions, probe);
  const name = keyOf(key);
  const find = async (): Promise<Preparation | undefined> => {
    const directory = join(root, name);
    const used = await findAndUse(join(directory, RECORD), () => checkRecord(directory, key, digests));
    return used && entry(root, name, { probe, proof: used.found }, 'found', used.release);
  };
  const found = await find();
  if (found !== undefined) return found;
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const signal = request.signal === undefined ? patience : AbortSignal.any([request.signal, patience]);
  const building = withLock(join(root, `${name}.lock`), POLL_MS, signal, async () => {
    // Whoever had the lock before may have built it.
    const meanwhile = await find();
    if (meanwhile !== undefined) return meanwhile;
    const proof = await buildInto(root, name, key, request, bytes, signal);
    // What could not be removed now is removed after the next build.
    await prune(root, BOUNDS).catch(() => undefined);
    return entry(root, name, { probe, proof }, 'built', await use(join(root, name, RECORD)));
  });
  return building.catch((error: unknown) => {
    throw signal.aborted ? signal.reason : error;
  });
}

async function buildInto(
  root: string,
  name: string,
  key: KeyParts,
  { path, sessionOptions }: PrepareRequest,
  bytes: number,
  signal: AbortSignal,
): Promise<string> {
  await removeLeftovers(root, name);
  const { bavail, bsize } = await statfs(root);
  const needed = Math.ceil(SPACE_FACTOR * bytes);
  if (bavail * bsize < needed) throw new Error(`the disk of ${root} has less than ${needed} bytes free`);
  const temporary = join(root, leftoverName(name, 'tmp'));
  try {
    await mkdir(temporary);
    const proof = await build({ source: path, directory: temporary, key, sessionOptions }, signal);
    // Damaged, or of another machine's making.
    await removeEntry(root, name);
    await rename(temporary, join(root, name));
    return proof;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function entry(
  root: string,
  name: string,
  proven: Omit<PreparedGraph, 'path'>,
  outcome: 'found' | 'built',
  release: () => void,
): Preparation {
  const discard = async () => {
    release();
    await removeEntry(root, name).catch(() => undefined);
  };
  return {
    graph: { path: join(root, name, FILES.graph), ...proven },
    outcome,
    reason: undefined,
    discard,
    release,
  };
}

function without(outcome: 'skipped' | 'failed', reason: string): Preparation {
  return { graph: undefined, outcome, reason, discard: () => Promise.resolve(), release: () => undefined };
}

async function sizeOf(paths: readonly string[]): Promise<number> {
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function contentOf(paths: readonly string[], digests: Digests): Promise<string> {
  const hashes: string[] = [];
  for (const path of paths) {
    const reply = await digests.file(path);
    if (!reply.ok) throw new Error(reply.message);
    hashes.push(reply.sha256);
  }
  return hashes.join(' ');
}
