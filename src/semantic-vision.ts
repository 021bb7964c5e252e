// The facade: the one place that knows all stages and puts them together.
import { abortable, throwIfAborted } from './abort.js';
import { VectorCache, imageKey, type CachedVector } from './cache.js';
import { VisionError } from './errors.js';
import type { SearchOptions, SearchResult } from './index/types.js';
import type { VectorIndex } from './index/vector-index.js';
import { cosine } from './inference/postprocess.js';
import { loadInput } from './input.js';
import { digestsFor } from './models/digests.js';
import { loadModel } from './models/load-model.js';
import { choosePrecision, type PreciseModel } from './models/optimized/choose-precision.js';
import { SharedWeights } from './models/prepared/shared-weights.js';
import { readLogits } from './models/logits.js';
import type { Logits } from './models/manifest.js';
import { resolveOptions, type ResolvedOptions, type SemanticVisionOptions } from './options.js';
import { Hasher } from './pool/hasher.js';
import { WorkerPool } from './pool/pool.js';
import { sessionOptions } from './pool/session-options.js';
import {
  invalidArgument,
  isEmbedding,
  requestOf,
  requirePositive,
  requireText,
  requireStrings,
  toVisionError,
  vectorOf,
  type Request,
} from './request.js';
import { StageClock } from './stats.js';
import { mapOrdered, type Source } from './stream.js';
import { Texts } from './texts.js';
import type {
  Classification,
  ClassifyOptions,
  EmbedImagesOptions,
  EmbedOptions,
  EmbedResult,
  Embedding,
  ImageEmbedding,
  ImageInput,
  ModelInfo,
  SimilarResult,
  TextEmbedding,
  VisionStats,
} from './types.js';
import { labelTexts, rankLabels } from './zero-shot.js';

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
  readonly #texts: Texts;
  readonly #clock = new StageClock();
  readonly #requests = new Set<Promise<unknown>>();
  readonly #loaded: PreciseModel;
  #logits: Promise<Logits> | undefined;
  #closed: Promise<void> | undefined;
  #imagesEmbedded = 0;
  #failed = 0;

  private constructor(
    options: ResolvedOptions,
    model: PreciseModel,
    pool: WorkerPool,
    hasher: Hasher,
    weights: SharedWeights,
  ) {
    this.#options = options;
    this.#pool = pool;
    this.#hasher = hasher;
    this.#weights = weights;
    this.#cache = new VectorCache(options.cacheMaxBytes);
    this.#texts = new Texts(pool, this.#cache, weights, options.workers);
    this.#loaded = model;
    this.model = Object.freeze({
      id: model.found.id,
      revision: model.found.revision,
      dtype: model.found.dtype,
      dtypeReason: model.dtypeReason,
      dimensions: pool.dimensions,
      imageSize: model.preprocess.cropSize.width,
      fingerprint: model.fingerprint,
    });
  }

  /**
   * Fetches, verifies and loads the model, starts the workers and warms each of them.
   * @param options - all optional; without any, the bundled model is used and nothing is fetched
   * @returns a ready instance
   * @throws `INVALID_OPTION`, `MODEL_NOT_FOUND`, `MODEL_INVALID`, `NATIVE_UNAVAILABLE`, `WORKER_FAILED`, `ABORTED`; for
   * hub models also `MODEL_NOT_CACHED`, `HUB_ACCESS_DENIED`, `HUB_UNREACHABLE`, `DOWNLOAD_CORRUPT`, `DISK_FULL`,
   * `CACHE_UNUSABLE`; for `int8` `ACCURACY_MISSED`
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
    // A start believes what is known of large files; verifyModel and pullModel read them.
    const digests = digestsFor(hasher, options);
    let model: PreciseModel | undefined;
    let weights: SharedWeights | undefined;
    try {
      model = await choosePrecision(await loadModel(options, digests), options, digests);
      const { workers, maxQueue, autoOrient, limitInputPixels, decode, isolation } = options;
      const session = sessionOptions(options);
      weights = new SharedWeights(model, session, digests, options);
      const config = {
        visionModel: model.found.vision.path,
        visionPrepared: await weights.prepare('image'),
        text: model.text,
        preprocess: model.preprocess,
        sessionOptions: session,
        decode: { autoOrient, limitInputPixels, decode, background: options.flatten },
        isolation,
      };
      throwIfAborted(options.signal);
      const pool = await WorkerPool.start({ workers, maxQueue, config });
      if (model.dimensions !== undefined && model.dimensions !== pool.dimensions) {
        await pool.close();
        throw new VisionError(
          'MODEL_INVALID',
          `Expected vectors of ${model.dimensions} dimensions from "${model.found.id}" but its image tower gives ` +
            `${pool.dimensions}. Use the revision that the manifest pins.`,
        );
      }
      await weights.opened('image', pool.shared);
      return new SemanticVision(options, model, pool, hasher, weights);
    } catch (error) {
      await weights?.close();
      model?.release();
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
   * `TOO_MANY_PIXELS`, `TOO_MANY_BYTES`, `INVALID_ARGUMENT`, `QUEUE_FULL`, `ABORTED`, `CLOSED`, `WORKER_FAILED`,
   * `DECODER_CRASHED`
   */
  async embedImage(image: ImageInput, options?: EmbedOptions): Promise<ImageEmbedding> {
    return this.#track(async () => this.#image(image, requestOf(options, 'interactive')));
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
      throw invalidArgument('images', 'an iterable of images', source);
    }
    const { priority, signal } = requestOf(options, 'bulk');
    const concurrency = options.concurrency ?? 2 * this.#options.workers;
    requirePositive(concurrency, 'concurrency');
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
      requireText(text, 'text');
      const [result] = await this.#texts.embed([text], requestOf(options, 'interactive'));
      return { ...this.#embedding(result as CachedVector), text };
    });
  }

  /**
   * Embeds texts, several of them in one go where that is faster. The vectors are those that `embedText` gives.
   * @param texts - any number of texts
   * @param options - abort signal and priority
   * @returns one embedding a text, in order
   * @throws as {@link SemanticVision.embedText} does, for the first that fails
   */
  async embedTexts(texts: readonly string[], options?: EmbedOptions): Promise<TextEmbedding[]> {
    return this.#track(async () => {
      requireStrings(texts, 'texts');
      // A copy: the caller may use the array for something else meanwhile.
      const given = [...texts];
      const results = await this.#texts.embed(given, requestOf(options, 'interactive'));
      return results.map((result, i) => ({ ...this.#embedding(result), text: given[i] as string }));
    });
  }

  /**
   * Zero-shot classification: how probable each label is for an image, by the sigmoid that SigLIP was trained with.
   * @param image - an image or its embedding
   * @param labels - what may be in the image, in words: `['cat', 'dog']`
   * @param options - template, abort signal and priority
   * @returns all labels, best first
   * @throws as {@link SemanticVision.embedImage} and {@link SemanticVision.embedText} do; `ZERO_SHOT_UNSUPPORTED` when the
   * model's scale and bias are not known; `MODEL_NOT_CACHED`, `HUB_ACCESS_DENIED`, `HUB_UNREACHABLE` when they could not be
   * asked for
   */
  async classify(
    image: ImageInput | Embedding,
    labels: readonly string[],
    options?: ClassifyOptions,
  ): Promise<Classification[]> {
    return this.#track(async () => {
      const request = requestOf(options, 'interactive');
      const texts = labelTexts(labels, options?.template);
      const given = [...labels];
      const logits = await abortable(this.#readLogits(), request.signal);
      const [embedding, matrix] = await Promise.all([
        this.#toEmbedding(image, request),
        this.#texts.matrix(texts, request),
      ]);
      return rankLabels(embedding.vector, given, matrix, logits);
    });
  }

  /**
   * Finds the images of an index that fit a text.
   * @param index - filled with embeddings of this model
   * @param text - what to look for
   * @param options - those of {@link VectorIndex.search}
   * @returns best first
   * @throws as {@link SemanticVision.embedText} and {@link VectorIndex.search} do
   */
  async search<M>(
    index: VectorIndex<M>,
    text: string,
    options?: SearchOptions<M>,
  ): Promise<SearchResult<M>[]> {
    return index.search(await this.embedText(text), options);
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
      throw invalidArgument('candidates', 'an array', candidates);
    }
    requirePositive(k, 'k');
    return this.#track(async () => this.#rank(query, candidates, k));
  }

  async #rank(
    query: ImageInput | Embedding,
    candidates: readonly (ImageInput | Embedding)[],
    k: number,
  ): Promise<SimilarResult[]> {
    const request: Request = { priority: 'interactive', signal: undefined, bounded: false };
    const embedding = async (value: ImageInput | Embedding) =>
      isEmbedding(value) ? value : this.#image(value, request);
    const reference = await embedding(query);
    const embed = async (candidate: ImageInput | Embedding) => {
      try {
        return {
          ok: true as const,
          similarity: this.similarity(reference, await embedding(candidate)),
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
      textsEmbedded: this.#texts.embedded,
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
    this.#loaded.release();
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
    const key = imageKey(input.hash, this.#options);
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

  #embedding(result: CachedVector): Embedding {
    return { ...result, dimensions: result.vector.length, model: this.model.fingerprint };
  }

  async #toEmbedding(value: ImageInput | Embedding, request: Request): Promise<Embedding> {
    if (!isEmbedding(value)) return this.#image(value, request);
    if (value.model !== this.model.fingerprint) {
      throw new VisionError(
        'MODEL_MISMATCH',
        `Expected an embedding of this model (${this.model.fingerprint}) but received one of ${value.model}.`,
      );
    }
    return value;
  }

  async #readLogits(): Promise<Logits> {
    this.#logits ??= readLogits(this.#loaded.found, { ...this.#options, signal: undefined }).catch(
      (error: unknown) => {
        this.#logits = undefined; // the network may be back next time
        throw error;
      },
    );
    return this.#logits;
  }
}
