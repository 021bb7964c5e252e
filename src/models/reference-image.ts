// The images that reference values are about: files beside them, or from the web, of which a copy is kept.
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { throwIfAborted } from '../abort.js';
import { VisionError, messageOf } from '../errors.js';
import type { LocalSettings } from './hub/settings.js';
import { replace } from './hub/storage.js';

/** An image to embed. */
export interface ReferenceImage {
  input: URL | Uint8Array<ArrayBuffer>;
  /** To be called once the image has been embedded: what came is an image then, and is kept for the next time. */
  keep: () => Promise<void>;
}

const TIMEOUT_MS = 30_000;
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * Gets an image.
 * @param image - an `http:` or `https:` URL, or a path
 * @param base - folder that relative paths are relative to
 * @param settings - whether the network may be used, and where copies are kept
 * @param signal - aborts a download
 * @returns the image
 * @throws `MODEL_NOT_CACHED` offline without a copy, `HUB_UNREACHABLE`, `TOO_MANY_BYTES`, `ABORTED`
 */
export async function readReferenceImage(
  image: string,
  base: string,
  settings: LocalSettings,
  signal: AbortSignal | undefined,
): Promise<ReferenceImage> {
  const nothing = () => Promise.resolve();
  if (!/^https?:/i.test(image)) return { input: pathToFileURL(resolve(base, image)), keep: nothing };
  const name = createHash('sha256').update(image).digest('hex');
  const { assetsDirectory } = settings;
  const copy = assetsDirectory === undefined ? undefined : join(assetsDirectory, 'images', name);
  // One that is not there or cannot be read is fetched anew.
  const kept = copy === undefined ? undefined : await readFile(copy).catch(() => undefined);
  if (kept !== undefined) return { input: kept, keep: nothing };
  if (settings.offline) {
    throw new VisionError(
      'MODEL_NOT_CACHED',
      `The reference image ${image} must be fetched, and localFilesOnly or HF_HUB_OFFLINE forbids it. Run once without ` +
        'them, or give a reference file that names an image on this machine.',
    );
  }
  const input = await fetchImage(image, signal);
  if (copy === undefined) return { input, keep: nothing };
  // A cache that cannot be written to costs another download, and nothing else.
  const keep = () => replace(copy, (beside) => writeFile(beside, input)).catch(() => undefined);
  return { input, keep };
}

async function fetchImage(image: string, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const either = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const response = await fetch(image, { signal: either });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > MOST_BYTES) {
        throw new VisionError(
          'TOO_MANY_BYTES',
          `Expected at most ${MOST_BYTES} bytes of the reference image ${image} but more came.`,
        );
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (cause) {
    throwIfAborted(signal);
    if (cause instanceof VisionError) throw cause;
    throw new VisionError(
      'HUB_UNREACHABLE',
      `The reference image ${image} cannot be fetched: ${messageOf(cause)}.`,
      { cause },
    );
  }
}
