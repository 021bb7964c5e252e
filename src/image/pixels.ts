// Decoded pixels on their way to the kernel, and the error of decoding.
import { VisionError } from '../errors.js';
import type { Orientation } from './exif-orientation.js';
import type { ImageHeader } from './header.js';
import type { ImageFormat } from './recognise/kinds.js';

/** Pixels as a decoder left them: what the native kernel reads, without a copy in between. */
export interface Pixels {
  /** Interleaved samples, rows without padding; 16-bit samples in the machine's byte order. */
  data: Uint8Array;
  /** Pixels in a row, before `orientation`. */
  width: number;
  /** Rows, before `orientation`. */
  height: number;
  /**
   * 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. Alpha is dropped, as the reference's convert('RGB') does, unless a background is
   * asked for.
   */
  channels: 1 | 2 | 3 | 4;
  /** 2 for 16-bit samples, of which the kernel takes the high byte. */
  bytesPerSample: 1 | 2;
  /** Still to be applied. */
  orientation: Orientation;
}

/** The least that can be resized: what proves that the kernel works. */
export const ONE_GREY_PIXEL: Pixels = {
  data: Uint8Array.of(128),
  width: 1,
  height: 1,
  channels: 1,
  bytesPerSample: 1,
  orientation: 1,
};

/**
 * The error for damaged bytes.
 * @param format - the image's format
 * @param why - what is wrong
 * @param cause - the decoder's error
 * @returns the error
 */
export function decodeFailed(format: ImageFormat, why: string, cause?: unknown): VisionError {
  return new VisionError(
    'DECODE_FAILED',
    `The ${format.toUpperCase()} image cannot be decoded: ${why}. It is damaged or truncated: check that it was ` +
      'written or transferred in full.',
    { cause },
  );
}

/**
 * The error for a picture of another size than its header claims.
 * @param header - what the header says
 * @param width - pixels in a row of what was decoded
 * @param height - its rows
 * @returns the error
 */
export function otherSize(header: ImageHeader, width: number, height: number): VisionError {
  return decodeFailed(
    header.format,
    `its header claims ${header.width} x ${header.height} pixels but it holds ${width} x ${height}`,
  );
}
