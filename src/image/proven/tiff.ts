// Which decoder is right for which TIFF: a list of values that the differential test generated; whatever else stands in a tag is refused by name.
import type { TiffStructure } from '../structure/tiff.js';
import { sharpFirst, unsupportedStructure, type Colours, type Proven } from './verdict.js';

const GREY_WHITE_IS_0 = 0;
const GREY_BLACK_IS_0 = 1;
const RGB = 2;
const PALETTE = 3;
const CMYK = 5;
const YCBCR = 6;
const JPEG = 7;
const UNSIGNED = 1;
const IN_PLANES = 2;
// Sides of tiles are multiples of it.
const TILE_STEP = 16;

const COMPRESSIONS: Readonly<Record<number, string>> = {
  1: 'uncompressed',
  2: 'CCITT RLE',
  3: 'CCITT group 3',
  4: 'CCITT group 4',
  5: 'LZW',
  [JPEG]: 'JPEG',
  8: 'Deflate',
  32773: 'PackBits',
  32946: 'Deflate',
};
const BILEVEL_ONLY = [2, 3, 4];
const NO_PREDICTOR = 1;
const DIFFERENCES = 2;
const BITS_A_BYTE = 8;
const PREDICTED = [5, 8, 32946];
const OTHER_COMPRESSIONS: Readonly<Record<number, string>> = {
  6: 'old-style JPEG',
  9: 'JBIG',
  10: 'JBIG',
  32766: 'NeXT',
  32809: 'ThunderScan',
  34661: 'JBIG',
  34676: 'LogLuv',
  34677: 'LogLuv',
  34712: 'JPEG 2000',
  34887: 'LERC',
  34892: 'lossy JPEG (DNG)',
  34925: 'LZMA',
  50000: 'Zstandard',
  50001: 'WebP',
};
const COLOURS: Readonly<Record<number, string>> = {
  [GREY_WHITE_IS_0]: 'grey',
  [GREY_BLACK_IS_0]: 'grey',
  [RGB]: 'RGB',
  [PALETTE]: 'palette',
  4: 'transparency mask',
  [CMYK]: 'CMYK',
  [YCBCR]: 'YCbCr',
  8: 'CIELAB',
  9: 'ICCLAB',
  10: 'ITULAB',
  32803: 'colour filter array',
  32844: 'LogL',
  32845: 'LogLuv',
  34892: 'linear raw',
};
const FORMATS: Readonly<Record<number, string>> = {
  2: 'signed',
  3: 'floating point',
  4: 'untyped',
  5: 'complex integer',
  6: 'complex floating point',
};
// Kinds of the samples beyond the colours: 0 nothing certain, 1 premultiplied alpha, 2 alpha; 999 is what Corel Draw writes.
const RGB_EXTRAS = ['', '0', '1', '2', '999', '0,0', '1,0', '2,0', '0,2'];

/**
 * @param tiff - its structure
 * @returns the decoders that are right for it
 * @throws `UNSUPPORTED_FORMAT` naming what no decoder here is right for
 */
export function provenForTiff(tiff: TiffStructure): Proven & { colours: Colours } {
  const odd = oddity(tiff);
  if (odd !== undefined)
    throw unsupportedStructure(`a TIFF ${odd}`, 'Save it as an ordinary TIFF, PNG or JPEG first.');
  const colours = COLOURS[tiff.photometric] as string;
  const isGrey = tiff.photometric === GREY_WHITE_IS_0 || tiff.photometric === GREY_BLACK_IS_0;
  const compression = COMPRESSIONS[tiff.compression] as string;
  const decodedBytes = tiff.width * tiff.height * tiff.samples * ((tiff.bits[0] as number) / BITS_A_BYTE);
  const structure = `a TIFF (${compression}, ${colours}, ${tiff.bits[0] as number} bits a sample)`;
  return {
    // libvips passes over what it cannot decode in tiles, unless told to fail on warnings as well.
    strict: tiff.tiled && PREDICTED.includes(tiff.compression),
    // The other decoder holds the picture, its copy of it, and the strips: all of it where there is only one.
    ...sharpFirst(structure, isProvenForNapi(tiff), 3 * decodedBytes),
    // Grey of 16 bits goes by way of RGB: that keeps the high byte, the way to grey rounds.
    colours: tiff.photometric === CMYK ? 'cmyk' : isGrey && tiff.bits[0] !== 16 ? 'grey' : 'rgb',
  };
}

// What is not proven, as the rest of a sentence; undefined where everything is.
function oddity(tiff: TiffStructure): string | undefined {
  return oddSamples(tiff) ?? oddColours(tiff) ?? oddStorage(tiff);
}

function oddSamples({ bits, sampleFormats }: TiffStructure): string | undefined {
  const format = sampleFormats.find((each) => each !== UNSIGNED);
  if (format !== undefined) return `with ${FORMATS[format] ?? `unknown (${format})`} samples`;
  if (new Set(bits).size > 1) return `with samples of different sizes (${bits.join(', ')} bits)`;
  const wanted = bits.length === 1 ? [1, 2, 4, 8, 16] : [8, 16];
  return wanted.includes(bits[0] as number) ? undefined : `of ${bits[0] as number} bits a sample`;
}

function oddColours(tiff: TiffStructure): string | undefined {
  const { photometric, samples, extraSamples, bits, compression } = tiff;
  const name = COLOURS[photometric];
  if (name === undefined)
    return photometric < 0 ? 'that does not say what its colours are' : `of unknown colours (${photometric})`;
  const extras = extraSamples.join();
  const wrongCount = `with ${samples} samples for ${name} colours${extras === '' ? '' : ` and extra samples ${extras}`}`;
  switch (photometric) {
    case GREY_WHITE_IS_0:
    case GREY_BLACK_IS_0:
      if (samples === 1) return extras === '' ? undefined : wrongCount;
      return samples === 2 && (extras === '0' || extras === '2') ? undefined : wrongCount;
    case RGB: {
      // Without a word about it a fourth sample is alpha.
      const isKnown = extras === '' ? samples === 3 || samples === 4 : samples === 3 + extraSamples.length;
      if (!isKnown || !RGB_EXTRAS.includes(extras)) return wrongCount;
      return extraSamples[0] === 1 && bits[0] === 16 ? 'with premultiplied alpha of 16 bits' : undefined;
    }
    case PALETTE:
      if (samples !== 1 || extras !== '') return wrongCount;
      if (bits[0] === 16) return 'with a palette of 16 bits';
      return tiff.palette === 'whole' ? undefined : `with a palette that is ${tiff.palette}`;
    case CMYK:
      if (tiff.inkSet !== 1) return 'with inks other than CMYK';
      if (bits[0] !== 8) return `with CMYK colours of ${bits[0] as number} bits`;
      return samples === 4 && extras === '' ? undefined : wrongCount;
    case YCBCR:
      if (compression !== JPEG) return 'with YCbCr colours outside JPEG compression';
      return samples === 3 && extras === '' && bits[0] === 8 ? undefined : wrongCount;
    default:
      return `with ${name} colours`;
  }
}

function oddStorage(tiff: TiffStructure): string | undefined {
  const { compression, predictor, planar, tiled, samples, bits, fillOrder, doubled } = tiff;
  if (COMPRESSIONS[compression] === undefined) {
    return `with ${OTHER_COMPRESSIONS[compression] ?? `unknown (${compression})`} compression`;
  }
  if (
    BILEVEL_ONLY.includes(compression) &&
    (samples !== 1 || bits[0] !== 1 || tiff.photometric === PALETTE)
  ) {
    return `with ${COMPRESSIONS[compression]} compression of more than black and white`;
  }
  if (compression === JPEG && (bits[0] !== 8 || tiff.photometric === PALETTE))
    return `with JPEG compression of ${bits[0] as number} bits a sample`;
  const isPredicted =
    predictor === DIFFERENCES && PREDICTED.includes(compression) && (bits[0] as number) >= 8;
  if (predictor !== NO_PREDICTOR && PREDICTED.includes(compression) && !isPredicted)
    return `with predictor ${predictor}`;
  if (planar !== 1 && planar !== IN_PLANES) return `of unknown planar configuration (${planar})`;
  if (planar === IN_PLANES && samples > 1) {
    if (tiled) return 'with tiled separate planes';
    if (samples === 2 || compression === JPEG) return 'with separate planes of this kind';
  }
  const chunks = oddChunks(tiff);
  if (chunks !== undefined) return chunks;
  if (fillOrder !== 1 && fillOrder !== 2) return `of unknown fill order (${fillOrder})`;
  if (tiff.mistyped) return 'whose directory has values of a type that does not belong there';
  if (doubled) return 'whose directory names the same thing twice';
  return undefined;
}

function oddChunks({
  tiled,
  tile,
  rowsPerStrip,
  width,
  height,
  planar,
  samples,
  chunks,
}: TiffStructure): string | undefined {
  if (
    tiled &&
    (tile.width === 0 || tile.height === 0 || tile.width % TILE_STEP > 0 || tile.height % TILE_STEP > 0)
  ) {
    return `with tiles of ${tile.width} x ${tile.height} pixels`;
  }
  if (rowsPerStrip === 0) return 'with strips of no rows';
  const needed = tiled
    ? Math.ceil(width / tile.width) * Math.ceil(height / tile.height)
    : Math.ceil(height / Math.min(rowsPerStrip, height));
  const planes = planar === IN_PLANES ? samples : 1;
  if (chunks.offsets >= needed * planes) return undefined;
  return `of ${chunks.offsets} ${tiled ? 'tiles' : 'strips'} where its size needs ${needed * planes}`;
}

// Its decoder takes whatever alpha there is for plain alpha, fails on LZW without an end code, takes broken off Deflate
// for whole, and panics on tiled planes.
function isProvenForNapi(tiff: TiffStructure): boolean {
  const { big, compression, photometric, samples, extraSamples, planar, tiled, bits, fillOrder, chunks } =
    tiff;
  const isRgb = photometric === RGB && (samples === 3 || (samples === 4 && extraSamples.join() === '2'));
  const isGrey = photometric === GREY_BLACK_IS_0 && samples === 1;
  return (
    !big &&
    [1, 32773].includes(compression) &&
    (isRgb || isGrey) &&
    [8, 16].includes(bits[0] as number) &&
    planar === 1 &&
    !tiled &&
    fillOrder === 1 &&
    // libtiff passes over a predictor where the compression has none; this decoder would apply it.
    tiff.predictor === NO_PREDICTOR &&
    chunks.counts === chunks.offsets
  );
}
