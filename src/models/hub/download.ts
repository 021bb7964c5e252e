// One file from the hub into the cache: resumed where it broke off, checked before it gets its name.
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { abortable } from '../../abort.js';
import { VisionError } from '../../errors.js';
import { withLock } from '../../files/lock.js';
import { makeFolder } from '../../make-folder.js';
import type { HashReply } from '../../pool/hash-worker.js';
import type { Digests } from '../digests.js';
import type { RepoCache } from './layout.js';
import { namedBy, type RemoteFile, type Source } from './remote-file.js';
import { fileSize, isDiskFull, syncFolder } from './storage.js';
import { Mismatch, transfer } from './transfer.js';

/** Size and hash of a content. */
export interface Content {
  size: number;
  /** Lower-case hex. */
  sha256: string;
}

/** Where a file goes and who is told. */
export interface Target {
  cache: RepoCache;
  digests: Digests;
  /** Called with the bytes that are there. */
  onBytes: (bytes: number) => void;
}

// The first mismatch may be the fault of what an earlier process left behind; the second one started from nothing.
const TRIES = 2;

/**
 * Hashes a content and holds it against its name.
 * @param path - where it is
 * @param blob - its name; undefined for a copy, which has none
 * @param hash - hashes it; as git does where `gitBlob` is true
 * @param signal - ends the wait at once
 * @returns what it is; undefined where it is not what its name says
 * @throws `ABORTED`, `WORKER_FAILED`, errors of the file system
 */
export async function examine(
  path: string,
  blob: string | undefined,
  hash: (path: string, gitBlob: boolean) => Promise<HashReply>,
  signal: AbortSignal | undefined,
): Promise<Content | undefined> {
  const by = namedBy(blob);
  const reply = await abortable(hash(path, by === 'git'), signal);
  if (!reply.ok) throw Object.assign(new Error(reply.message), { code: reply.errno, syscall: 'read' });
  const { size, sha256, gitBlob } = reply;
  const digest = by === 'git' ? gitBlob : sha256;
  return by === 'nothing' || digest === blob ? { size, sha256 } : undefined;
}

/**
 * Downloads a file into its blob, unless another process does so meanwhile.
 * @param source - where it comes from
 * @param file - what the hub said about it
 * @param target - where it goes
 * @returns its content
 * @throws `DOWNLOAD_CORRUPT`, `HUB_ACCESS_DENIED`, `HUB_UNREACHABLE`, `MODEL_NOT_FOUND`, `ABORTED`, errors of the file
 * system
 */
export async function download(source: Source, file: RemoteFile, target: Target): Promise<Content> {
  const { signal, timing } = source;
  const { cache } = target;
  const blob = cache.blob(file.blob);
  return withLock(cache.lock(file.blob), timing.lockPoll, signal, async () => {
    const there = (await fileSize(blob)) === undefined ? undefined : await readAndExamine(blob, file, target, signal);
    if (there && (file.size === undefined || there.size === file.size)) return there;
    const partial = cache.partial(file.blob);
    let mismatch: Mismatch | undefined;
    for (let attempt = 0; attempt < TRIES; attempt++) {
      try {
        const content = await complete(source, file, partial, target);
        await rename(partial, blob);
        await syncFolder(dirname(blob));
        return content;
      } catch (error) {
        if (isDiskFull(error)) await rm(partial, { force: true }); // a disk that stays full harms everybody
        if (!(error instanceof Mismatch)) throw error;
        mismatch = error;
        await rm(partial, { force: true });
      }
    }
    throw new VisionError(
      'DOWNLOAD_CORRUPT',
      `Downloaded ${file.path} of ${source.repo} twice from ${source.settings.endpoint}, and ${mismatch?.message}. ` +
        'Nothing of it was kept. Look for a proxy that changes content, or start again later.',
      { cause: mismatch },
    );
  });
}

async function complete(source: Source, file: RemoteFile, partial: string, target: Target): Promise<Content> {
  await makeFolder(dirname(partial));
  await transfer(source, file, partial, target.onBytes);
  const content = await readAndExamine(partial, file, target, source.signal);
  const expected = `expected ${file.size ?? 'some'} bytes named ${file.blob}`;
  if (content === undefined) throw new Mismatch(`${expected} but what came has another hash`);
  if (content.size !== (file.size ?? content.size)) throw new Mismatch(`${expected} but ${content.size} came`);
  return content;
}

// Every byte of a download is read, whatever is known of a file in its place.
async function readAndExamine(
  path: string,
  { blob }: RemoteFile,
  { digests }: Target,
  signal: AbortSignal | undefined,
): Promise<Content | undefined> {
  return examine(path, blob, (file, gitBlob) => digests.read(file, gitBlob), signal);
}
