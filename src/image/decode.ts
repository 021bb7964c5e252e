// Stage 4: encoded bytes to pixels in the decoder's own layout, by a decoder that is proven right for how the file is built.
import { VisionError } from '../errors.js';
import { isInstalled } from '../native-package.js';
import { decodeWithLibheif, hasLibheif } from './decode-heif.js';
import { decodeWithNapi } from './decode-napi.js';
import { decodeScaledJpeg, decodeWithSharp, hasSharp, loadSharp } from './decode-sharp.js';
import type { ImageHeader } from './header.js';
import type { Pixels } from './pixels.js';
import { planDecoding } from './plan.js';

/** `exact`: every pixel of the file is decoded. `fast`: large JPEGs are decoded at a reduced scale (needs sharp). */
export type DecodeMode = 'exact' | 'fast';

/** Runs a piece of work when it is its turn. */
export type Hold = <T>(work: () => Promise<T>) => Promise<T>;

/** How to decode. */
export interface DecodeOptions {
  autoOrient: boolean;
  limitInputPixels: number;
  decode: DecodeMode;
  /** 0xRRGGBB, what the pixels are composed over as they are resized. Without it nobody reads alpha. */
  background?: number | undefined;
}

/**
 * Decodes an image.
 *
 * The decoders free their pixels in finalizers, and those do not run between microtasks: a caller in a loop must let the
 * event loop turn between images (40 photos of 12 megapixels took 3 GB without, 0.3 GB with).
 * @param bytes - the encoded image
 * @param header - what its header says
 * @param target - size that the pixels are meant for; read by `fast` only
 * @param target.width - pixels in a row
 * @param target.height - rows
 * @param options - how to decode
 * @param hold - runs what takes libuv's threads, in turn with other workers
 * @returns the pixels
 * @throws `DECODE_FAILED`, `TOO_MANY_PIXELS`, `UNSUPPORTED_FORMAT` for a structure that no decoder is proven right for, or
 * none that is installed; `NATIVE_UNAVAILABLE` for a decoder that is missing or does not load
 */
export async function decodePixels(
  bytes: Uint8Array,
  header: ImageHeader,
  target: { width: number; height: number },
  options: DecodeOptions,
  hold: Hold = (work) => work(),
): Promise<Pixels> {
  const { format } = header;
  // The reference turns TIFF upright while it decodes, whatever is asked of it.
  const orientation = options.autoOrient || format === 'tiff' ? header.orientation : 1;
  const { limitInputPixels } = options;
  const keepAlpha = options.background !== undefined;
  const plan = planDecoding(bytes, header, { limitInputPixels, keepAlpha });
  if (format === 'jpeg' && options.decode === 'fast') {
    const scaled = await hold(() => decodeScaledJpeg(plan, header, orientation, target, limitInputPixels));
    if (scaled !== undefined) return scaled;
  }
  for (const decoder of plan.decoders) {
    if (decoder === '@napi-rs/image') return { ...decodeWithNapi(plan.bytes, header), orientation };
    if (decoder === 'libheif-js') {
      if (await hasLibheif())
        return { ...(await decodeWithLibheif(plan.bytes, header, keepAlpha)), orientation };
    } else if (hasSharp()) {
      const pixels = await hold(() => decodeWithSharp(plan, header, { limitInputPixels, keepAlpha }));
      return { ...pixels, orientation };
    }
  }
  const missing = plan.decoders.at(-1);
  // Installed, it does not load: it says why.
  if (missing === 'sharp' && isInstalled('sharp')) loadSharp();
  throw new VisionError(
    'UNSUPPORTED_FORMAT',
    `This image, ${plan.structure}, needs the optional package ${missing}: npm install ${missing}. What is decoded without it ` +
      'stands in docs/formats.md.',
  );
}
