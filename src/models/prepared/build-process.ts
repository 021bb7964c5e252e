// The process that prepares one graph and ends: it saves, proves that nothing has changed, and writes the record.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../../errors.js';
import { prove } from '../../inference/probe.js';
import { TowerSession, preparedOptions } from '../../inference/session.js';
import { sync, writeDurably } from './files.js';
import type { KeyParts } from './key.js';
import { FILES, RECORD, formatRecord, stampOf, type StoredFile } from './record.js';

/** What to prepare; sent to the process once it runs. */
export interface BuildJob {
  /** The ONNX file. */
  source: string;
  /** An empty folder for the result. */
  directory: string;
  key: KeyParts;
  sessionOptions: Record<string, unknown>;
}

/** The answer: the folder is complete, or why it is not. */
export type BuildReply = { ok: true; proof: string } | { ok: false; message: string };

// Smaller ones stay in the graph's own file, which no worker shares.
const MIN_SHARED_BYTES = 1024;
const READ_BYTES = 2 ** 20;

async function build({ source, directory, key, sessionOptions }: BuildJob): Promise<string> {
  const graph = join(directory, FILES.graph);
  const weights = join(directory, FILES.weights);
  const expected = await proofOf(source, key, savingOptions(sessionOptions, graph));
  const actual = await proofOf(graph, key, preparedOptions(sessionOptions));
  // A disk that filled up, or a graph that its saved form does not reproduce.
  if (actual !== expected) throw new Error('the saved graph computes something else');
  const files = { graph: await store(graph), weights: await store(weights) };
  await writeDurably(join(directory, RECORD), formatRecord(key, files, expected));
  return expected;
}

async function proofOf(path: string, { probe }: KeyParts, options: Record<string, unknown>): Promise<string> {
  const session = await TowerSession.open(path, probe.input, options);
  try {
    return (await prove(session, probe)).proof;
  } finally {
    await session.release();
  }
}

function savingOptions(options: Record<string, unknown>, graph: string): Record<string, unknown> {
  const { session, ...extra } = (options.extra ?? {}) as Record<string, object>;
  const saving = {
    optimized_model_external_initializers_file_name: FILES.weights,
    optimized_model_external_initializers_min_size_in_bytes: String(MIN_SHARED_BYTES),
    save_external_prepacked_constant_initializers: '1',
  };
  // ONNX Runtime warns of what is the purpose here: that the file is for this machine alone.
  const quiet = { logSeverityLevel: 3 };
  return { ...options, ...quiet, optimizedModelFilePath: graph, extra: { ...extra, session: { ...session, ...saving } } };
}

async function store(path: string): Promise<StoredFile> {
  await sync(path);
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: READ_BYTES }), hash);
  return { ...(await stampOf(path)), sha256: hash.digest('hex') };
}

// Nobody waits for the result any more.
process.once('disconnect', () => process.exit());
process.once('message', (job) => {
  void build(job as BuildJob)
    .then(
      (proof): BuildReply => ({ ok: true, proof }),
      (error: unknown): BuildReply => ({ ok: false, message: messageOf(error) }),
    )
    .then((reply) => process.send?.(reply, () => process.disconnect()));
});
