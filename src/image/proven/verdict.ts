// What the lists of proven structures answer: which decoders are right for a file, or why none is.
import { VisionError } from '../../errors.js';

/** Those that there are. */
export type Decoder = 'sharp' | '@napi-rs/image' | 'libheif-js';

/** What samples are: grey, light of three colours (or a palette of such), or the inks of CMYK. */
export type Colours = 'grey' | 'rgb' | 'cmyk';

/** Decoders that the differential test has proven right for a structure. */
export interface Proven {
  /** Best first; never empty. */
  decoders: readonly [Decoder, ...Decoder[]];
  /** What the file is, for messages: `a JPEG (progressive, rgb)`. */
  structure: string;
  /** Its decoder tells damage in it by warnings only. */
  strict?: boolean;
}

/**
 * The error for a sound file whose structure no decoder is proven right for.
 * @param structure - what it is, such as `a TIFF with CIELAB colours`
 * @param advice - what to do; a sentence
 * @returns the error
 */
export function unsupportedStructure(
  structure: string,
  advice = 'Save it as an ordinary JPEG or PNG first.',
): VisionError {
  return new VisionError(
    'UNSUPPORTED_FORMAT',
    `Expected an image that is known to decode rightly but received ${structure}. ${advice}`,
  );
}

// What the other decoder allows a decoded image at most, whatever else is allowed: 512 MiB, and its decoders need some of it.
const NAPI_BYTES = 480 * 1024 * 1024;
// The same in words; it is no option.
const NAPI_LIMIT = '480 MiB at four bytes a pixel, which no option raises';

/**
 * Refuses what only `@napi-rs/image` is right for and is too large for it.
 * @param kind - what it is, such as `a BMP`
 * @param size - of the image
 * @param size.width - pixels in a row
 * @param size.height - rows
 * @throws `UNSUPPORTED_FORMAT`
 */
export function checkNapiHolds(kind: string, { width, height }: { width: number; height: number }): void {
  if (width * height * 4 <= NAPI_BYTES) return;
  throw unsupportedStructure(
    `${kind} of ${width} x ${height} pixels, more than its decoder holds (${NAPI_LIMIT})`,
  );
}

/**
 * The decoders of what sharp is right for.
 * @param structure - what it is
 * @param isProven - whether `@napi-rs/image` is proven right for it, too
 * @param decodedBytes - what that would have to hold
 * @returns both, or sharp alone; then the structure says so if it is for the size
 */
export function sharpFirst(structure: string, isProven: boolean, decodedBytes: number): Proven {
  if (!isProven) return { decoders: ['sharp'], structure };
  if (decodedBytes <= NAPI_BYTES) return { decoders: ['sharp', '@napi-rs/image'], structure };
  return {
    decoders: ['sharp'],
    structure: `${structure} that is larger than the other decoder holds (${NAPI_LIMIT})`,
  };
}
