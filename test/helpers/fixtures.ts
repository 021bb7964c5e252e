// Every file that the tests read, named once.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PHOTOS = join(ROOT, 'examples', 'photos');
const FIXTURES = join(ROOT, 'test', 'fixtures');

/** Names of the bundled photos, without extension. */
export const photoNames = readdirSync(PHOTOS)
  .filter((name) => name.endsWith('.jpg'))
  .map((name) => name.slice(0, -'.jpg'.length))
  .sort();

/**
 * @param name - a photo, without extension
 * @returns its path
 */
export function photo(name: string): string {
  return existing(join(PHOTOS, `${name}.jpg`));
}

/**
 * @param path - below test/fixtures
 * @returns the absolute path
 */
export function fixture(path: string): string {
  return existing(join(FIXTURES, path));
}

/**
 * @param path - below test/fixtures
 * @returns the parsed file
 */
export function fixtureJson(path: string): unknown {
  return JSON.parse(readFileSync(fixture(path), 'utf8'));
}

/** A folder in the hub's layout: an image tower of random weights, 96 dimensions, a few ms an image. */
export const TINY_MODEL = fixture('tiny-siglip');
/** Length of its vectors. */
export const TINY_DIMENSIONS = 96;

/**
 * One colour all over.
 * @param rgb - the colour
 * @param size - pixels a side
 * @returns RGB pixels
 */
export function plain(rgb: readonly [number, number, number], size = 32) {
  const data = new Uint8Array(size * size * 3).map((_, i) => rgb[i % 3] as number);
  return { data, width: size, height: size, channels: 3 as const };
}

/**
 * Pixels that no other seed gives.
 * @param seed - any integer
 * @param size - pixels a side
 * @returns RGB pixels
 */
export function noise(seed: number, size = 16) {
  const data = new Uint8Array(size * size * 3);
  let state = (seed * 2654435761) >>> 0;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state >>> 24;
  }
  return { data, width: size, height: size, channels: 3 as const };
}

/**
 * A photo's bytes with more behind the end marker: another file, the same picture.
 * @param bytes - a JPEG
 * @param count - how many bytes to add
 * @returns a new buffer
 */
export function withTrailingBytes(bytes: Uint8Array, count: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(count, 0x2a)]);
}

function existing(path: string): string {
  if (!existsSync(path)) throw new Error(`The fixture ${path} is missing.`);
  return path;
}
