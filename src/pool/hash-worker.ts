// Runs in the hashing thread: SHA-256 of shared bytes or of a file.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

/** What to hash: bytes in shared memory after a prefix, or a file's content. */
export type HashJob = { prefix: string; bytes: Uint8Array } | { path: string };

/** The digest, or why the file could not be read. */
export type HashReply =
  { ok: true; sha256: string; size: number } | { ok: false; errno: string; message: string };

const CHUNK_BYTES = 1024 * 1024;

/**
 * Hashes.
 * @param job - what
 * @returns lower-case hex and the number of bytes; failures as data
 */
export default function handle(job: HashJob): HashReply {
  const hash = createHash('sha256');
  if ('bytes' in job) {
    hash.update(job.prefix).update(job.bytes);
    return { ok: true, sha256: hash.digest('hex'), size: job.bytes.length };
  }
  let size = 0;
  try {
    const file = openSync(job.path, 'r');
    try {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      for (let read; (read = readSync(file, chunk, 0, chunk.length, null)) > 0; size += read) {
        hash.update(chunk.subarray(0, read));
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const { code = 'unknown', message } = error as NodeJS.ErrnoException;
    return { ok: false, errno: code, message };
  }
  return { ok: true, sha256: hash.digest('hex'), size };
}
