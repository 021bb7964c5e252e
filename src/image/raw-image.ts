// Checks pixels that a caller gives.
import { VisionError, expectedButReceived } from '../errors.js';
import { isUint8Array, isUint8ClampedArray } from '../realm.js';
import type { RawImage } from '../types.js';
import { tooManyPixels } from './header.js';

/** {@link RawImage} whose data is a Uint8Array. */
export interface CheckedRawImage extends RawImage {
  data: Uint8Array;
}

/**
 * Checks the types, the number of pixels, and that the length fits the size.
 * @param image - what the caller gave
 * @param limitInputPixels - most pixels
 * @returns the image; its data is a view of the caller's
 * @throws `INVALID_ARGUMENT`, `TOO_MANY_PIXELS`
 */
export function checkRawImage(image: RawImage, limitInputPixels = Infinity): CheckedRawImage {
  const given: unknown = image;
  if (typeof given !== 'object' || given === null) {
    throw new VisionError(
      'INVALID_ARGUMENT',
      expectedButReceived('image', '{ data, width, height, channels }', given),
    );
  }
  const { data, width, height, channels } = given as { [Key in keyof RawImage]: unknown };
  for (const [name, value] of Object.entries({ width, height })) {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) {
      throw new VisionError(
        'INVALID_ARGUMENT',
        expectedButReceived(`image.${name}`, 'a positive integer', value),
      );
    }
  }
  if (channels !== 3 && channels !== 4) {
    throw new VisionError('INVALID_ARGUMENT', expectedButReceived('image.channels', '3 or 4', channels));
  }
  if (!isUint8Array(data) && !isUint8ClampedArray(data)) {
    throw new VisionError('INVALID_ARGUMENT', expectedButReceived('image.data', 'a Uint8Array', data));
  }
  const pixels = image.width * image.height;
  if (pixels > limitInputPixels)
    throw tooManyPixels(image.width, image.height, limitInputPixels, 'as it is given');
  const expected = pixels * channels;
  if (data.length !== expected) {
    throw new VisionError(
      'INVALID_ARGUMENT',
      `Expected ${expected} bytes (width ${image.width} x height ${image.height} x channels ${channels}) for ` +
        `image.data but received ${data.length}. Rows must not be padded.`,
    );
  }
  const view = isUint8Array(data) ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { data: view, width: image.width, height: image.height, channels };
}
