// Runs in the hashing thread: SHA-256 of bytes or of a file.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { move, transferableSymbol, valueSymbol } from 'piscina';

/** Bytes with a buffer of their own, which can be moved between threads. */
export type OwnBytes = Uint8Array<ArrayBuffer>;

/** What to hash: bytes after a prefix, or a file's content. */
export type HashJob = { prefix: string; bytes: OwnBytes } | { path: string };

/** The digest, with the bytes if bytes came; or why the file could not be read. */
export type HashReply =
  | { ok: true; sha256: string; size: number; bytes?: OwnBytes }
  | { ok: false; errno: string; message: string };

const CHUNK_BYTES = 1024 * 1024;

/**
 * Hashes.
 * @param job - what
 * @returns a {@link HashReply}, marked so that bytes are moved back and not copied
 */
export default function handle(job: HashJob): unknown {
  if ('path' in job) return hashFile(job.path);
  const { prefix, bytes } = job;
  const sha256 = createHash('sha256').update(prefix).update(bytes).digest('hex');
  const reply: HashReply = { ok: true, sha256, size: bytes.length, bytes };
  return move({ [transferableSymbol]: bytes.buffer, [valueSymbol]: reply });
}

function hashFile(path: string): HashReply {
  const hash = createHash('sha256');
  let size = 0;
  try {
    const file = openSync(path, 'r');
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
