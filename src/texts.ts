// Texts through cache and pool: what is not known is computed in batches, and a set of labels is one entry of the cache.
import { throwIfAborted } from './abort.js';
import type { CachedVector, VectorCache } from './cache.js';
import type { SharedWeights } from './models/prepared/shared-weights.js';
import type { Submission, WorkerPool } from './pool/pool.js';
import { beginningOf, type Request } from './request.js';
import { TextBatch } from './text-batch.js';
import { labelMatrix } from './zero-shot.js';

/** Embeds the texts of one model. */
export class Texts {
  readonly #pool: WorkerPool;
  readonly #cache: VectorCache;
  readonly #weights: SharedWeights;
  readonly #window: number;
  #embedded = 0;

  /**
   * @param pool - where texts are embedded
   * @param cache - where their vectors are kept
   * @param weights - prepares the text tower when the first text comes
   * @param workers - of the pool
   */
  constructor(pool: WorkerPool, cache: VectorCache, weights: SharedWeights, workers: number) {
    this.#pool = pool;
    this.#cache = cache;
    this.#weights = weights;
    // One at work and one waiting for each worker: none idles, and what is cancelled has mostly not begun.
    this.#window = 2 * workers;
  }

  /** @returns how many texts a worker embedded */
  get embedded(): number {
    return this.#embedded;
  }

  /**
   * Embeds texts.
   * @param texts - any number
   * @param request - priority and abort
   * @returns one vector a text, in order
   * @throws what the first that fails does; `ABORTED`
   */
  async embed(texts: readonly string[], request: Request): Promise<CachedVector[]> {
    return this.#start(texts, request).vectors;
  }

  /**
   * The vectors of labels in one array, kept as such: comparing another image with them costs no look-up of each.
   * @param texts - at least one
   * @param request - priority and abort
   * @returns one row a text; must not be written to
   * @throws as {@link Texts.embed} does
   */
  async matrix(texts: readonly string[], request: Request): Promise<Float32Array> {
    const start = (): Submission => {
      const stop = new AbortController();
      const { vectors, promote } = this.#start(texts, { ...request, signal: stop.signal });
      const result = vectors.then((rows) => ({
        ok: true as const,
        vector: labelMatrix(rows.map(({ vector }) => vector)),
      }));
      const cancel = () => {
        stop.abort();
        return true;
      };
      return { result, cancel, promote };
    };
    const { vector } = await this.#cache.share(`labels:${JSON.stringify(texts)}`, start, request);
    return vector;
  }

  #start(
    texts: readonly string[],
    request: Request,
  ): { vectors: Promise<CachedVector[]>; promote: () => void } {
    const batch = new TextBatch(this.#pool, request, this.#window);
    return { vectors: this.#all(texts, request, batch), promote: () => batch.promote() };
  }

  async #all(texts: readonly string[], request: Request, batch: TextBatch): Promise<CachedVector[]> {
    throwIfAborted(request.signal);
    // When one fails nobody waits for the others any more.
    const failed = new AbortController();
    const signal = request.signal ? AbortSignal.any([request.signal, failed.signal]) : failed.signal;
    const results = texts
      .map(beginningOf)
      .map((text) =>
        this.#cache.resolve(`text:${text}`, () => this.#counted(batch.add(text)), { ...request, signal }),
      );
    // Whoever gives up meanwhile: others may have joined these texts, so the batch is handed in all the same.
    void this.#weights.prepare('text').then(
      (prepared) => batch.submit(prepared),
      () => batch.submit(undefined),
    );
    try {
      return await Promise.all(results);
    } catch (error) {
      failed.abort();
      throw error;
    }
  }

  #counted(submission: Submission): Submission {
    const result = submission.result.then((reply) => {
      this.#embedded++;
      void this.#weights.opened('text', reply.shared === true);
      return reply;
    });
    return { ...submission, result };
  }
}
