// The golden images and what the reference (Pillow, transformers) says about them.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { fixture, fixtureJson } from './fixtures.js';

/** What the reference knows about an image, by `file` or, upright, `file#exif`. */
export interface Golden {
  /** Of the decoded image. */
  width: number;
  height: number;
  /** SHA-256 by variant, such as `bicubic224`. */
  resized: Record<string, string>;
  /** SHA-256 of the float32 tensor by variant. */
  tensors: Record<string, string>;
}

/** All golden images. */
export const golden = (fixtureJson('golden/expected.json') as { images: Record<string, Golden> }).images;
/** Their files, in order. */
export const goldenFiles = readdirSync(fixture('golden/images'))
  .filter((name) => /\.(jpg|png|webp|gif|bmp|tif|avif)$/.test(name))
  .sort();

/**
 * @param name - a golden image
 * @returns its bytes
 */
export function goldenBytes(name: string): Buffer {
  return readFileSync(fixture(`golden/images/${name}`));
}

/**
 * @param name - a golden image
 * @returns its EXIF orientation, which stands in the name; 1 without
 */
export function goldenOrientation(name: string): number {
  return Number(/_(\d)\.\w+$/.exec(/exif|orient/.test(name) ? name : '')?.[1] ?? 1);
}

/**
 * @param data - any numbers
 * @returns SHA-256 of their bytes, hex
 */
export function sha256(data: Uint8Array | Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
}
