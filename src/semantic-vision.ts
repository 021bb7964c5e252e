// The facade: the one place that knows all stages and puts them together.
import { abortable, throwIfAborted } from './abort.js';
import { VectorCache } from './cache.js';
import { VisionError, expectedButReceived, messageOf } from './errors.js';
import { cosine } from './inference/postprocess.js';
import { loadInput } from './input.js';
import { loadModel, type LoadedModel } from './models/load-model.js';
import { SharedWeights } from './models/prepared/shared-weights.js';
import { resolveOptions, signalOption, type ResolvedOptions, type SemanticVisionOptions } from './options.js';
import { Hasher } from './pool/hasher.js';
import { WorkerPool } from './pool/pool.js';
import { StageClock } from './stats.js';
import { mapOrdered, type Source } from './stream.js';
import type {
  EmbedImagesOptions,
  EmbedOptions,
  EmbedResult,
  Embedding,
  ImageEmbedding,
  ImageInput,
  ModelInfo,
  Priority,
  SimilarResult,
  TextEmbedding,
  VisionStats,
} from './types.js';

/** Options of one request, validated. */
interface Request {
  priority: Priority;
  signal: AbortSignal | undefined;
  /** Streams bound themselves: `maxQueue` does not apply to them. */
  bounded: boolean;
}

/**
 * Turns images and texts into unit vectors of one space, in worker threads.
 *
 * ```ts
 * await using vision = await SemanticVision.create();
 * const { vector } = await vision.embedImage('photo.jpg');
 * ```
 */
export class SemanticVision implements AsyncDisposable {
  /** The loaded model. */
  readonly model: ModelInfo;
  readonly #options: ResolvedOptions;
  readonly #pool: WorkerPool;
  readonly #hasher: Hasher;
  readonly #weights: SharedWeights;
  readonly #cache: VectorCache;
  readonly #clock = new StageClock();
  readonly #requests = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;
  #imagesEmbedded = 0;
  #textsEmbedded = 0;
  #failed = 0;

  private constructor(
    options: ResolvedOptions,
    model: LoadedModel,
    pool: WorkerPool,
    hasher: Hasher,
    weights: SharedWeights,
  ) {
    this.#options = options;
    this.#pool = pool;
    this.#hasher = hasher;
    this.#weights = weights;
    this.#cache = new VectorCache(options.cacheMaxBytes);
    this.model = Object.freeze({
      id: model.id,
      revision: model.revision,
      dtype: model.dtype,
      dimensions: pool.dimensions,
      imageSize: model.preprocess.cropSize.width,
      fingerprint: model.fingerprint,
    });
  }

  /**
   * Verifies and loads the model, starts the workers and warms each of them.
   * @param options - all optional; without any, the bundled model is used and nothing is fetched
   * @returns a ready instance
   * @throws `INVALID_OPTION`, `MODEL_NOT_FOUND`, `MODEL_INVALID`, `NATIVE_UNAVAILABLE`, `WORKER_FAILED`, `ABORTED`
   */
  static async create(options?: SemanticVisionOptions): Promise<SemanticVision> {
    const resolved = resolveOptions(options);
    throwIfAborted(resolved.signal);
    const starting = SemanticVision.#start(resolved);
    return abortable(starting, resolved.signal, () => {
      starting.then((vision) => vision.close()).catch(() => undefined);
    });
  }

  static async #start(options: ResolvedOptions): Promise<SemanticVision> {
    const hasher = new Hasher();
    let weights: SharedWeights | undefined;
    try {
      const model = await loadModel(options.model, hasher);
      const { workers, maxQueue, autoOrient, limitInputPixels, decode, signal } = options;
      const session = sessionOptions(options);
      weights = new SharedWeights(model, session, hasher, signal);
      const config = {
        visionModel: model.visionModel,
        visionPrepared: await weights.prepare('image'),
        text: model.text,
        preprocess: model.preprocess,
        sessionOptions: session,
        decode: { autoOrient, limitInputPixels, decode },
      };
      throwIfAborted(signal);
      const pool = await WorkerPool.start({ workers, maxQueue, config });
      await weights.opened('image', pool.shared);
      return new SemanticVision(options, model, pool, hasher, weights);
    } catch (error) {
      await weights?.close();
      await hasher.close();
      throw error;
    }
  }

  /**
   * Embeds one image.
   * @param image - path, `file:` URL, encoded bytes, Blob or pixels
   * @param options - abort signal and priority
   * @returns the unit vector, with the hash of the image
   * @throws `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`, `INPUT_EMPTY`, `UNSUPPORTED_FORMAT`, `DECODE_FAILED`,
   * `TOO_MANY_PIXELS`, `TOO_MANY_BYTES`, `INVALID_ARGUMENT`, `QUEUE_FULL`, `ABORTED`, `CLOSED`, `WORKER_FAILED`
   */
  async embedImage(image: ImageInput, options?: EmbedOptions): Promise<ImageEmbedding> {
    return this.#track(async () => this.#image(image, request(options, 'interactive')));
  }

  /**
   * Embeds a stream of images, in bounded memory. One bad image yields an error result and the stream goes on.
   * @param images - any iterable, synchronous or not; it is read only as fast as results are consumed
   * @param options - abort signal, priority (default `bulk`) and how many images may be under way
   * @returns results in input order
   * @throws `INVALID_ARGUMENT` at once; `ABORTED`, `CLOSED` and the iterable's own errors while iterating
   */
  embedImages(
    images: Source<ImageInput>,
    options: EmbedImagesOptions = {},
  ): AsyncIterableIterator<EmbedResult> {
    this.#checkOpen();
    const source: unknown = images;
    const iterable =
      typeof source === 'object' &&
      source !== null &&
      (Symbol.iterator in source || Symbol.asyncIterator in source);
    if (!iterable || ArrayBuffer.isView(source)) {
      throw new VisionError(
        'INVALID_ARGUMENT',
        expectedButReceived('images', 'an iterable of images', source),
      );
    }
    const { priority, signal } = request(options, 'bulk');
    const concurrency = options.concurrency ?? 2 * this.#options.workers;
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      throw new VisionError(
        'INVALID_ARGUMENT',
        expectedButReceived('concurrency', 'a positive integer', concurrency),
      );
    }
    const embed = async (image: ImageInput, index: number, stopped: AbortSignal): Promise<EmbedResult> => {
      try {
        const stop = signal === undefined ? stopped : AbortSignal.any([signal, stopped]);
        const embedding = await this.#track(() =>
          this.#image(image, { priority, signal: stop, bounded: false }),
        );
        return { ok: true, index, embedding };
      } catch (error) {
        return { ok: false, index, error: toVisionError(error) };
      }
    };
    return this.#untilClosed(mapOrdered(images, concurrency, embed, signal));
  }

  /**
   * Embeds one text, in the same space as the images.
   * @param text - what to look for
   * @param options - abort signal and priority
   * @returns the unit vector
   * @throws `INVALID_ARGUMENT`, `TEXT_UNSUPPORTED`, `TEXT_NOT_UNDERSTOOD`, `QUEUE_FULL`, `ABORTED`, `CLOSED`,
   * `WORKER_FAILED`
   */
  async embedText(text: string, options?: EmbedOptions): Promise<TextEmbedding> {
    return this.#track(async () => {
      const { priority, signal, bounded } = request(options, 'interactive');
      const given: unknown = text;
      if (typeof given !== 'string') {
        throw new VisionError('INVALID_ARGUMENT', expectedButReceived('text', 'a string', given));
      }
      throwIfAborted(signal);
      const prepared = await abortable(this.#weights.prepare('text'), signal);
      const start = () => {
        const submission = this.#pool.submit({ kind: 'text', text, prepared }, priority, bounded);
        const result = this.#counted(submission.result, ({ shared }) => {
          this.#textsEmbedded++;
          void this.#weights.opened('text', shared === true);
        });
        return { ...submission, result };
      };
      return {
        ...this.#embedding(await this.#cache.resolve(`text:${text}`, start, { priority, signal })),
        text,
      };
    });
  }

  /**
   * Cosine similarity.
   * @param a - an embedding or a bare vector
   * @param b - another
   * @returns -1 to 1
   * @throws `DIMENSION_MISMATCH`, `MODEL_MISMATCH`, `INVALID_ARGUMENT`
   */
  similarity(a: Embedding | Float32Array, b: Embedding | Float32Array): number {
    const [left, right] = [vectorOf(a, 'a'), vectorOf(b, 'b')];
    if (left.vector.length !== right.vector.length) {
      throw new VisionError(
        'DIMENSION_MISMATCH',
        `Expected two vectors of the same dimensions but received ${left.vector.length} and ${right.vector.length}.`,
      );
    }
    if (left.model !== undefined && right.model !== undefined && left.model !== right.model) {
      throw new VisionError(
        'MODEL_MISMATCH',
        `Expected two embeddings of the same model but received fingerprints ${left.model} and ${right.model}. ` +
          'Vectors of different models cannot be compared: embed both with one.',
      );
    }
    return cosine(left.vector, right.vector);
  }

  /**
   * Ranks candidates by similarity, exactly: for more than a few thousand use a VectorIndex.
   * @param query - an image or an embedding (of an image or a text)
   * @param candidates - images or embeddings
   * @param k - how many to return at most
   * @returns the best `k`, best first; equal ones in the order of the candidates
   * @throws as {@link SemanticVision.embedImage} and {@link SemanticVision.similarity} do, for the first that fails
   */
  async findSimilar(
    query: ImageInput | Embedding,
    candidates: readonly (ImageInput | Embedding)[],
    k: number,
  ): Promise<SimilarResult[]> {
    if (!Array.isArray(candidates)) {
      throw new VisionError('INVALID_ARGUMENT', expectedButReceived('candidates', 'an array', candidates));
    }
    if (!Number.isInteger(k) || k < 1) {
      throw new VisionError('INVALID_ARGUMENT', expectedButReceived('k', 'a positive integer', k));
    }
    return this.#track(async () => this.#rank(query, candidates, k));
  }

  async #rank(
    query: ImageInput | Embedding,
    candidates: readonly (ImageInput | Embedding)[],
    k: number,
  ): Promise<SimilarResult[]> {
    const reference = await this.#toEmbedding(query);
    const embed = async (candidate: ImageInput | Embedding) => {
      try {
        return {
          ok: true as const,
          similarity: this.similarity(reference, await this.#toEmbedding(candidate)),
        };
      } catch (error) {
        return { ok: false as const, error };
      }
    };
    const ranked: SimilarResult[] = [];
    for await (const result of mapOrdered(candidates, 2 * this.#options.workers, embed, undefined)) {
      if (!result.ok) throw result.error;
      ranked.push({ index: ranked.length, similarity: result.similarity });
    }
    return ranked.sort((a, b) => b.similarity - a.similarity || a.index - b.index).slice(0, k);
  }

  /**
   * Counters and gauges.
   * @returns a snapshot
   */
  stats(): VisionStats {
    const { interactive, bulk, running, failures } = this.#pool.stats();
    return {
      workers: this.#options.workers,
      intraOpNumThreads: this.#options.intraOpNumThreads,
      queue: { interactive, bulk, running },
      imagesEmbedded: this.#imagesEmbedded,
      textsEmbedded: this.#textsEmbedded,
      failed: this.#failed,
      workerFailures: failures,
      weights: this.#weights.stats(),
      cache: this.#cache.stats(),
      timings: this.#clock.timings(),
    };
  }

  /**
   * Finishes every request that was accepted, refuses new ones with `CLOSED`, frees the models and ends the threads.
   * Calling it again returns the same promise.
   * @returns when everything is freed
   */
  async close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  /**
   * The same as {@link SemanticVision.close}, for `await using`.
   * @returns when everything is freed
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #shutDown(): Promise<void> {
    // A request may still be reading its file; only then does it reach the pool.
    await Promise.allSettled(this.#requests);
    await this.#pool.close();
    await this.#weights.close();
    await this.#hasher.close();
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) {
      throw new VisionError('CLOSED', 'This SemanticVision has been closed: create a new one.');
    }
  }

  async #track<T>(work: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    const running = work();
    this.#requests.add(running);
    try {
      return await running;
    } catch (error) {
      this.#failed++;
      throw error;
    } finally {
      this.#requests.delete(running);
    }
  }

  async *#untilClosed(results: AsyncIterable<EmbedResult>): AsyncGenerator<EmbedResult, void, undefined> {
    for await (const result of results) {
      if (!result.ok && result.error.code === 'CLOSED') throw result.error;
      yield result;
    }
  }

  async #image(image: ImageInput, { priority, signal, bounded }: Request): Promise<ImageEmbedding> {
    throwIfAborted(signal);
    const input = await abortable(loadInput(image, this.#options, this.#hasher), signal);
    const start = () => {
      const submission = this.#pool.submit(input.toJob(), priority, bounded);
      const result = this.#counted(submission.result, ({ times }) => {
        this.#imagesEmbedded++;
        if (times !== undefined) this.#clock.add(times);
      });
      return { ...submission, result };
    };
    const key = `image:${input.hash}`;
    return {
      ...this.#embedding(await this.#cache.resolve(key, start, { priority, signal })),
      imageHash: input.hash,
    };
  }

  async #counted<T>(result: Promise<T>, count: (value: T) => void): Promise<T> {
    const value = await result;
    count(value);
    return value;
  }

  #embedding(result: { vector: Float32Array; createdAt: Date; cached: boolean }): Embedding {
    return { ...result, dimensions: result.vector.length, model: this.model.fingerprint };
  }

  async #toEmbedding(value: ImageInput | Embedding): Promise<Embedding> {
    if (isEmbedding(value)) return value;
    return this.#image(value, { priority: 'interactive', signal: undefined, bounded: false });
  }
}

function sessionOptions(options: ResolvedOptions): Record<string, unknown> {
  return {
    executionProviders: options.executionProviders,
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: options.intraOpNumThreads,
    interOpNumThreads: 1,
    // Planning ahead where every tensor lies costs each worker 10 to 20 MB more and saves no time: the arena keeps its
    // blocks anyway.
    enableMemPattern: false,
    // Spinning threads burn the CPU that the other workers need: 12.6 against 8.7 images/s on 2 cores.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    ...options.sessionOptions,
  };
}

function request(options: EmbedOptions = {}, lane: Priority): Request {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) {
    throw new VisionError('INVALID_ARGUMENT', expectedButReceived('options', 'an object', given));
  }
  const { priority, signal } = options;
  if (priority !== undefined && !['interactive', 'bulk'].includes(priority)) {
    throw new VisionError(
      'INVALID_ARGUMENT',
      expectedButReceived('priority', '"interactive" or "bulk"', priority),
    );
  }
  return { priority: priority ?? lane, signal: signalOption(signal), bounded: true };
}

function isEmbedding(value: unknown): value is Embedding {
  return (
    typeof value === 'object' && value !== null && 'vector' in value && value.vector instanceof Float32Array
  );
}

function vectorOf(value: Embedding | Float32Array, name: string): { vector: Float32Array; model?: string } {
  if (value instanceof Float32Array) return { vector: value };
  if (isEmbedding(value)) return value;
  throw new VisionError(
    'INVALID_ARGUMENT',
    expectedButReceived(name, 'an embedding or a Float32Array', value),
  );
}

function toVisionError(error: unknown): VisionError {
  if (error instanceof VisionError) return error;
  return new VisionError('INVALID_ARGUMENT', messageOf(error), { cause: error });
}
