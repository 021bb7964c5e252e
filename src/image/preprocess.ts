// Pixels to the tensor's own buffer: keeps that buffer, the constants and the resize geometry of one worker.
import { normalizeInto } from './binding.js';
import { decodeResized, resizePixels, type Pixels } from './decode.js';
import { tooManyPixels, type ImageHeader } from './header.js';
import { geometryOf, type Geometry, type PreprocessConfig } from './preprocess-config.js';

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
  readonly #config: PreprocessConfig;
  readonly #autoOrient: boolean;
  readonly #limitInputPixels: number;
  readonly #scale: Float32Array;
  readonly #bias: Float32Array;

  /**
   * @param config - the model's preprocessing
   * @param options - turn images upright by EXIF, and the bound on the resized image
   * @param options.autoOrient - see {@link SemanticVisionOptions}
   * @param options.limitInputPixels - see {@link SemanticVisionOptions}
   */
  constructor(config: PreprocessConfig, options: { autoOrient: boolean; limitInputPixels: number }) {
    this.#config = config;
    this.#autoOrient = options.autoOrient;
    this.height = config.cropSize.height;
    this.width = config.cropSize.width;
    // The model's own size must always be allowed.
    this.#limitInputPixels = Math.max(options.limitInputPixels, 16 * this.height * this.width);
    this.tensor = new Float32Array(3 * this.height * this.width);
    // (x * rescale - mean) / std, as one multiplication and one addition
    this.#scale = Float32Array.from(config.imageStd, (std) => config.rescaleFactor / std);
    this.#bias = Float32Array.from(
      config.imageStd,
      (std, channel) => -(config.imageMean[channel] as number) / std,
    );
  }

  /**
   * Decodes and resizes an encoded image.
   * @param bytes - the encoded image
   * @param header - what its header says
   * @returns pixels for {@link Preprocessor.write}
   * @throws `DECODE_FAILED` when the bytes are damaged, `TOO_MANY_PIXELS`
   */
  decode(bytes: Uint8Array, header: ImageHeader): [Pixels, Geometry] {
    // The reference turns TIFF upright while it decodes, whatever is asked of it.
    const orientation = this.#autoOrient || header.format === 'tiff' ? header.orientation : 1;
    const transposed = orientation >= FIRST_TRANSPOSED;
    const geometry = transposed
      ? this.#geometry(header.height, header.width)
      : this.#geometry(header.width, header.height);
    const { resample } = this.#config;
    return [decodeResized(bytes, header.format, orientation, geometry, resample), geometry];
  }

  /**
   * Resizes an image that is decoded already.
   * @param pixels - the image
   * @returns pixels for {@link Preprocessor.write}
   */
  resize(pixels: Pixels): [Pixels, Geometry] {
    const geometry = this.#geometry(pixels.width, pixels.height);
    return [resizePixels(pixels, geometry.width, geometry.height, this.#config.resample), geometry];
  }

  /**
   * Writes the window of resized pixels into {@link Preprocessor.tensor}.
   * @param pixels - resized
   * @param geometry - where the window lies
   */
  write(pixels: Pixels, geometry: Geometry): void {
    const rowStride = pixels.width * pixels.channels;
    normalizeInto(
      pixels.data,
      {
        offset: geometry.top * rowStride + geometry.left * pixels.channels,
        width: geometry.cropWidth,
        height: geometry.cropHeight,
        channels: pixels.channels,
        rowStride,
      },
      this.#scale,
      this.#bias,
      this.tensor,
    );
  }

  // By its shortest edge a strip of 1 x 100,000 pixels grows to 28 million rows.
  #geometry(width: number, height: number): Geometry {
    const geometry = geometryOf(this.#config, width, height);
    if (geometry.width * geometry.height > this.#limitInputPixels) {
      throw tooManyPixels(
        geometry.width,
        geometry.height,
        this.#limitInputPixels,
        'once resized by its shortest edge',
      );
    }
    return geometry;
  }
}
