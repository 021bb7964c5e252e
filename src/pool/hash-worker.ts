// Runs in the hashing thread: SHA-256 of bytes or of a file, and git's hash of a file.
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { move, transferableSymbol, valueSymbol } from 'piscina';

/** Bytes with a buffer of their own, which can be moved between threads. */
export type OwnBytes = Uint8Array<ArrayBuffer>;

/** What to hash: bytes after a prefix, or a file's content, also as git hashes it if asked to. */
export type HashJob = { prefix: string; bytes: OwnBytes } | { path: string; gitBlob: boolean };

/** The digest, with the bytes if bytes came; or why the file could not be read. */
export type HashReply =
  | { ok: true; sha256: string; size: number; bytes?: OwnBytes; gitBlob?: string }
  | { ok: false; errno: string; message: string };

const CHUNK_BYTES = 1024 * 1024;

/**
 * Hashes.
 * @param job - what
 * @returns a {@link HashReply}, marked so that bytes are moved back and not copied
 */
export default function handle(job: HashJob): unknown {
  if ('path' in job) return hashFile(job.path, job.gitBlob);
  const { prefix, bytes } = job;
  const sha256 = createHash('sha256').update(prefix).update(bytes).digest('hex');
  const reply: HashReply = { ok: true, sha256, size: bytes.length, bytes };
  return move({ [transferableSymbol]: bytes.buffer, [valueSymbol]: reply });
}

function hashFile(path: string, gitBlob: boolean): HashReply {
  const hash = createHash('sha256');
  const git = gitBlob ? createHash('sha1') : undefined;
  let size = 0;
  try {
    const file = openSync(path, 'r');
    try {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      git?.update(`blob ${fstatSync(file).size}\0`);
      for (let read; (read = readSync(file, chunk, 0, chunk.length, null)) > 0; size += read) {
        const bytes = chunk.subarray(0, read);
        hash.update(bytes);
        git?.update(bytes);
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const { code = 'unknown', message } = error as NodeJS.ErrnoException;
    return { ok: false, errno: code, message };
  }
  return { ok: true, sha256: hash.digest('hex'), size, ...(git && { gitBlob: git.digest('hex') }) };
}
