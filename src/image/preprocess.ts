// Stage 5: pixels to the tensor's own buffer in one pass of the native kernel, and the same for users' own pixels.
import { OptionReader, checkNames } from '../option-reader.js';
import type { RawImage } from '../types.js';
import { resizeInto, resizeNormalizeInto, type ResizeGeometry, type StoredLayout } from './binding.js';
import { decodePixels, type DecodeOptions, type Hold } from './decode.js';
import { checkRawImage } from './raw-image.js';
import { geometryOf } from './geometry.js';
import type { ImageHeader } from './header.js';
import type { Pixels } from './pixels.js';
import { resolvePreprocessConfig } from './preprocess-config.js';
import type { PreprocessConfig, Preprocessing } from './preprocessing.js';
import { valueTable } from './value-table.js';

// EXIF orientations 5 to 8 swap the axes.
const FIRST_TRANSPOSED = 5;

/** Fills one reused float32 NCHW buffer with one image after another. */
export class Preprocessor {
  /** `3 * height * width` values, planes in the order R, G, B; overwritten by each image. */
  readonly tensor: Float32Array;
  /** Rows of the tensor. */
  readonly height: number;
  /** Pixels in a row of the tensor. */
  readonly width: number;
  readonly #config: Preprocessing;
  readonly #options: DecodeOptions;
  readonly #table: Float32Array;
  readonly #hold: Hold | undefined;

  /**
   * @param config - the model's preprocessing
   * @param options - how to decode
   * @param hold - runs what takes libuv's threads, in turn with other workers
   */
  constructor(config: Preprocessing, options: DecodeOptions, hold?: Hold) {
    this.#config = config;
    this.#hold = hold;
    this.#options = options;
    this.#table = valueTable(config);
    this.height = config.cropSize.height;
    this.width = config.cropSize.width;
    this.tensor = new Float32Array(3 * this.height * this.width);
  }

  /**
   * Decodes an encoded image.
   * @param bytes - the encoded image
   * @param header - what its header says
   * @returns pixels for {@link Preprocessor.write}
   * @throws `DECODE_FAILED`, `TOO_MANY_PIXELS`, `UNSUPPORTED_FORMAT`
   */
  async decode(bytes: Uint8Array, header: ImageHeader): Promise<Pixels> {
    const { orientation, width, height } = header;
    const transposed = this.#options.autoOrient && orientation >= FIRST_TRANSPOSED;
    const target = transposed
      ? geometryOf(this.#config, height, width)
      : geometryOf(this.#config, width, height);
    return decodePixels(bytes, header, target, this.#options, this.#hold);
  }

  /**
   * Composes pixels over the background, if there is one, then resizes, crops and normalises them into
   * {@link Preprocessor.tensor}.
   * @param pixels - the image
   */
  write(pixels: Pixels): void {
    writeTensor(pixels, this.#config, this.#options.background, this.#table, this.tensor);
  }

  /**
   * The part of {@link Preprocessor.write} that reads the image: resizes and crops pixels, to bytes.
   * @param pixels - the image
   * @param target - its first `3 * height * width` bytes become interleaved RGB
   */
  resize(pixels: Pixels, target: Uint8Array): void {
    const [layout, geometry] = placed(pixels, this.#config, this.#options.background);
    resizeInto(pixels.data, layout, geometry, target);
  }

  /**
   * The rest of it: normalises into {@link Preprocessor.tensor} what {@link Preprocessor.resize} made, here or in another
   * process. Both together give the bits of `write`.
   * @param resized - `3 * height * width` bytes
   */
  writeResized(resized: Uint8Array): void {
    const { width, height } = this;
    const layout: StoredLayout = { offset: 0, width, height, channels: 3, rowStride: 3 * width };
    const crop = { left: 0, top: 0, width, height };
    const same: ResizeGeometry = { width, height, filter: 'nearest', crop };
    resizeNormalizeInto(resized, layout, same, this.#table, this.tensor);
  }
}

/** Options of {@link preprocess}. */
export interface PreprocessOptions {
  /** Compose RGBA pixels over this colour, `#rrggbb`, before they are resized. By default alpha is ignored. */
  flatten?: string | undefined;
}

const PREPROCESS_OPTIONS = new Set<keyof PreprocessOptions>(['flatten']);

/**
 * Turns decoded pixels into a model's input tensor: resize exactly as Pillow does, crop, rescale, normalise. For users who
 * run a session of their own. Synchronous: about half a millisecond for 640 x 480 pixels on the calling thread.
 * @param image - 8-bit RGB or RGBA pixels
 * @param config - the keys of the model's `preprocessor_config.json` in camelCase
 * @param options - what becomes of alpha
 * @returns `3 * height * width` values in the order channel, row, column
 * @throws `INVALID_ARGUMENT`, `INVALID_OPTION`, `NATIVE_UNAVAILABLE`
 */
export function preprocess(
  image: RawImage,
  config: PreprocessConfig,
  options: PreprocessOptions = {},
): Float32Array {
  checkNames(options, PREPROCESS_OPTIONS);
  const background = new OptionReader(options).colour('flatten');
  const { data, width, height, channels } = checkRawImage(image);
  const resolved = resolvePreprocessConfig(config);
  const { cropSize } = resolved;
  const tensor = new Float32Array(3 * cropSize.height * cropSize.width);
  const pixels: Pixels = { data, width, height, channels, bytesPerSample: 1, orientation: 1 };
  writeTensor(pixels, resolved, background, valueTable(resolved), tensor);
  return tensor;
}

function writeTensor(
  pixels: Pixels,
  config: Preprocessing,
  background: number | undefined,
  table: Float32Array,
  tensor: Float32Array,
): void {
  const [layout, geometry] = placed(pixels, config, background);
  resizeNormalizeInto(pixels.data, layout, geometry, table, tensor);
}

function placed(
  pixels: Pixels,
  config: Preprocessing,
  background: number | undefined,
): [StoredLayout, ResizeGeometry] {
  const { width, height, channels, bytesPerSample, orientation } = pixels;
  const transposed = orientation >= FIRST_TRANSPOSED;
  const geometry = transposed ? geometryOf(config, height, width) : geometryOf(config, width, height);
  const rowStride = width * channels * bytesPerSample;
  const layout = { offset: 0, width, height, channels, rowStride, bytesPerSample, orientation, background };
  return [layout, geometry];
}
