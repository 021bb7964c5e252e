// Gives back, now and then, the memory of images that a worker is done with.
//
// The decoder keeps its pixels in native memory that V8 knows nothing of and that goes only when the small JavaScript
// object in front of it is collected; a worker makes so little other garbage that this may take hundreds of images. So
// after a certain amount of pixels the young generation is collected (about half a millisecond), and the finalizers get
// the turn of the event loop that they run in.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ImageHeader } from '../image/header.js';

const YOUNG_EVERY_BYTES = 48 * 1024 * 1024;
// What happened to be promoted to the old generation in between takes a full collection (about 5 ms).
const FULL_EVERY = 16;

type CollectGarbage = (options: { type: 'minor' | 'major'; execution: 'sync' }) => void;

const { Bun } = globalThis as { Bun?: { gc: (now: boolean) => void } };
const collectGarbage: CollectGarbage = Bun === undefined ? exposed() : () => Bun.gc(true);

// The collector is reachable only in contexts made after the flag is set; --expose-gc on the command line is not needed.
function exposed(): CollectGarbage {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as CollectGarbage;
}

let pending = 0;
let collections = 0;

/**
 * Counts native memory that has become garbage, and collects it when there is enough.
 * @param bytes - of native memory
 */
export async function reclaim(bytes: number): Promise<void> {
  pending += bytes;
  if (pending < YOUNG_EVERY_BYTES) return;
  pending = 0;
  collections++;
  collectGarbage({ type: collections % FULL_EVERY === 0 ? 'major' : 'minor', execution: 'sync' });
  await new Promise(setImmediate);
}

/**
 * Native memory that decoding an image leaves behind: the input, the decoder's pixels, and the copy that it hands out.
 * @param encoded - bytes of the input
 * @param header - of the image
 * @returns bytes, for {@link reclaim}
 */
export function imageBytes(encoded: number, { width, height }: ImageHeader): number {
  return encoded + 8 * width * height;
}
