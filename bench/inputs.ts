// What is embedded: the photos of examples/photos, and copies of them that count as different images.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Model, its preprocessing and its licence: every subject reads the same files. */
export const MODEL_FOLDER = `${ROOT}models/bundled/`;
const PHOTOS = `${ROOT}examples/photos/`;

/** 130,074 bytes, 800 x 600. */
export const LARGE_PHOTO = `${PHOTOS}mountain-peaks.jpg`;
/** 42,634 bytes, 640 x 427. */
export const SMALL_PHOTO = `${PHOTOS}rocket-launchpad.jpg`;

/** @returns the path of every photo, by name */
export function photoPaths(): string[] {
  return readdirSync(PHOTOS)
    .filter((name) => name.endsWith('.jpg'))
    .sort()
    .map((name) => PHOTOS + name);
}

/** @returns the bytes of every photo, by name */
export function allPhotos(): Uint8Array[] {
  return photoPaths().map((path) => readFileSync(path));
}

/**
 * Distinct images in any number: the photos in turn, each with a JPEG comment that holds its number. The bytes, and
 * with them the hash, differ; the work does not, and no encoder has to be loaded for it.
 * @param count - how many
 * @returns their bytes
 */
export function distinctImages(count: number): Uint8Array[] {
  const photos = allPhotos();
  return Array.from({ length: count }, (_, index) => {
    const photo = photos[index % photos.length]!;
    const comment = Buffer.from([0xff, 0xfe, 0x00, 0x04, index >> 8, index & 0xff]);
    return Buffer.concat([photo.subarray(0, 2), comment, photo.subarray(2)]);
  });
}
