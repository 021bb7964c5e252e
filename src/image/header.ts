// Reads what must be known before any decoding from a file's header: format, size, orientation.
import { imageSize } from 'image-size';
import { VisionError, messageOf } from '../errors.js';
import { bufferOver } from './buffer-over.js';
import { exifOrientation, pngOrientation, webpOrientation, type Orientation } from './exif-orientation.js';
import { extendedJpeg } from './proven/jpeg.js';
import { unsupportedStructure } from './proven/verdict.js';
import type { ImageFormat } from './recognise/kinds.js';
import { recognise, unsupportedFormat } from './recognise/recognise.js';
import { readAvifStructure } from './structure/avif.js';
import { bmpVersion, readBmpStructure } from './structure/bmp.js';
import { holdsItems, readHeifStructure } from './structure/heif.js';
import { isFrame, readJpegStructure } from './structure/jpeg.js';
import { readPngHeader } from './structure/png.js';
import { readTiffStructure } from './structure/tiff.js';

/** What the header says. */
export interface ImageHeader {
  format: ImageFormat;
  /** Pixels in a row, as stored: before orientation. */
  width: number;
  /** Rows, as stored. */
  height: number;
  orientation: Orientation;
}

// No camera writes so many segments before the picture; a hostile file can hold millions.
const MAX_SEGMENTS = 65_536;

/**
 * Reads the header, in time linear in the file's size at worst.
 * @param bytes - an encoded image
 * @param limitInputPixels - most pixels allowed
 * @returns the header
 * @throws `UNSUPPORTED_FORMAT`, `DECODE_FAILED` for a damaged header, `TOO_MANY_PIXELS`
 */
export function readHeader(bytes: Uint8Array, limitInputPixels: number): ImageHeader {
  // A Buffer over the same memory: image-size slices what it is given, and a Uint8Array would be copied each time.
  const b = bufferOver(bytes);
  const found = recognise(b);
  if (found?.format === undefined) throw unsupportedFormat(b, found);
  const { format } = found;
  let header: ImageHeader | undefined;
  try {
    header = { format, ...read(b, format) };
  } catch (cause) {
    if (cause instanceof VisionError) throw cause;
    throw damaged(format, messageOf(cause), cause);
  }
  const { width, height } = header;
  if (!(width > 0 && height > 0)) throw damaged(format, `it claims ${width} x ${height} pixels`);
  if (width * height > limitInputPixels) throw tooManyPixels(width, height, limitInputPixels);
  return header;
}

/**
 * The error for an image over the pixel limit.
 * @param width - pixels in a row
 * @param height - rows
 * @param limit - the limit in force
 * @param when - which size that is
 * @returns the error
 */
export function tooManyPixels(
  width: number,
  height: number,
  limit: number,
  when = 'by its header',
): VisionError {
  return new VisionError(
    'TOO_MANY_PIXELS',
    `Expected at most ${limit} pixels (option "limitInputPixels") but the image has ${width} x ${height} = ` +
      `${width * height} ${when}. Scale it down, or raise the limit if you trust the source.`,
  );
}

function damaged(format: ImageFormat, why: string, cause?: unknown): VisionError {
  return new VisionError('DECODE_FAILED', `The ${format.toUpperCase()} image's header is damaged: ${why}.`, {
    cause,
  });
}

// image-size reads GIF and WebP only: it takes time quadratic in the number of JPEG segments and AVIF boxes (2 MB of boxes:
// 76 s) and knows Windows' BMPs only.
function read(b: Buffer, format: ImageFormat): Omit<ImageHeader, 'format'> {
  if (format === 'jpeg') return readJpeg(b);
  const { width, height, orientation } = READERS[format]?.(b, format) ?? sizeOf(b);
  return { width, height, orientation: orientation ?? ORIENTATION[format]?.(b) ?? 1 };
}

interface Sized {
  width: number;
  height: number;
  orientation?: Orientation;
}

function sizeOf(b: Buffer): Sized {
  const { width, height } = imageSize(b);
  return { width, height };
}

const READERS: Partial<Record<ImageFormat, (b: Buffer, format: ImageFormat) => Sized>> = {
  avif: (b, format) => readAvifStructure(b) ?? missing(format, 'it lacks image properties'),
  heic: readHeic,
  bmp: (b, format) => {
    const version = bmpVersion(b);
    if (version?.known === false) {
      throw unsupportedStructure(
        `a BMP of an unknown version (an information header of ${version.headerBytes} bytes)`,
      );
    }
    return readBmpStructure(b) ?? missing(format, 'its information header is cut off');
  },
  png: (b, format) => readPngHeader(b) ?? missing(format, 'its first chunk is no header'),
  tiff: (b, format) => readTiffStructure(b) ?? missing(format, 'its first directory lies outside the file'),
};

function missing(format: ImageFormat, why: string): never {
  throw damaged(format, why);
}

// Its picture is turned by the decoder.
function readHeic(b: Buffer): Sized {
  // Image sequences begin like pictures, and so does what was cut off behind its first box.
  if (!holdsItems(b)) {
    throw unsupportedStructure(
      'a HEIC without a still picture (it has no "meta" box)',
      'If it is an image sequence, take its first frame as JPEG or PNG; otherwise check that it was transferred in full.',
    );
  }
  return readHeifStructure(b) ?? missing('heic', 'it does not say what its picture is made of');
}

const ORIENTATION: Partial<Record<ImageFormat, (b: Buffer) => Orientation>> = {
  png: pngOrientation,
  webp: webpOrientation,
};

// Walks the markers up to the first scan: EXIF may stand behind the frame header.
function readJpeg(b: Buffer): Omit<ImageHeader, 'format'> {
  let orientation: Orientation | undefined;
  let size: { width: number; height: number } | undefined;
  let p = 2;
  for (let segments = 0; segments < MAX_SEGMENTS; segments++) {
    p = b.indexOf(0xff, p);
    if (p < 0) break;
    while (b[p] === 0xff) p++;
    const code = b[p++];
    if (code === undefined) break;
    if (code === 0x00 || code === 0x01 || (code >= 0xd0 && code <= 0xd8)) continue;
    if (code === 0xda || code === 0xd9) break; // a scan, or the end
    if (size !== undefined && p + 2 > b.length) break; // cut off; the decoder will say so
    const length = b.readUInt16BE(p);
    if (isFrame(code)) size ??= { height: b.readUInt16BE(p + 3), width: b.readUInt16BE(p + 5) };
    if (code === 0xe1 && b.toString('latin1', p + 2, p + 8) === 'Exif\0\0') {
      orientation ??= exifOrientation(b.subarray(p + 8, p + length));
    }
    p += length;
  }
  if (size === undefined) {
    const { extension } = readJpegStructure(b);
    if (extension !== undefined) throw extendedJpeg(extension);
    throw damaged('jpeg', 'it lacks a frame header');
  }
  if (size.height === 0 && size.width > 0) {
    throw unsupportedStructure('a JPEG whose height stands behind its first scan (DNL)');
  }
  return { ...size, orientation: orientation ?? 1 };
}
