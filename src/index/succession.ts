// Who may replace the index that a folder holds: only what holds all of it, one at a time, unless the caller says otherwise.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, VisionError } from '../errors.js';
import { LocksRefused, withLock } from '../files/lock.js';
import { MANIFEST_NAME, readManifest, type Manifest } from './manifest.js';

/** What a save may replace. */
export interface Succession {
  /**
   * Names of the stored generations that the index was loaded from or saved as, the oldest first. Whatever folder has one of
   * them, it may have been moved or copied, loses nothing when it is replaced.
   */
  readonly holds: Set<string>;
  /** Whether whatever is there may be replaced. */
  readonly overwrite: boolean;
}

// A service that saves every minute needs the last one; those of other folders are rarely many.
const MOST_HELD = 1000;
// Held for the time of a rename and the removal of old files.
const LOCK_NAME = 'save.lock';
const POLL_MS = 5;
// After that its holder has hung, or has been stopped.
const PATIENCE_MS = 60_000;

/**
 * The name of a stored generation, which no other one has, in any folder.
 * @param manifest - of the generation
 * @returns the name
 */
export function generationOf({ graph }: Manifest): string {
  return graph.name;
}

/**
 * Notes that an index holds all of a generation.
 * @param holds - see {@link Succession.holds}
 * @param manifest - of the generation
 */
export function hold(holds: Set<string>, manifest: Manifest): void {
  holds.add(generationOf(manifest));
  const [oldest] = holds;
  if (holds.size > MOST_HELD && oldest !== undefined) holds.delete(oldest);
}

/**
 * Looks at what a folder holds.
 * @param folder - where an index is to be saved
 * @param succession - what it may replace
 * @returns the manifest that may be replaced; undefined where no index is
 * @throws VisionError `INDEX_CONFLICT`, and for a manifest that cannot be read as {@link readManifest} does
 */
export async function requireReplaceable(
  folder: string,
  { holds, overwrite }: Succession,
): Promise<Manifest | undefined> {
  let stored: Manifest;
  try {
    stored = await readManifest(folder);
  } catch (error) {
    // Where no file is, or a folder in its place, no index is lost.
    const { code, cause } = error as VisionError;
    if (
      overwrite ||
      code === 'INDEX_NOT_FOUND' ||
      (cause as NodeJS.ErrnoException | undefined)?.code === 'EISDIR'
    )
      return undefined;
    if (code !== 'INDEX_CORRUPT') throw error;
    throw conflict(folder, `something that cannot be read as one (${messageOf(error)})`, error);
  }
  if (overwrite || holds.has(generationOf(stored))) return stored;
  const when = await stat(join(folder, MANIFEST_NAME)).then(
    ({ mtime }) => ` at ${mtime.toISOString()}`,
    () => '',
  );
  throw conflict(
    folder,
    `one of ${stored.count} entries, saved${when} by another process or another VectorIndex`,
  );
}

/**
 * Does what replaces the stored index, while nobody else does so.
 * @param folder - where the index is stored
 * @param succession - what it may replace
 * @param work - the replacing
 * @throws what the work throws; an Error where there are no locks, or another process does not give its own back
 */
export async function inTurn(
  folder: string,
  { overwrite }: Succession,
  work: () => Promise<void>,
): Promise<void> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let isOurs = false;
  const locked = withLock(join(folder, LOCK_NAME), POLL_MS, patience, () => {
    isOurs = true;
    return work();
  });
  await locked.catch((error: unknown) => {
    if (isOurs) throw error;
    if (patience.aborted)
      throw new Error(`another process holds ${LOCK_NAME} for more than ${PATIENCE_MS / 1000} s`);
    const isMissing = error instanceof VisionError && error.code === 'NATIVE_UNAVAILABLE';
    if (!isMissing && !(error instanceof LocksRefused)) throw error;
    // Whoever overwrites has said that it does not matter what is there.
    if (overwrite) return work();
    const { message } = error;
    const advice = 'Or save with { overwrite: true } where nobody else saves';
    if (isMissing) throw new VisionError('NATIVE_UNAVAILABLE', `${message} ${advice}.`, { cause: error });
    throw new Error(
      `${message}, so another save at the same time would not be noticed. Save to a folder on a local disk. ${advice}`,
      {
        cause: error,
      },
    );
  });
}

function conflict(folder: string, found: string, cause?: unknown): VisionError {
  return new VisionError(
    'INDEX_CONFLICT',
    `Expected no index in ${folder}, or the one that this index was opened from or saved as, but found ${found}: saving ` +
      'would lose what it holds. Open it and add to it, save to another folder, or replace it with ' +
      'save(folder, { overwrite: true }). Nothing was written.',
    cause === undefined ? undefined : { cause },
  );
}
