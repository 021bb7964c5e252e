// What a file can turn out to be, and what to do with it when it is nothing that is decoded.

/** The formats that are decoded. Everything else, SVG and other active formats included, is refused by this list. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'bmp' | 'tiff' | 'avif' | 'heic';

/** Rough kinds: `image` and `raw` hold a picture of pixels that is not read, the others are something else. */
export type Kind = 'image' | 'raw' | 'drawing' | 'document' | 'video' | 'audio' | 'archive' | 'text' | 'data';

/** A file in a format that is decoded. */
export interface Readable {
  format: ImageFormat;
  name: string;
}

/** A file in a format that is known and not decoded. */
export interface Foreign {
  format?: undefined;
  /** As people call it: `JPEG XL`, `RAW (CR2)`, `PDF`. */
  name: string;
  kind: Kind;
  /** What to do; a sentence. */
  advice: string;
}

/** What a file is. */
export type Recognised = Readable | Foreign;

/** What the formats that are decoded are called. */
export const FORMAT_NAMES: Readonly<Record<ImageFormat, string>> = {
  jpeg: 'JPEG',
  png: 'PNG',
  webp: 'WebP',
  avif: 'AVIF',
  heic: 'HEIC',
  gif: 'GIF',
  tiff: 'TIFF',
  bmp: 'BMP',
};

const ADVICE: Readonly<Record<Kind, string>> = {
  image: 'Convert it to JPEG or PNG first.',
  raw: 'Develop it to JPEG or TIFF first, or take the JPEG preview that lies in it.',
  drawing: 'Render it to PNG first: vector and other active formats are refused on purpose.',
  document: 'Render a page of it to PNG first.',
  video: 'Take a frame of it as JPEG or PNG first.',
  audio: 'It is no picture: leave it out.',
  archive: 'Unpack it first.',
  text: 'It is no picture: leave it out, or check how it was downloaded.',
  data: 'It is no picture: leave it out.',
};

/**
 * Names a format that is decoded.
 * @param format - which
 * @returns the answer
 */
export function readable(format: ImageFormat): Readable {
  return { format, name: FORMAT_NAMES[format] };
}

/**
 * Names a format that is not decoded.
 * @param kind - roughly what it is
 * @param name - as people call it
 * @param advice - what to do, where it is not what one does with all of its kind
 * @returns the answer
 */
export function foreign(kind: Kind, name: string, advice = ADVICE[kind]): Foreign {
  return { kind, name, advice };
}
