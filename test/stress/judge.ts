// Whether a decoded picture is right: it must equal what Pillow or sharp make of the same bytes.
import type { ImageFormat } from '../../dist/esm/image/recognise/kinds.js';
import type { Pixels } from '../../dist/esm/image/pixels.js';
import type { Decoder } from './decoders.js';
import { withFrameOf } from './gif-frame.js';
import type { Failure } from './outcome.js';
import type { Pillow } from './pillow.js';
import { difference, pictureOf, type Difference, type Picture } from './picture.js';
import { withKnownHeader } from './structure/bmp.js';
import { opaqueGif } from './structure/gif.js';
import { bySharp } from './sharp.js';
import { byAvifdec, byImageMagick } from './tools.js';

/** Who decoded the same picture; `nobody` is a failure. */
export type Witness =
  'Pillow' | 'Pillow, truncated' | 'sharp' | 'sharp, lenient' | 'avifdec' | 'ImageMagick' | 'nobody';

/** What the references say. */
export interface Verdict {
  by: Witness;
  /** Of `nobody`. */
  failure?: Failure;
}

const EXACT: Difference = { mean: 0, max: 0 };
// What @napi-rs/image rounds otherwise than the references (docs/decisions/0006). Over the sound files of the corpus the
// largest differences are: JPEG 0.4 on average and 29 (one sample at a hard edge of a 4:2:2 picture), AVIF 0.4 and 1 from
// libavif.
const TOLERANCES: Partial<Record<ImageFormat, Difference>> = {
  jpeg: { mean: 1, max: 32 },
  avif: { mean: 1, max: 2 },
};

/**
 * Asks the references one after the other, the cheapest first, until one has the same picture.
 * @param bytes - the file
 * @param format - what it was taken for
 * @param pixels - what the library made of it
 * @param decoder - whose pixels those are
 * @param pillow - to be asked, if there is one
 * @returns the verdict
 */
export async function judge(
  bytes: Buffer,
  format: ImageFormat,
  pixels: Pixels,
  decoder: Decoder | undefined,
  pillow: Pillow | undefined,
): Promise<Verdict> {
  const tolerance = decoder === 'sharp' ? EXACT : (TOLERANCES[format] ?? EXACT);
  const seen: string[] = [];
  const picture = pictureOf(pixels);
  for (const [by, decode] of references(bytes, format, pillow)) {
    const reference = await decode();
    if (reference === undefined) continue;
    // avifdec doesn't turn its picture, nor does sharp a PNG whose eXIf chunk stands behind the pixels.
    const isAsStored = by === 'avifdec' || (by.startsWith('sharp') && hasLateExif(bytes, format));
    const same = isAsStored ? pictureOf({ ...pixels, orientation: 1 }) : picture;
    const ours = format === 'gif' ? withFrameOf(reference, same, bytes) : same;
    const apart = difference(ours, reference);
    if (apart !== undefined && apart.mean <= tolerance.mean && apart.max <= tolerance.max) return { by };
    seen.push(
      apart === undefined
        ? `${by} has ${reference.width} x ${reference.height}`
        : `${by} is ${apart.mean.toFixed(2)} away, ${apart.max} at most`,
    );
  }
  if (seen.length === 0)
    return { by: 'nobody', failure: { what: 'read by nobody else', detail: 'no reference reads it' } };
  const detail = `${picture.width} x ${picture.height}; ${seen.join('; ')}`;
  const stored = await pillow?.decode(bytes, { truncated: false, upright: false });
  const unturned = stored && difference(pictureOf({ ...pixels, orientation: 1 }), stored);
  const what = unturned?.max === 0 ? 'wrong orientation' : 'wrong picture';
  return { by: 'nobody', failure: { what, detail } };
}

function hasLateExif(bytes: Buffer, format: ImageFormat): boolean {
  return format === 'png' && bytes.indexOf('eXIf') > bytes.indexOf('IDAT');
}

type Reference = [by: Witness, decode: () => Promise<Picture | undefined>];

function references(bytes: Buffer, format: ImageFormat, pillow: Pillow | undefined): Reference[] {
  const list: Reference[] = [];
  if (pillow !== undefined && format !== 'avif') {
    const known = format === 'bmp' ? withKnownHeader(bytes) : bytes;
    list.push(['Pillow', () => pillow.decode(known, { truncated: false, upright: true })]);
    list.push(['Pillow, truncated', () => pillow.decode(known, { truncated: true, upright: true })]);
  }
  if (format !== 'bmp') {
    const opaque = format === 'gif' ? opaqueGif(bytes) : bytes;
    list.push(['sharp', () => bySharp(opaque, 'error')]);
    list.push(['sharp, lenient', () => bySharp(opaque, 'none')]);
  }
  // sharp takes the nearest chroma sample, libavif (and Pillow since 11.3) interpolates.
  if (format === 'avif') list.push(['avifdec', () => byAvifdec(bytes)]);
  // sharp reads no BMP.
  if (format === 'bmp') list.push(['ImageMagick', () => byImageMagick(bytes)]);
  return list;
}
