// How a file will be decoded: its structure read, the decoders that are proven right for it, and the bytes they get.
import type { ImageHeader } from './header.js';
import { tooManyPixels } from './header.js';
import { decodeFailed } from './pixels.js';
import { provenForAvif } from './proven/avif.js';
import { provenForBmp } from './proven/bmp.js';
import { provenForHeic } from './proven/heic.js';
import { provenForJpeg } from './proven/jpeg.js';
import { provenForPng } from './proven/png.js';
import { provenForTiff } from './proven/tiff.js';
import type { Colours, Proven } from './proven/verdict.js';
import { provenForWebp } from './proven/webp.js';
import type { ImageFormat } from './recognise/kinds.js';
import { readAvifStructure } from './structure/avif.js';
import { readBmpStructure } from './structure/bmp.js';
import { firstGifFrame } from './structure/gif.js';
import { readHeifStructure } from './structure/heif.js';
import { readJpegStructure } from './structure/jpeg.js';
import { plainBmp } from './structure/plain-bmp.js';
import { readPngStructure } from './structure/png.js';
import { stillAvif } from './structure/still-avif.js';
import { soundTiff } from './structure/sound-tiff.js';
import { readTiffStructure } from './structure/tiff.js';
import { readWebpStructure } from './structure/webp.js';

/** What to decode and with what. */
export interface DecodingPlan extends Proven {
  /** The file, or a rewriting of it that shows the same picture. */
  bytes: Uint8Array;
  /** What its samples are. */
  colours: Colours;
}

/** What matters for the plan. */
export interface PlanOptions {
  limitInputPixels: number;
  /** Alpha will be read; otherwise nothing is transparent. */
  keepAlpha: boolean;
}

type Planner = (bytes: Uint8Array, header: ImageHeader, options: PlanOptions) => DecodingPlan;

const PLANNERS: Readonly<Record<ImageFormat, Planner>> = {
  jpeg: planJpeg,
  png: planPng,
  webp: planWebp,
  avif: planAvif,
  heic: planHeic,
  gif: planGif,
  tiff: planTiff,
  bmp: planBmp,
};

/**
 * Plans the decoding of an image.
 * @param bytes - the whole file
 * @param header - what its header says
 * @param options - limit, and whether alpha matters
 * @returns the plan
 * @throws `UNSUPPORTED_FORMAT` naming a structure that no decoder is proven right for, `DECODE_FAILED` for one that is cut
 * off, `TOO_MANY_PIXELS`
 */
export function planDecoding(bytes: Uint8Array, header: ImageHeader, options: PlanOptions): DecodingPlan {
  return PLANNERS[header.format](bytes, header, options);
}

function plain(bytes: Uint8Array, proven: Proven): DecodingPlan {
  return { ...proven, bytes, colours: 'rgb' };
}

function planJpeg(bytes: Uint8Array, header: ImageHeader): DecodingPlan {
  const jpeg = readJpegStructure(bytes);
  // What was cut off before its frame has no structure yet.
  const isCut = !jpeg.complete && jpeg.frames.length === 0 && jpeg.extension === undefined;
  const proven = isCut ? undefined : provenForJpeg(jpeg, header);
  if (proven === undefined || !jpeg.complete) {
    throw decodeFailed(
      'jpeg',
      `its ${bytes.length} bytes end before its end-of-image marker: it is truncated`,
    );
  }
  return { ...proven, bytes };
}

function planPng(bytes: Uint8Array): DecodingPlan {
  const png = readPngStructure(bytes);
  if (png === undefined) throw decodeFailed('png', 'its header chunk is not in its place');
  const proven = provenForPng(png);
  if (!png.complete) throw decodeFailed('png', 'its end chunk (IEND) is missing');
  return { ...proven, bytes };
}

function planWebp(bytes: Uint8Array, header: ImageHeader): DecodingPlan {
  const webp = readWebpStructure(bytes);
  if (webp.missingBytes > 0)
    throw decodeFailed('webp', `it lacks the last ${webp.missingBytes} bytes that its header names`);
  if (webp.coding === undefined) throw decodeFailed('webp', 'it holds no picture');
  return plain(bytes, provenForWebp(webp, header));
}

function planAvif(bytes: Uint8Array): DecodingPlan {
  const avif = readAvifStructure(bytes);
  if (avif === undefined) throw decodeFailed('avif', 'it lacks image properties');
  const proven = provenForAvif(avif);
  if (avif.emptySequence) throw decodeFailed('avif', 'it says that it is an animation and holds none');
  return plain(stillAvif(bytes), proven);
}

function planHeic(bytes: Uint8Array, _header: ImageHeader, { limitInputPixels }: PlanOptions): DecodingPlan {
  const heif = readHeifStructure(bytes);
  if (heif === undefined) throw decodeFailed('heic', 'its boxes do not say what its picture is made of');
  const { width, height, codedPixels } = heif;
  // Tiles reach beyond the picture; nothing but malice makes them twice as large as the largest picture.
  if (codedPixels > 2 * limitInputPixels)
    throw tooManyPixels(width, height, limitInputPixels, `made of tiles of ${codedPixels} pixels`);
  return plain(bytes, provenForHeic(heif));
}

function planGif(
  bytes: Uint8Array,
  _: ImageHeader,
  { limitInputPixels, keepAlpha }: PlanOptions,
): DecodingPlan {
  const frame = firstGifFrame(bytes, keepAlpha);
  if (frame === undefined) throw decodeFailed('gif', 'its first frame is truncated');
  const { width, height } = frame;
  if (width * height > limitInputPixels)
    throw tooManyPixels(width, height, limitInputPixels, 'in its first frame');
  if (frame.outside) throw decodeFailed('gif', 'its first frame reaches out of its screen');
  return plain(frame.bytes, { decoders: ['sharp'], structure: 'a GIF' });
}

function planTiff(bytes: Uint8Array): DecodingPlan {
  const tiff = readTiffStructure(bytes);
  if (tiff === undefined) throw decodeFailed('tiff', 'its first directory lies outside the file');
  return { ...provenForTiff(tiff), bytes: soundTiff(bytes) };
}

function planBmp(bytes: Uint8Array): DecodingPlan {
  const bmp = readBmpStructure(bytes);
  if (bmp === undefined) throw decodeFailed('bmp', 'its headers are cut off');
  const proven = provenForBmp(bmp);
  const rewritten = plainBmp(bytes, bmp);
  if (rewritten === undefined) throw decodeFailed('bmp', 'its pixels are not all there');
  return plain(rewritten, proven);
}
