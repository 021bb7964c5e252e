// From a float32 model to its optimised graph: made once, found at every later start.
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from '../../files/lock.js';
import type { AccuracyTarget } from '../../optimize/evaluate.js';
import { availableCpus } from '../../pool/cpus.js';
import type { Preprocessing } from '../../image/preprocessing.js';
import { makeFolder } from '../../make-folder.js';
import { findAndUse, leftoverName, prune, removeEntry, removeLeftovers, use, type Bounds } from '../derived-folders.js';
import type { Digests } from '../digests.js';
import type { GraphFile } from '../found.js';
import { storageError, syncFolder } from '../hub/storage.js';
import { findCalibration } from './calibration.js';
import { byteProducts } from './cpu.js';
import { OPTIMIZER_VERSION } from './optimize-model.js';
import type { OptimizationReport, OptimizeProgress } from './report.js';
import { runOptimization } from './run-process.js';

/** What to find or make. */
export interface OptimizedRequest {
  /** The float32 graph. */
  graph: GraphFile;
  /** Names its content and what is done to images. */
  fingerprint: string;
  preprocess: Preprocessing;
  target: AccuracyTarget;
  /** Folder of images; undefined for the package's. */
  calibrate: string | undefined;
  force: boolean;
  /** Where what this library derives from models is kept. */
  assetsDirectory: string;
  digests: Digests;
  onProgress: (progress: OptimizeProgress) => void;
  signal: AbortSignal | undefined;
}

/** An optimised graph, or the report that says why there is none. */
export interface StoredGraph {
  report: OptimizationReport;
  /** Absolute paths of the report's files. */
  paths: string[];
  /** Whether it was there already. */
  cached: boolean;
}

/** The same in use: it is not removed until it is released. */
export interface Optimized extends StoredGraph {
  release: () => void;
}

const REPORT = 'report.json';
// Making one takes minutes, and an index of its vectors may be of no use without it. Reports that a target was missed are as
// good as nothing in size, and stay for as long as somebody asks for them.
const BOUNDS: Bounds = { mark: REPORT, entries: 16, bytes: 16 * 2 ** 30, idle: 180 * 24 * 60 * 60_000 };
const POLL_MS = 200;
const LIMIT_INPUT_PIXELS = 100_000_000;

/**
 * Finds the optimised form of a graph that is there already, to be told about, not to be used.
 * @param request - of what
 * @returns undefined when it has not been made, or is damaged
 * @throws `INVALID_OPTION` for a calibration folder that cannot be used; as {@link byteProducts} does
 */
export async function findOptimized(request: OptimizedRequest): Promise<StoredGraph | undefined> {
  const { key } = await keyOf(request);
  return stored(join(request.assetsDirectory, 'optimized', key), request.digests);
}

/**
 * Finds the optimised form of a graph, or makes it.
 * @param request - of what
 * @returns the graph; without paths when it would miss the target and `force` is not set
 * @throws `INVALID_OPTION`, `MODEL_INVALID`, `DISK_FULL`, `CACHE_UNUSABLE`, `NATIVE_UNAVAILABLE`, `WORKER_FAILED`,
 * `ABORTED`
 */
export async function optimized(request: OptimizedRequest): Promise<Optimized> {
  const { assetsDirectory, signal, onProgress } = request;
  const { key, images } = await keyOf(request);
  const root = join(assetsDirectory, 'optimized');
  const directory = join(root, key);
  const found = await inUse(directory, request);
  if (found !== undefined) return found;
  try {
    await makeFolder(root);
    onProgress({ stage: 'waiting', done: 0, total: 0, candidate: 0 });
    return await withLock(`${directory}.lock`, POLL_MS, signal, async () => {
      // Whoever had the lock before may have made it.
      const meanwhile = await inUse(directory, request);
      if (meanwhile !== undefined) return meanwhile;
      await removeLeftovers(root, key);
      await make(root, key, images, request);
      // What could not be removed now is removed after the next one is made.
      await prune(root, BOUNDS).catch(() => undefined);
      return { ...((await inUse(directory, request)) as Optimized), cached: false };
    });
  } catch (error) {
    throw storageError(error, root);
  }
}

async function make(
  root: string,
  key: string,
  images: readonly string[],
  request: OptimizedRequest,
): Promise<void> {
  const { graph, preprocess, target, force, digests, onProgress, signal } = request;
  const draft = join(root, leftoverName(key, 'tmp'));
  await mkdir(draft);
  // A large model may take longer than leftovers are left alone.
  const release = await use(draft);
  try {
    const sizes = await Promise.all([graph, ...graph.data].map(async ({ path }) => (await stat(path)).size));
    const job = {
      path: graph.path,
      bytes: sizes.reduce((sum, size) => sum + size, 0),
      directory: draft,
      images: {
        paths: images,
        preprocess,
        decode: { autoOrient: true, limitInputPixels: LIMIT_INPUT_PIXELS, decode: 'exact' as const },
      },
      target,
      force,
      threads: availableCpus(),
    };
    const report = await runOptimization(job, onProgress, signal);
    const names = (await readdir(draft)).sort();
    const files = await Promise.all(names.map(async (name) => ({ name, ...(await contentOf(join(draft, name), digests)) })));
    await writeFile(join(draft, REPORT), `${JSON.stringify({ ...report, files }, null, 2)}\n`, { flush: true });
    // Damaged, or it would have been found.
    await removeEntry(root, key);
    await rename(draft, join(root, key));
    await syncFolder(root);
  } finally {
    release();
    await rm(draft, { recursive: true, force: true });
  }
}

async function contentOf(path: string, digests: Digests): Promise<{ bytes: number; sha256: string }> {
  const reply = await digests.read(path);
  if (!reply.ok) throw Object.assign(new Error(reply.message), { code: reply.errno, syscall: 'read' });
  return { bytes: reply.size, sha256: reply.sha256 };
}

async function inUse(directory: string, { digests }: OptimizedRequest): Promise<Optimized | undefined> {
  const used = await findAndUse(join(directory, REPORT), () => stored(directory, digests));
  return used && { ...used.found, release: used.release };
}

// The folder is renamed when all of it is written, so a report that is there is whole; the graph is held against it.
async function stored(directory: string, digests: Digests): Promise<StoredGraph | undefined> {
  const text = await readFile(join(directory, REPORT), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const report = parse(text);
  if (report === undefined) return undefined;
  const paths = report.files.map(({ name }) => join(directory, name));
  const replies = await Promise.all(paths.map((path) => digests.file(path)));
  const whole = replies.every((reply, i) => reply.ok && reply.sha256 === report.files[i]?.sha256);
  return whole ? { report, paths, cached: true } : undefined;
}

function parse(text: string): OptimizationReport | undefined {
  try {
    const report = JSON.parse(text) as OptimizationReport;
    return Array.isArray(report.files) ? report : undefined;
  } catch {
    return undefined; // damaged: it is made anew
  }
}

async function keyOf(request: OptimizedRequest): Promise<{ key: string; images: string[] }> {
  const { fingerprint, target, force, calibrate, digests } = request;
  const { paths, hash } = await findCalibration(calibrate, digests);
  const parts = {
    fingerprint,
    optimizer: OPTIMIZER_VERSION,
    target,
    force,
    images: hash,
    // A graph that was found accurate where products are exact may not be so where their sums saturate.
    exact: byteProducts() !== undefined,
  };
  // 128 bits are plenty, and leave room for the rest of a path on Windows.
  return { key: createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32), images: paths };
}
