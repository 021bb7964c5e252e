// Names that promise an image. They decide nothing about what a file is, only what to say when it is something else.
import { extname } from 'node:path';

/** Extensions, in lower case. */
export const IMAGE_EXTENSIONS: readonly string[] = [
  '.jpg',
  '.jpeg',
  '.jpe',
  '.jfif',
  '.png',
  '.webp',
  '.avif',
  '.heic',
  '.heif',
  '.hif',
  '.gif',
  '.bmp',
  '.dib',
  '.tif',
  '.tiff',
];

/**
 * Whether a name promises an image.
 * @param path - a path or a name
 * @returns true if so
 */
export function hasImageName(path: string): boolean {
  return IMAGE_EXTENSIONS.includes(extname(path).toLowerCase());
}
