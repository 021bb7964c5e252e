// Runs graphs on the calibration images: one session at a time, so that no two graphs' weights are in memory.
import { readFile } from 'node:fs/promises';
import { VisionError } from '../../errors.js';
import type { DecodeOptions } from '../../image/decode.js';
import { readHeader } from '../../image/header.js';
import { Preprocessor } from '../../image/preprocess.js';
import type { Preprocessing } from '../../image/preprocessing.js';
import { ObservedSession, TowerSession, imageTensor } from '../../inference/session.js';

/** The calibration images, and how they become tensors. */
export interface Images {
  paths: readonly string[];
  preprocess: Preprocessing;
  decode: DecodeOptions;
}

/** What {@link GraphRunner.embed} answers with. */
export interface Run {
  /** One an image, as the graph puts them out. */
  vectors: Float32Array[];
  /** Median of one image. */
  milliseconds: number;
  /** Name of the output that holds the embedding. */
  output: string;
}

/** Runs graphs on a number of inputs, the same for every graph. */
export type Runner = Pick<GraphRunner, 'count' | 'embed' | 'observe'>;

/** Holds the images as tensors; every graph sees the same. */
export class GraphRunner {
  readonly #tensors: readonly Float32Array[];
  readonly #size: { height: number; width: number };
  readonly #options: Record<string, unknown>;

  private constructor(tensors: readonly Float32Array[], size: { height: number; width: number }, threads: number) {
    this.#tensors = tensors;
    this.#size = size;
    this.#options = {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      // Spinning threads would disturb what else the machine does, and make the times mean less.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    };
  }

  /**
   * Decodes the images.
   * @param images - at least one
   * @param threads - of each session
   * @returns the runner
   * @throws what decoding throws
   */
  static async open(images: Images, threads: number): Promise<GraphRunner> {
    const preprocessor = new Preprocessor(images.preprocess, images.decode);
    const tensors: Float32Array[] = [];
    for (const path of images.paths) {
      // Memory of its own: decoders take whole buffers.
      const bytes = new Uint8Array(await readFile(path));
      const header = readHeader(bytes, images.decode.limitInputPixels);
      preprocessor.write(await preprocessor.decode(bytes, header));
      tensors.push(preprocessor.tensor.slice());
    }
    return new GraphRunner(tensors, preprocessor, threads);
  }

  /** How many images there are. */
  get count(): number {
    return this.#tensors.length;
  }

  /**
   * Embeds the images.
   * @param path - the graph
   * @param goOn - told after each image with the vectors so far; false ends the run
   * @returns the vectors: fewer than images when it was ended
   * @throws `MODEL_INVALID`
   */
  async embed(path: string, goOn: (vectors: readonly Float32Array[]) => boolean): Promise<Run> {
    const session = await TowerSession.open(path, 'pixel_values', this.#options);
    try {
      if (session.takesFloat16) {
        throw new VisionError(
          'MODEL_INVALID',
          `Expected float32 in ${path} but it takes float16: "int8" is made of float32 graphs. Set option "dtype" to ` +
            '"fp32" to use it as it is.',
        );
      }
      const vectors: Float32Array[] = [];
      const times: number[] = [];
      for (const tensor of this.#tensors) {
        const start = performance.now();
        const [vector] = await session.run(this.#input(tensor));
        times.push(performance.now() - start);
        // Of its own, since the output's memory holds all tokens where the graph has no pooler.
        vectors.push((vector as Float32Array).slice());
        if (!goOn(vectors)) break;
      }
      return { vectors, milliseconds: median(times), output: session.output };
    } finally {
      await session.release();
    }
  }

  /**
   * Looks at other outputs of a graph.
   * @param path - the graph
   * @param outputs - names of float32 outputs
   * @param images - which, by their places
   * @param look - gets the values after each image
   * @throws `MODEL_INVALID`
   */
  async observe(
    path: string,
    outputs: readonly string[],
    images: readonly number[],
    look: (values: ReadonlyMap<string, Float32Array>, image: number) => void,
  ): Promise<void> {
    const session = await ObservedSession.open(path, this.#options);
    try {
      for (const image of images) {
        look(await session.run(this.#input(this.#tensors[image] as Float32Array), outputs), image);
      }
    } finally {
      await session.release();
    }
  }

  #input(tensor: Float32Array) {
    return imageTensor(tensor, this.#size.height, this.#size.width);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
