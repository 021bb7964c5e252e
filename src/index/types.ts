// Public types of the vector index: shapes only, nothing that runs.
import type { VectorInput } from './vectors.js';

/** What goes into an index. */
export interface IndexEntry<M = unknown> {
  /** Any string but the empty one. */
  id: string;
  /** `dimensions` long. */
  vector: VectorInput;
  /** Anything JSON can hold. A copy is stored. */
  metadata?: M;
}

/** What {@link VectorIndex.get} gives back. */
export interface StoredEntry<M = unknown> {
  /** A copy of the stored vector; in a `cosine` index it has length 1. */
  vector: Float32Array;
  /** Deeply frozen; undefined when the entry was added without. */
  metadata: M | undefined;
}

/** Options of {@link VectorIndex.search}. */
export interface SearchOptions<M = unknown> {
  /** How many neighbours to return at most, at least 1. Default 10. */
  k?: number;
  /** Candidates looked at, 1 to 100000; never fewer than `k`. Default: that of the index. */
  efSearch?: number;
  /**
   * Says which entries may be returned: true, or not. Must depend on nothing but its arguments: it may be asked about an
   * entry more than once, or not at all. It cannot be async: a promise, or another answer that is neither true nor falsy,
   * is `INVALID_ARGUMENT`.
   */
  filter?: (id: string, metadata: M | undefined) => boolean;
}

/** A neighbour. */
export interface SearchResult<M = unknown> {
  /** Of the entry found. */
  id: string;
  /**
   * Higher is closer. `cosine`: -1 to 1. `ip`: the dot product. `l2`: the squared Euclidean distance negated, 0 at most.
   */
  similarity: number;
  /** Deeply frozen; undefined when the entry was added without. */
  metadata: M | undefined;
}

/** What the index that {@link VectorIndex.open} loads must agree with. */
export interface OpenOptions {
  /** Fingerprint of the model whose vectors it must hold. */
  model?: string;
  /** Length its vectors must have. */
  dimensions?: number;
}

/** Options of {@link VectorIndex.save}. */
export interface SaveOptions {
  /**
   * Whether whatever index the folder holds is replaced, also one that this index knows nothing of. Default false: that is
   * `INDEX_CONFLICT`.
   */
  overwrite?: boolean;
}
