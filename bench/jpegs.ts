// Large JPEGs for the trials, made from the photos: quality 90, 4:2:0, as a phone writes them.
import sharp from 'sharp';
import { allPhotos } from './inputs.js';

/** Pixels. */
export interface Size {
  width: number;
  height: number;
}

const TILES = 5;
const ENCODING = { quality: 90, chromaSubsampling: '4:2:0' } as const;

/**
 * One photo, resized. Enlarged it is smoother, and its file smaller, than a photo taken at that size.
 * @param photo - number of the photo
 * @param size - of the result
 * @returns the JPEG
 */
export async function resizedPhoto(photo: number, size: Size): Promise<Uint8Array> {
  const photos = allPhotos();
  return sharp(photos[photo % photos.length])
    .resize({ ...size, fit: 'fill', kernel: 'lanczos3' })
    .jpeg(ENCODING)
    .toBuffer();
}

/**
 * 5 x 5 photos side by side, cut to equal tiles: at 12 megapixels about as much detail to a pixel as the photos have.
 * @param first - number of the first photo
 * @param size - of the result
 * @returns the JPEG
 */
export async function mosaic(first: number, size: Size): Promise<Uint8Array> {
  const photos = allPhotos();
  const width = Math.ceil(size.width / TILES);
  const height = Math.ceil(size.height / TILES);
  const tiles = Array.from({ length: TILES * TILES }, async (_, index) => ({
    input: await sharp(photos[(first + index) % photos.length])
      .resize(width, height)
      .png({ compressionLevel: 0 })
      .toBuffer(),
    left: Math.min((index % TILES) * width, size.width - width),
    top: Math.min(Math.floor(index / TILES) * height, size.height - height),
  }));
  return sharp({ create: { ...size, channels: 3, background: 'black' } })
    .composite(await Promise.all(tiles))
    .removeAlpha()
    .jpeg(ENCODING)
    .toBuffer();
}
