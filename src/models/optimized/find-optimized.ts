// From a float32 model to its optimised graph: made once, found at every later start.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AccuracyTarget } from '../../optimize/evaluate.js';
import { availableCpus } from '../../pool/cpus.js';
import type { Hasher } from '../../pool/hasher.js';
import type { Preprocessing } from '../../image/preprocessing.js';
import type { GraphFile } from '../found.js';
import { withLock } from '../hub/lock.js';
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
  hasher: Hasher;
  onProgress: (progress: OptimizeProgress) => void;
  signal: AbortSignal | undefined;
}

/** An optimised graph, or the report that says why there is none. */
export interface Optimized {
  report: OptimizationReport;
  /** Absolute paths of the report's files. */
  paths: string[];
  /** Whether it was there already. */
  cached: boolean;
}

const REPORT = 'report.json';
const POLL_MS = 200;
const LIMIT_INPUT_PIXELS = 100_000_000;

/**
 * Finds the optimised form of a graph that is there already.
 * @param request - of what
 * @returns undefined when it has not been made, or is damaged
 * @throws `INVALID_OPTION` for a calibration folder that cannot be used; as {@link byteProducts} does
 */
export async function findOptimized(request: OptimizedRequest): Promise<Optimized | undefined> {
  const { key } = await keyOf(request);
  return stored(join(request.assetsDirectory, 'optimized', key), request.hasher);
}

/**
 * Finds the optimised form of a graph, or makes it.
 * @param request - of what
 * @returns the graph; without paths when it would miss the target and `force` is not set
 * @throws `INVALID_OPTION`, `MODEL_INVALID`, `DISK_FULL`, `CACHE_UNUSABLE`, `NATIVE_UNAVAILABLE`, `WORKER_FAILED`,
 * `ABORTED`
 */
export async function optimized(request: OptimizedRequest): Promise<Optimized> {
  const { hasher, assetsDirectory, signal, onProgress } = request;
  const { key, images } = await keyOf(request);
  const root = join(assetsDirectory, 'optimized');
  const directory = join(root, key);
  const found = await stored(directory, hasher);
  if (found !== undefined) return found;
  try {
    await mkdir(root, { recursive: true });
    onProgress({ stage: 'waiting', done: 0, total: 0, candidate: 0 });
    return await withLock(`${directory}.lock`, POLL_MS, signal, async () => {
      // Whoever had the lock before may have made it.
      const meanwhile = await stored(directory, hasher);
      if (meanwhile !== undefined) return meanwhile;
      await removeLeftovers(root, key);
      await make(directory, images, request);
      return { ...((await stored(directory, hasher)) as Optimized), cached: false };
    });
  } catch (error) {
    throw storageError(error, root);
  }
}

async function make(directory: string, images: readonly string[], request: OptimizedRequest): Promise<void> {
  const { graph, preprocess, target, force, hasher, onProgress, signal } = request;
  const draft = `${directory}.${randomBytes(6).toString('hex')}.tmp`;
  await mkdir(draft);
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
    const files = await Promise.all(names.map(async (name) => ({ name, ...(await contentOf(join(draft, name), hasher)) })));
    await writeFile(join(draft, REPORT), `${JSON.stringify({ ...report, files }, null, 2)}\n`, { flush: true });
    // Damaged, or it would have been found.
    await rm(directory, { recursive: true, force: true });
    await rename(draft, directory);
    await syncFolder(join(directory, '..'));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function contentOf(path: string, hasher: Hasher): Promise<{ bytes: number; sha256: string }> {
  const reply = await hasher.file(path);
  if (!reply.ok) throw Object.assign(new Error(reply.message), { code: reply.errno, syscall: 'read' });
  return { bytes: reply.size, sha256: reply.sha256 };
}

// The folder is renamed when all of it is written, so a report that is there is whole; the graph is read to be sure.
async function stored(directory: string, hasher: Hasher): Promise<Optimized | undefined> {
  const text = await readFile(join(directory, REPORT), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const report = parse(text);
  if (report === undefined) return undefined;
  const paths = report.files.map(({ name }) => join(directory, name));
  const replies = await Promise.all(paths.map((path) => hasher.file(path)));
  const whole = replies.every((reply, i) => reply.ok && reply.sha256 === report.files[i]?.sha256);
  return whole ? { report, paths, cached: true } : undefined;
}

function parse(text: string): OptimizationReport | undefined {
  try {
    return JSON.parse(text) as OptimizationReport;
  } catch {
    return undefined; // damaged: it is made anew
  }
}

// What a killed process left; the lock says that no living one uses it.
async function removeLeftovers(root: string, key: string): Promise<void> {
  const names = (await readdir(root)).filter((name) => name.startsWith(`${key}.`) && name.endsWith('.tmp'));
  await Promise.all(names.map((name) => rm(join(root, name), { recursive: true, force: true })));
}

async function keyOf(request: OptimizedRequest): Promise<{ key: string; images: string[] }> {
  const { fingerprint, target, force, calibrate, hasher } = request;
  const { paths, hash } = await findCalibration(calibrate, hasher);
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
