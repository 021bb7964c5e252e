// Texts through cache and pool: what is not known is computed in batches, and a set of labels is one entry of the cache.
import { throwIfAborted } from './abort.js';
import type { CachedVector, VectorCache } from './cache.js';
import type { Submission, WorkerPool } from './pool/pool.js';
import type { Request } from './request.js';
import { TextBatch } from './text-batch.js';
import { labelMatrix } from './zero-shot.js';

/** Embeds the texts of one model. */
export class Texts {
  readonly #pool: WorkerPool;
  readonly #cache: VectorCache;
  #embedded = 0;

  /**
   * @param pool - where texts are embedded
   * @param cache - where their vectors are kept
   */
  constructor(pool: WorkerPool, cache: VectorCache) {
    this.#pool = pool;
    this.#cache = cache;
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
    const { priority, signal } = request;
    throwIfAborted(signal);
    const batch = new TextBatch(this.#pool, request);
    const results = texts.map((text) =>
      this.#cache.resolve(`text:${text}`, () => this.#counted(batch.add(text)), { priority, signal }),
    );
    batch.submit();
    return Promise.all(results);
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
      const result = this.embed(texts, { ...request, signal: stop.signal }).then((rows) => ({
        ok: true as const,
        vector: labelMatrix(rows.map(({ vector }) => vector)),
      }));
      const cancel = () => {
        stop.abort();
        return true;
      };
      return { result, cancel, promote: () => undefined };
    };
    const { vector } = await this.#cache.share(`labels:${JSON.stringify(texts)}`, start, request);
    return vector;
  }

  #counted(submission: Submission): Submission {
    const result = submission.result.then((reply) => {
      this.#embedded++;
      return reply;
    });
    return { ...submission, result };
  }
}
