// Stage 2: vectors by key, least recently used out first; one computation per key in flight.
import { LRUCache } from 'lru-cache';
import { abortable } from './abort.js';
import { formatColour } from './colour.js';
import type { Submission } from './pool/pool.js';
import type { EmbedOptions, VisionStats } from './types.js';

/** A vector and when it was computed. */
export interface CachedVector {
  vector: Float32Array;
  createdAt: Date;
  /** True when this call did not compute it. */
  cached: boolean;
}

interface Entry {
  readonly vector: Float32Array;
  readonly createdAt: Date;
}

interface Flight {
  readonly entry: Promise<Entry>;
  readonly submission: Submission;
  waiters: number;
}

/**
 * The key of an image's vector.
 * @param hash - of the image
 * @param options - that the vector depends on
 * @param options.flatten - 0xRRGGBB, what alpha is composed over; undefined: alpha is dropped
 * @returns the key
 */
export function imageKey(hash: string, { flatten }: { flatten: number | undefined }): string {
  return flatten === undefined ? `image:${hash}` : `image:${hash}:flatten=${formatColour(flatten)}`;
}

// What an entry costs besides its vector: key, objects, map slots; measured as about 400 bytes a vector on Node 20.
const ENTRY_OVERHEAD_BYTES = 400;

/** Cache and single flight in one: they share the keys. */
export class VectorCache {
  readonly #entries: LRUCache<string, Entry> | undefined;
  readonly #flights = new Map<string, Flight>();
  readonly #maxBytes: number;
  #hits = 0;
  #misses = 0;
  #coalesced = 0;

  /** @param maxBytes - bound on the bytes held; 0 keeps nothing, single flight works all the same */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#entries =
      maxBytes === 0
        ? undefined
        : new LRUCache({
            maxSize: maxBytes,
            sizeCalculation: (entry, key) => entry.vector.byteLength + 2 * key.length + ENTRY_OVERHEAD_BYTES,
          });
  }

  /**
   * Counters.
   * @returns for {@link VisionStats.cache}
   */
  stats(): VisionStats['cache'] {
    return {
      hits: this.#hits,
      misses: this.#misses,
      coalesced: this.#coalesced,
      entries: this.#entries?.size ?? 0,
      bytes: this.#entries?.calculatedSize ?? 0,
      maxBytes: this.#maxBytes,
    };
  }

  /**
   * Gives the vector for a key: from the cache, from a computation under way, or by starting one.
   * @param key - everything that determines the vector
   * @param start - submits the computation; called before this returns, if at all; its errors are not cached
   * @param options - abort and priority of this caller alone: others that wait for the same key are not affected
   * @returns the vector, a copy
   * @throws what `start` throws or its result rejects with; `ABORTED`
   */
  async resolve(key: string, start: () => Submission, options: EmbedOptions): Promise<CachedVector> {
    const { vector, createdAt, cached } = await this.share(key, start, options);
    // Callers may write into what they get; the cache must not notice. What comes from a thread may be of another realm.
    return { vector: new Float32Array(vector), createdAt: new Date(createdAt), cached };
  }

  /**
   * The same without the copy: what comes must not be written to or handed out.
   * @param key - see {@link VectorCache.resolve}
   * @param start - see there
   * @param options - see there
   * @returns the vector that the cache holds
   * @throws see there
   */
  async share(key: string, start: () => Submission, options: EmbedOptions): Promise<CachedVector> {
    const known = this.#entries?.get(key);
    if (known !== undefined) {
      this.#hits++;
      return { ...known, cached: true };
    }
    const joined = this.#flights.get(key);
    const flight = joined ?? this.#launch(key, start());
    if (joined === undefined) this.#misses++;
    else this.#coalesced++;
    if (options.priority === 'interactive') flight.submission.promote();
    flight.waiters++;
    const entry = await abortable(flight.entry, options.signal, () => this.#leave(key, flight));
    return { ...entry, cached: joined !== undefined };
  }

  #launch(key: string, submission: Submission): Flight {
    const entry = submission.result.then(({ vector }) => {
      const computed = { vector, createdAt: new Date() };
      this.#entries?.set(key, computed);
      return computed;
    });
    const flight: Flight = { entry, submission, waiters: 0 };
    this.#flights.set(key, flight);
    const land = () => this.#forget(key, flight);
    entry.then(land, land);
    return flight;
  }

  // The last caller that loses interest drops the work. If it is running already its vector still enters the cache.
  #leave(key: string, flight: Flight): void {
    if (--flight.waiters > 0) return;
    if (flight.submission.cancel()) this.#forget(key, flight);
  }

  #forget(key: string, flight: Flight): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}
