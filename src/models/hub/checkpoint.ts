// The scale and the bias that a SigLIP checkpoint was trained to: the header of its file and eight bytes, fetched once and kept.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VisionError } from '../../errors.js';
import type { Logits } from '../manifest.js';
import { readScalars, type ReadRange } from '../safetensors.js';
import { retrying } from './answers.js';
import { ask, inquire, subjectOf, type Source } from './remote-file.js';
import { discard } from './request.js';
import type { HubSettings } from './settings.js';
import { replace } from './storage.js';
import { TIMING, type Timing } from './timing.js';

const FILE = 'model.safetensors';

/** What is kept of a checkpoint. */
interface Kept {
  repo: string;
  /** Or the branch, where the server does not name its commit. */
  commit: string;
  /** As trained: the logarithm of the multiplier. */
  logit_scale: number;
  logit_bias: number;
}

/**
 * Reads the two numbers. The header that says where they are has about 100 KB; the rest of the file, gigabytes, stays.
 * @param repo - the repository that the checkpoint was published in
 * @param settings - how the hub is reached, and where things are kept
 * @param signal - aborts
 * @param timing - patience; for tests
 * @returns the multiplier itself and the bias
 * @throws `MODEL_NOT_CACHED` offline, `MODEL_NOT_FOUND`, `HUB_ACCESS_DENIED`, `HUB_UNREACHABLE`, `MODEL_INVALID`, `ABORTED`
 */
export async function readCheckpointLogits(
  repo: string,
  settings: HubSettings,
  signal: AbortSignal | undefined,
  timing: Timing = TIMING,
): Promise<Logits> {
  const { assetsDirectory } = settings;
  const path = assetsDirectory && join(assetsDirectory, 'logits', `${repo.replace('/', '--')}.json`);
  const kept = (await readKept(path, repo)) ?? (await fetchKept(path, { repo, settings, signal, timing }));
  const { commit, logit_scale: logScale, logit_bias: bias } = kept;
  return { scale: Math.exp(logScale), bias, source: `${FILE} of ${repo} at ${commit}` };
}

async function readKept(path: string | undefined, repo: string): Promise<Kept | undefined> {
  if (path === undefined) return undefined;
  try {
    const kept = JSON.parse(await readFile(path, 'utf8')) as Partial<Kept>;
    const whole =
      kept.repo === repo && Number.isFinite(kept.logit_scale) && Number.isFinite(kept.logit_bias) && kept.commit;
    return whole ? (kept as Kept) : undefined;
  } catch {
    return undefined; // not there, or damaged: it is fetched anew
  }
}

async function fetchKept(
  path: string | undefined,
  { repo, settings, signal, timing }: Pick<Source, 'repo' | 'settings' | 'signal' | 'timing'>,
): Promise<Kept> {
  if (settings.offline) {
    const expected = path ?? 'the two numbers in a cache (set HF_HOME or HF_ASSETS_CACHE to a folder)';
    throw new VisionError('MODEL_NOT_CACHED', `Expected ${expected}, which pulling the model while online makes.`);
  }
  const branch: Source = { repo, revision: 'main', path: FILE, settings, timing, signal };
  const { commit } = await inquire(branch);
  const numbers = await readScalars(readerOf(branch, commit), ['logit_scale', 'logit_bias'], `${repo}/${FILE}`);
  const kept: Kept = { repo, commit: commit ?? branch.revision, ...numbers };
  const text = `${JSON.stringify(kept, undefined, 2)}\n`;
  // A cache that is not there, or cannot be written to, costs the requests again the next time.
  if (path !== undefined) await replace(path, (beside) => writeFile(beside, text)).catch(() => undefined);
  return kept;
}

// All parts are of one content: of the commit, or where a mirror does not name it, of what the first part is of.
function readerOf(branch: Source, commit: string | undefined): ReadRange {
  if (commit !== undefined) {
    const source = { ...branch, revision: commit };
    return async (start, length) => (await readPart(source, start, length)).bytes;
  }
  let first: string | undefined;
  return async (start, length) => {
    const { bytes, content } = await readPart(branch, start, length);
    first ??= content;
    if (content === first) return bytes;
    throw new VisionError('HUB_UNREACHABLE', `${FILE} of ${branch.repo} changed while it was read. Start again.`);
  };
}

async function readPart(source: Source, start: number, length: number): Promise<{ bytes: Buffer; content: string }> {
  const part = { method: 'GET', follows: () => true, range: `${start}-${start + length - 1}` } as const;
  const get = () =>
    ask(source, part, async ({ response }, watch) => {
      const { status, headers } = response;
      // Without ranges the answer is the whole file: gigabytes for eight bytes.
      if (status !== 206) {
        discard(response);
        throw new VisionError('HUB_UNREACHABLE', `Expected parts of ${FILE} of ${source.repo} but the server has none.`);
      }
      const size = headers.get('content-range')?.split('/')[1];
      const bytes = Buffer.from(await watch.guard(response.arrayBuffer()));
      return { bytes, content: `${size} ${headers.get('etag')} ${headers.get('last-modified')}` };
    });
  return retrying(get, subjectOf(source), source.timing, source.signal);
}
