// The HNSW graph of hnswlib-node behind a typed, growing, promise-clean interface. The only hnswlib-node import.
import type hnswlib from 'hnswlib-node';
import { loadNative } from '../native-package.js';
import type { IndexSettings } from './settings.js';
import { clampCosine } from './vectors.js';

/** What a graph search finds, best first. */
export interface GraphHits {
  /** Labels of the vectors found. */
  labels: number[];
  /** Their similarities, see {@link SearchResult.similarity}. */
  similarities: number[];
}

/**
 * A graph of vectors. Labels count up from 0 in order of insertion, so that a label is also hnswlib's internal number
 * and no label is ever used twice.
 */
export class Graph {
  readonly #native: hnswlib.HierarchicalNSW;
  readonly #settings: IndexSettings;
  // hnswlib-node takes arrays of numbers only and copies them at once, so one array serves all calls.
  readonly #scratch: number[];

  private constructor(native: hnswlib.HierarchicalNSW, settings: IndexSettings) {
    this.#native = native;
    this.#settings = settings;
    this.#scratch = new Array<number>(settings.dimensions).fill(0);
  }

  /**
   * Makes an empty graph.
   * @param settings - of the index
   * @param capacity - room to start with, in vectors, at least 1
   * @returns the graph
   * @throws VisionError `NATIVE_UNAVAILABLE`
   */
  static create(settings: IndexSettings, capacity: number): Graph {
    const native = nativeFor(settings);
    native.initIndex(capacity, settings.m, settings.efConstruction);
    return new Graph(native, settings);
  }

  /**
   * Reads a graph on a thread of libuv's pool. The file must have been checked: hnswlib trusts it blindly.
   * @param path - a file that {@link Graph.write} wrote
   * @param settings - of the index it was written from
   * @returns the graph
   * @throws VisionError `NATIVE_UNAVAILABLE`; what hnswlib throws
   */
  static async read(path: string, settings: IndexSettings): Promise<Graph> {
    // The native reader holds a bare pointer into this object; the use after the await keeps it from being collected.
    const native = nativeFor(settings);
    await native.readIndex(path);
    return new Graph(native, settings);
  }

  /**
   * Writes the graph on a thread of libuv's pool. Until the promise settles nothing may change the graph; searching is
   * fine. hnswlib reports no write error whatever happens: check the file.
   * @param path - where to; overwritten in place
   */
  async write(path: string): Promise<void> {
    const native = this.#native;
    await native.writeIndex(path);
    // Same bare pointer as in read().
    native.getCurrentCount();
  }

  /** @returns how many vectors were ever inserted, deleted ones included; also the next label */
  get elements(): number {
    return this.#native.getCurrentCount();
  }

  /**
   * Inserts a vector, growing first when full. Doubling holds the event loop 13 ms at 131072 vectors and 25 ms at
   * 262144 (768 dimensions); what takes the time is one mutex per vector, not the vectors.
   * @param vector - `dimensions` long
   * @returns its label
   */
  insert(vector: Float32Array): number {
    const label = this.elements;
    const capacity = this.#native.getMaxElements();
    if (label >= capacity) this.#native.resizeIndex(capacity * 2);
    this.#native.addPoint(this.#numbers(vector), label);
    return label;
  }

  /**
   * Marks a vector as deleted: searches walk over it but no longer return it.
   * @param label - of a vector not marked before
   */
  markDeleted(label: number): void {
    this.#native.markDelete(label);
  }

  /**
   * Reads a vector back. About 130 µs at 768 dimensions, 40 times the cost of a step through the graph.
   * @param label - of the vector
   * @returns a copy
   */
  vector(label: number): Float32Array {
    return Float32Array.from(this.#native.getPoint(label));
  }

  /**
   * Finds neighbours.
   * @param query - `dimensions` long
   * @param count - how many to return at most
   * @param ef - how many candidates to keep; `count` if that is more
   * @returns what was found; fewer than `count` means that every vector the graph can reach was looked at
   */
  search(query: Float32Array, count: number, ef: number): GraphHits {
    const most = Math.min(count, this.elements);
    if (most === 0) return { labels: [], similarities: [] };
    this.#native.setEf(Math.min(ef, this.elements));
    const { neighbors, distances } = this.#native.searchKnn(this.#numbers(query), most);
    const { space } = this.#settings;
    const similarities = distances.map((distance) => {
      if (space === 'l2') return -distance;
      return space === 'ip' ? 1 - distance : clampCosine(1 - distance);
    });
    return { labels: neighbors, similarities };
  }

  /**
   * Frees the memory at once; the graph must not be used again. The garbage collector would take its time: to it, a graph
   * of a gigabyte is a small object.
   */
  release(): void {
    this.#native.initIndex(1);
  }

  #numbers(vector: Float32Array): number[] {
    for (let i = 0; i < vector.length; i++) this.#scratch[i] = vector[i] ?? 0;
    return this.#scratch;
  }
}

// Cosine is the dot product of unit vectors. We normalise ourselves, in double precision and once: hnswlib would do it
// again at every rebuild, and vectors would drift by a bit each time.
function nativeFor(settings: IndexSettings): hnswlib.HierarchicalNSW {
  // Past the package "bindings", which finds the addon by rewriting Error: under --frozen-intrinsics it cannot.
  const { HierarchicalNSW } = loadNative('hnswlib-node', 'build/Release/addon.node') as typeof hnswlib;
  return new HierarchicalNSW(settings.space === 'l2' ? 'l2' : 'ip', settings.dimensions);
}
