// Images that end what works on them: which ones they are, and their refusal.
import { VisionError } from '../errors.js';
import { processWide } from './process-wide.js';

// A hash and its count take about 200 bytes.
const MOST_HASHES = 1000;
/** One end may be bad luck: the system is short of memory, an operator kills the wrong process. Two are the image's. */
const STRIKES = 2;

// Least recent first.
const strikes = processWide('quarantine', () => new Map<string, number>());

/**
 * Notes that a worker thread ended under an image. The second time is the last one.
 * @param hash - of the image
 */
export function addStrike(hash: string): void {
  note(hash, (strikes.get(hash) ?? 0) + 1);
}

/**
 * Refuses an image from now on, for the life of this process.
 * @param hash - of the image
 */
export function quarantine(hash: string): void {
  note(hash, STRIKES);
}

/**
 * Throws if an image is refused; to be asked before anything works on it.
 * @param hash - of the image
 * @throws `DECODER_CRASHED`
 */
export function refuseQuarantined(hash: string): void {
  const count = strikes.get(hash);
  if (count === undefined || count < STRIKES) return;
  note(hash, count);
  throw new VisionError(
    'DECODER_CRASHED',
    `This image (SHA-256 ${hash}) has ended a decoder process or a worker thread twice, so this process refuses it. ` +
      'Convert it with another program, and report it if it looks sound.',
  );
}

function note(hash: string, count: number): void {
  strikes.delete(hash);
  strikes.set(hash, count);
  for (const oldest of strikes.keys()) {
    if (strikes.size <= MOST_HASHES) return;
    strikes.delete(oldest);
  }
}
