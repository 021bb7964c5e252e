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
/** The same in words; it is no option. */
export const NAPI_LIMIT = '480 MiB at four bytes a pixel, which no option raises';

/**
 * Whether `@napi-rs/image` can hold an image.
 * @param decodedBytes - of the decoded image
 * @returns true if so
 */
export function fitsNapi(decodedBytes: number): boolean {
  return decodedBytes <= NAPI_BYTES;
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
  if (fitsNapi(decodedBytes)) return { decoders: ['sharp', '@napi-rs/image'], structure };
  return {
    decoders: ['sharp'],
    structure: `${structure} that is larger than the other decoder holds (${NAPI_LIMIT})`,
  };
}
