// The file beside a prepared graph that says what it depends on and what its files held; the check before it is believed.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digests } from '../digests.js';
import { canonical, type KeyParts } from './key.js';
import { replaceFile } from './files.js';

/** Names of the files in the folder of a prepared graph. */
export const FILES = { graph: 'graph.onnx', weights: 'weights.bin' } as const;
/** Written last: a folder without it is none. Its time of change is when the graph was last used. */
export const RECORD = 'record.json';
const FORMAT = 1;

/** A stored file. */
export interface StoredFile {
  bytes: number;
  /** Hex. */
  sha256: string;
  /** Times of the last changes of content and of state, ns since 1970: equal times mean equal content. */
  stamp: string;
}

/** Content of {@link RECORD}. */
export interface PreparedRecord {
  format: typeof FORMAT;
  key: KeyParts;
  files: Record<keyof typeof FILES, StoredFile>;
  /** Of the source graph and of the prepared one, see {@link prove}. */
  proof: string;
}

/**
 * @param key - what the graph depends on
 * @param files - what was written
 * @param proof - of both graphs
 * @returns content of the record
 */
export function formatRecord(
  key: KeyParts,
  files: Record<keyof typeof FILES, StoredFile>,
  proof: string,
): string {
  const record: PreparedRecord = { format: FORMAT, key, files, proof };
  return `${JSON.stringify(record, null, 2)}\n`;
}

/**
 * Reads a record and holds the files against it. Whoever changes a file changes its stamp, so files of 1 GB need not be
 * read at every start; where stamps differ, as in a copy of the folder, the content decides.
 * @param directory - of the prepared graph
 * @param key - what it has to depend on
 * @param digests - read files whose stamp has changed
 * @returns the proof; undefined when there is no such graph, or it is not whole, or it is another one
 */
export async function checkRecord(
  directory: string,
  key: KeyParts,
  digests: Digests,
): Promise<string | undefined> {
  const record = await readRecord(directory);
  if (record === undefined || canonical(record.key) !== canonical(key)) return undefined;
  const stamps: Partial<Record<keyof typeof FILES, string>> = {};
  for (const name of Object.keys(FILES) as (keyof typeof FILES)[]) {
    const stored = record.files[name];
    const path = join(directory, FILES[name]);
    const found = await stampOf(path).catch(() => undefined);
    if (found?.bytes !== stored.bytes) return undefined;
    if (found.stamp === stored.stamp) continue;
    const reply = await digests.read(path);
    if (!reply.ok || reply.sha256 !== stored.sha256) return undefined;
    stamps[name] = found.stamp;
  }
  if (Object.keys(stamps).length > 0) await restamp(directory, record, stamps);
  return record.proof;
}

/**
 * @param path - of a file
 * @returns its size and stamp
 */
export async function stampOf(path: string): Promise<{ bytes: number; stamp: string }> {
  const { size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return { bytes: Number(size), stamp: `${mtimeNs}/${ctimeNs}` };
}

// Where nothing can be written, the next start reads the files again.
async function restamp(
  directory: string,
  { key, files, proof }: PreparedRecord,
  stamps: Partial<Record<keyof typeof FILES, string>>,
): Promise<void> {
  const renewed = Object.fromEntries(
    Object.entries(files).map(([name, file]) => [
      name,
      { ...file, stamp: stamps[name as keyof typeof FILES] ?? file.stamp },
    ]),
  ) as PreparedRecord['files'];
  await replaceFile(join(directory, RECORD), formatRecord(key, renewed, proof)).catch(() => undefined);
}

async function readRecord(directory: string): Promise<PreparedRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(directory, RECORD), 'utf8')) as PreparedRecord;
    const { graph, weights } = record.files;
    const known = [graph, weights].every((file) => typeof file.bytes === 'number' && typeof file.stamp === 'string');
    const usable = (record.format as number) === FORMAT && known && typeof record.proof === 'string';
    return usable ? record : undefined;
  } catch {
    return undefined; // not there, or not ours
  }
}
