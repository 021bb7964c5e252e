// VectorIndex: vectors under string ids, with metadata, found by nearness. Composes the graph, the store and the search.
import { predicate } from '../callbacks.js';
import { describe, expectedButReceived, VisionError } from '../errors.js';
import { ownSignal } from '../realm.js';
import { absolutePath } from '../working-folder.js';
import { addAll } from './add-many.js';
import { Contents, type Entry } from './contents.js';
import { Graph } from './graph.js';
import { loadContents } from './load.js';
import { copyMetadata } from './metadata.js';
import { searchContents } from './search.js';
import {
  type IndexSettings,
  requireDimensions,
  requireEfSearch,
  requireInteger,
  requireKnown,
  requireModel,
  resolveOptions,
  type VectorIndexOptions,
} from './settings.js';
import { saveGeneration } from './store.js';
import type {
  IndexEntry,
  OpenOptions,
  SaveOptions,
  SearchOptions,
  SearchResult,
  StoredEntry,
} from './types.js';
import { readVector, type VectorInput } from './vectors.js';

export type { IndexSettings, IndexSpace, VectorIndexOptions } from './settings.js';
export type * from './types.js';
export type { VectorInput } from './vectors.js';

// Dead vectors slow searches and inserts down and hold memory. A rebuild costs as much as adding all that is live, so
// it waits until more than half is dead, and until there is something to gain.
const MIN_DELETED = 256;

/**
 * An approximate nearest-neighbour index (HNSW) that grows without limit and keeps itself tidy.
 *
 * `add`, `set`, `delete` and `search` are synchronous and take effect at once, whatever else is under way: while a save
 * has the graph written by another thread, changes wait beside it, seen by searches. `save`, `load` and `compact` run
 * one after the other and never hold the event loop for more than a few ms.
 */
export class VectorIndex<M = unknown> implements AsyncDisposable {
  #contents: Contents;
  #model: string | undefined;
  #folder: string | undefined;
  // See Succession.
  #holds = new Set<string>();
  #closed = false;
  // Tail of the queue of saves, loads and compactions; never rejects. Undefined when none runs.
  #running: Promise<void> | undefined;
  #tidying = false;

  private constructor(contents: Contents, model: string | undefined, folder: string | undefined) {
    this.#contents = contents;
    this.#model = model;
    this.#folder = folder;
  }

  /**
   * Makes an empty index in memory.
   * @param options - `dimensions` is required, see {@link VectorIndexOptions}
   * @returns the index
   * @throws VisionError `INVALID_OPTION`
   */
  static create<M = unknown>(options: VectorIndexOptions): VectorIndex<M> {
    const { settings, model, capacity } = resolveOptions(options);
    return new VectorIndex<M>(new Contents(settings, Graph.create(settings, capacity)), model, undefined);
  }

  /**
   * Loads an index that was saved. `save()` writes to the same folder.
   * @param folder - where it was saved
   * @param options - what it must agree with
   * @returns the index, with the settings it was made with
   * @throws VisionError `INDEX_NOT_FOUND`, `INDEX_CORRUPT`, `MODEL_MISMATCH`, `DIMENSION_MISMATCH`, `INVALID_OPTION`,
   * `INVALID_ARGUMENT`, `INPUT_UNREADABLE`
   */
  static async open<M = unknown>(folder: string, options: OpenOptions = {}): Promise<VectorIndex<M>> {
    const path = requireFolder(folder);
    requireKnown(options, ['model', 'dimensions']);
    const expected = {
      model: requireModel(options.model),
      dimensions: requireDimensions(options.dimensions),
    };
    const { contents, model, generation } = await loadContents(path, expected);
    const index = new VectorIndex<M>(contents, model ?? expected.model, path);
    index.#holds.add(generation);
    return index;
  }

  /** @returns how many entries there are */
  get size(): number {
    return this.#live().size;
  }

  /** @returns the length of every vector */
  get dimensions(): number {
    return this.#contents.settings.dimensions;
  }

  /** @returns the fingerprint of the model whose vectors it holds; undefined as long as no embedding named one */
  get model(): string | undefined {
    return this.#model;
  }

  /** @returns how the index was made */
  get settings(): IndexSettings {
    return this.#contents.settings;
  }

  /**
   * Adds an entry. About 0.7 ms at 768 dimensions and 10,000 entries; see {@link VectorIndex.addMany} for many.
   * @param id - any string but the empty one
   * @param vector - `dimensions` finite numbers, or an embedding; copied
   * @param metadata - anything JSON can hold; copied
   * @throws VisionError `DUPLICATE_ID`, `INVALID_ARGUMENT`, `DIMENSION_MISMATCH`, `MODEL_MISMATCH`, `CLOSED`
   */
  add(id: string, vector: VectorInput, metadata?: M): void {
    if (this.has(requireId(id))) {
      const hint = 'Use set() to replace an entry.';
      throw new VisionError('DUPLICATE_ID', `Expected a new id but ${describe(id)} is in the index. ${hint}`);
    }
    this.#put(id, vector, metadata);
  }

  /**
   * Adds an entry, or replaces the one with that id whole.
   * @param id - any string but the empty one
   * @param vector - `dimensions` finite numbers, or an embedding; copied
   * @param metadata - anything JSON can hold; copied
   * @throws VisionError `INVALID_ARGUMENT`, `DIMENSION_MISMATCH`, `MODEL_MISMATCH`, `CLOSED`
   */
  set(id: string, vector: VectorInput, metadata?: M): void {
    this.#live();
    this.#put(requireId(id), vector, metadata);
    this.#tidy();
  }

  /**
   * Adds entries one by one as {@link VectorIndex.add} does, in slices of a few ms. Stops at the first that cannot be
   * added; those before it stay in the index.
   * @param entries - read no faster than they are added
   * @param options - see below
   * @param options.signal - stops between two entries
   * @returns how many were added
   * @throws VisionError `ABORTED`, and what `add` throws; or what the source itself throws
   */
  async addMany(
    entries: Iterable<IndexEntry<M>> | AsyncIterable<IndexEntry<M>>,
    options: { signal?: AbortSignal } = {},
  ): Promise<number> {
    this.#live();
    requireKnown(options, ['signal']);
    const signal = options.signal === undefined ? undefined : ownSignal(options.signal);
    if (options.signal !== undefined && signal === undefined) {
      throw new VisionError(
        'INVALID_OPTION',
        expectedButReceived('option "signal"', 'an AbortSignal', options.signal),
      );
    }
    const addOne = ({ id, vector, metadata }: IndexEntry<M>): void => this.add(id, vector, metadata);
    // Makes room for a save or compaction under way; it would be correct without, but slower.
    return addAll(entries, addOne, () => this.#running, signal);
  }

  /**
   * Deletes an entry.
   * @param id - of the entry
   * @returns whether there was one
   * @throws VisionError `CLOSED`
   */
  delete(id: string): boolean {
    const deleted = this.#live().remove(id);
    if (deleted) this.#tidy();
    return deleted;
  }

  /**
   * Tells whether an entry is in the index.
   * @param id - of the entry
   * @returns true if it is
   * @throws VisionError `CLOSED`
   */
  has(id: string): boolean {
    return this.#live().get(id) !== undefined;
  }

  /**
   * Reads an entry.
   * @param id - of the entry
   * @returns its vector and metadata; undefined if there is none
   * @throws VisionError `CLOSED`
   */
  get(id: string): StoredEntry<M> | undefined {
    const entry = this.#live().get(id);
    return entry && { vector: this.#contents.vectorOf(entry), metadata: entry.metadata as M | undefined };
  }

  /**
   * Lists the ids.
   * @returns all of them, in the order they were added
   * @throws VisionError `CLOSED`
   */
  ids(): string[] {
    return Array.from(this.#live().entries(), ({ id }) => id);
  }

  /**
   * Finds the nearest entries. Which ones is approximate (see `efSearch`), how many is not: fewer than `k` come back only
   * when fewer are in the index, or pass the filter. A filter that lets little through can take tens of ms.
   * @param query - `dimensions` finite numbers, or an embedding
   * @param options - see {@link SearchOptions}
   * @returns best first
   * @throws VisionError `INVALID_ARGUMENT` (also for a filter that is async, or answers with anything but yes or no),
   * `INVALID_OPTION`, `DIMENSION_MISMATCH`, `MODEL_MISMATCH`, `CLOSED`; and what the filter throws
   */
  search(query: VectorInput, options: SearchOptions<M> = {}): SearchResult<M>[] {
    const contents = this.#live();
    requireKnown(options, ['k', 'efSearch', 'filter']);
    const { filter } = options;
    if (filter !== undefined && typeof filter !== 'function') {
      throw new VisionError('INVALID_OPTION', expectedButReceived('option "filter"', 'a function', filter));
    }
    const passes = filter && predicate(filter, 'filter');
    const found = searchContents(contents, {
      query: readVector(query, 'the query', contents.settings, this.#model).vector,
      k: requireInteger('option "k"', options.k ?? 10, 1, Number.MAX_SAFE_INTEGER, 'INVALID_OPTION'),
      efSearch: requireEfSearch(options.efSearch ?? contents.settings.efSearch),
      filter: passes && (({ id, metadata }: Entry) => passes(id, metadata as M | undefined)),
    });
    return found.map(({ entry: { id, metadata }, similarity }) => ({
      id,
      similarity,
      metadata: metadata as M | undefined,
    }));
  }

  /**
   * Saves the index as it is once the graph starts being written: all earlier changes, none of the later ones. A crash
   * or a full disk at any moment leaves what was stored before. Saves of several processes into one folder never undo
   * each other unnoticed: only what this index was opened from, or was saved as, is replaced.
   * @param folder - made if missing, remembered. Default: the one opened or last saved to
   * @param options - see {@link SaveOptions}
   * @throws VisionError `INDEX_CONFLICT` when the folder holds another index, as when somebody else has saved there since;
   * `INDEX_WRITE_FAILED`, `NATIVE_UNAVAILABLE` without file locks, `INVALID_ARGUMENT` when no folder is known,
   * `INVALID_OPTION`, `CLOSED`
   */
  async save(folder: string | undefined = this.#folder, options: SaveOptions = {}): Promise<void> {
    const path = requireFolder(folder);
    const overwrite = requireOverwrite(options);
    await this.#enqueue(async () => {
      const contents = this.#contents;
      if (contents.deleted > contents.size) await contents.compact(() => false);
      await saveGeneration(path, { holds: this.#holds, overwrite }, (graphPath) => {
        const model = this.#model;
        return contents
          .write(graphPath)
          .then((written) => ({ settings: contents.settings, model, ...written }));
      });
      this.#folder = path;
    });
  }

  /**
   * Replaces everything in this index, settings and changes made while loading included, with what is stored in a folder.
   * On failure the index stays as it is.
   * @param folder - where an index of the same dimensions and model was saved; remembered
   * @throws VisionError `INDEX_NOT_FOUND`, `INDEX_CORRUPT`, `MODEL_MISMATCH`, `DIMENSION_MISMATCH`, `INVALID_ARGUMENT`,
   * `INPUT_UNREADABLE`, `CLOSED`
   */
  async load(folder: string): Promise<void> {
    const path = requireFolder(folder);
    await this.#enqueue(async () => {
      const { contents, model, generation } = await loadContents(path, {
        dimensions: this.dimensions,
        model: this.#model,
      });
      this.#contents.release();
      this.#contents = contents;
      this.#model = model ?? this.#model;
      this.#folder = path;
      this.#holds = new Set([generation]);
    });
  }

  /**
   * Rebuilds the graph without what was deleted. Happens by itself, in the background, when more than half is dead.
   * Takes as long as adding all entries anew; the index works as usual meanwhile.
   * @throws VisionError `CLOSED`
   */
  async compact(): Promise<void> {
    await this.#enqueue(() => this.#contents.compact(() => this.#closed));
  }

  /**
   * Waits for saves and loads under way and lets go of the memory. Does not save. Everything else throws `CLOSED` from
   * the call on; closing again does nothing.
   */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    this.#contents.release();
  }

  /** The same as {@link VectorIndex.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #live(): Contents {
    if (this.#closed) throw new VisionError('CLOSED', 'The index has been closed. Open it again to use it.');
    return this.#contents;
  }

  #put(id: string, input: VectorInput, metadata: M | undefined): void {
    const what = `the vector of entry ${describe(id)}`;
    const { vector, model } = readVector(input, what, this.#contents.settings, this.#model);
    this.#contents.put(id, vector, copyMetadata(metadata, id));
    this.#model ??= model;
  }

  #tidy(): void {
    const { deleted, size } = this.#contents;
    if (this.#tidying || deleted < MIN_DELETED || deleted <= size) return;
    this.#tidying = true;
    // Nobody waits for this one: if it fails (memory), the index works on as it is.
    void this.compact()
      .catch(() => undefined)
      .finally(() => (this.#tidying = false));
  }

  // Runs async operations one after the other: each finds the graph at rest.
  async #enqueue(operation: () => Promise<void>): Promise<void> {
    this.#live();
    const result = (this.#running ?? Promise.resolve()).then(operation);
    const settled = result.then(
      () => undefined,
      () => undefined,
    );
    this.#running = settled;
    void settled.then(() => {
      if (this.#running === settled) this.#running = undefined;
    });
    return result;
  }
}

function requireId(id: unknown): string {
  if (typeof id === 'string' && id !== '') return id;
  throw new VisionError('INVALID_ARGUMENT', expectedButReceived('id', 'a non-empty string', id));
}

function requireOverwrite(options: SaveOptions): boolean {
  requireKnown(options, ['overwrite']);
  const overwrite: unknown = options.overwrite ?? false;
  if (typeof overwrite === 'boolean') return overwrite;
  throw new VisionError(
    'INVALID_OPTION',
    expectedButReceived('option "overwrite"', 'true or false', overwrite),
  );
}

function requireFolder(folder: unknown): string {
  if (typeof folder === 'string' && folder !== '') return absolutePath(folder, 'folder', 'INVALID_ARGUMENT');
  throw new VisionError('INVALID_ARGUMENT', expectedButReceived('folder', 'a path', folder));
}
