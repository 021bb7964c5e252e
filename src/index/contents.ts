// What an index holds in memory: the graph, the ids and metadata, and the changes that wait while the graph is written.
import { DEFAULT_CAPACITY, type IndexSettings } from './settings.js';
import { Graph } from './graph.js';
import { startSlices } from './slicing.js';

/** One live entry. */
export interface Entry {
  readonly id: string;
  readonly metadata: unknown;
  /** Its label in the graph; undefined while its vector waits for the graph. */
  label: number | undefined;
}

/**
 * Entries and their vectors. All methods are synchronous and keep every rule between two turns of the event loop, except
 * for {@link Contents.write} and {@link Contents.compact}, which must not overlap and let the others run in between.
 */
export class Contents {
  /** How the index was made. */
  readonly settings: IndexSettings;
  #graph: Graph;
  // In order of insertion, an entry that was replaced last again: compact() relies on it.
  readonly #byId = new Map<string, Entry>();
  // Holes are deleted labels.
  #byLabel: (Entry | undefined)[] = [];
  // hnswlib must not change while its other thread writes it. Vectors added meanwhile wait here, searched one by one;
  // deletions wait to be marked, known to searches because their label has no entry.
  readonly #waiting = new Map<Entry, Float32Array>();
  #unmarked: number[] = [];
  #writing = false;

  /**
   * Takes over a graph.
   * @param settings - of the index
   * @param graph - whose labels the entries name; labels that none names are marked as deleted
   * @param entries - the live ones, in the order they were added
   */
  constructor(settings: IndexSettings, graph: Graph, entries: readonly Entry[] = []) {
    this.settings = settings;
    this.#graph = graph;
    this.#byLabel = new Array<Entry | undefined>(graph.elements);
    for (const entry of entries) {
      this.#byId.set(entry.id, entry);
      if (entry.label !== undefined) this.#byLabel[entry.label] = entry;
    }
  }

  /** @returns how many entries are live */
  get size(): number {
    return this.#byId.size;
  }

  /** @returns how many deleted vectors the graph still carries */
  get deleted(): number {
    return this.#graph.elements + this.#waiting.size - this.#byId.size;
  }

  /** @returns the graph, to search in */
  get graph(): Graph {
    return this.#graph;
  }

  /** @returns live entries that the graph does not hold yet, with their vectors */
  get waiting(): ReadonlyMap<Entry, Float32Array> {
    return this.#waiting;
  }

  /** @returns true when the graph may find vectors that are deleted but not marked so */
  get hasUnmarked(): boolean {
    return this.#unmarked.length > 0;
  }

  /**
   * Looks an entry up by id.
   * @param id - of the entry
   * @returns the entry, if it is live
   */
  get(id: string): Entry | undefined {
    return this.#byId.get(id);
  }

  /**
   * Looks an entry up by label.
   * @param label - from the graph
   * @returns the entry, if it is live
   */
  at(label: number): Entry | undefined {
    return this.#byLabel[label];
  }

  /** @returns an iterator over the live entries; what is added meanwhile comes last */
  entries(): IterableIterator<Entry> {
    return this.#byId.values();
  }

  /**
   * Reads the vector of a live entry.
   * @param entry - a live entry
   * @returns a copy
   */
  vectorOf(entry: Entry): Float32Array {
    if (entry.label !== undefined) return this.#graph.vector(entry.label);
    return this.#waiting.get(entry)?.slice() ?? new Float32Array(this.settings.dimensions);
  }

  /**
   * Adds an entry, in place of the one with the same id if there is one.
   * @param id - of the entry
   * @param vector - checked, `dimensions` long, kept
   * @param metadata - checked, kept
   */
  put(id: string, vector: Float32Array, metadata: unknown): void {
    const entry: Entry = { id, metadata, label: undefined };
    if (this.#writing) this.#waiting.set(entry, vector);
    else this.#insert(entry, vector);
    this.remove(id);
    this.#byId.set(id, entry);
  }

  /**
   * Deletes an entry.
   * @param id - of the entry
   * @returns whether there was one
   */
  remove(id: string): boolean {
    const entry = this.#byId.get(id);
    if (entry === undefined) return false;
    this.#byId.delete(id);
    if (entry.label === undefined) {
      this.#waiting.delete(entry);
    } else {
      this.#byLabel[entry.label] = undefined;
      if (this.#writing) this.#unmarked.push(entry.label);
      else this.#graph.markDeleted(entry.label);
    }
    return true;
  }

  /**
   * Writes the graph as it is at the call. Changes made while the write runs are seen by searches at once and reach the
   * graph afterwards.
   * @param path - where to
   * @returns the entries that belong to what was written
   */
  async write(path: string): Promise<{ entries: SavedEntry[]; elements: number }> {
    const entries = Array.from(this.#byId.values(), ({ id, metadata, label = -1 }) => ({
      id,
      metadata,
      label,
    }));
    const { elements } = this.#graph;
    this.#writing = true;
    try {
      await this.#graph.write(path);
    } finally {
      this.#writing = false;
      await this.#catchUp();
    }
    return { entries, elements };
  }

  /**
   * Builds the graph anew from the live entries, in slices, and swaps it in when it holds everything that is live.
   * @param isCancelled - asked between slices; true gives up and leaves all as it was
   */
  async compact(isCancelled: () => boolean): Promise<void> {
    const fresh = Graph.create(this.settings, Math.max(this.size, DEFAULT_CAPACITY));
    const copied: Entry[] = [];
    const pause = startSlices();
    // A Map's iterator also visits what is added behind it, so nothing that comes in meanwhile is missed.
    for (const entry of this.#byId.values()) {
      fresh.insert(this.vectorOf(entry));
      copied.push(entry);
      await pause();
      if (isCancelled()) return;
    }
    // Nothing below waits: the swap is one step to everybody else.
    this.#byLabel = copied.map((entry, label) => {
      if (this.#byId.get(entry.id) !== entry) {
        fresh.markDeleted(label);
        return undefined;
      }
      entry.label = label;
      return entry;
    });
    this.#graph.release();
    this.#graph = fresh;
  }

  /** Frees the memory of the graph; the contents must not be used again. */
  release(): void {
    this.#graph.release();
  }

  async #catchUp(): Promise<void> {
    const pause = startSlices();
    for (let label = this.#unmarked.pop(); label !== undefined; label = this.#unmarked.pop()) {
      this.#graph.markDeleted(label);
      await pause();
    }
    for (const [entry, vector] of this.#waiting) {
      this.#waiting.delete(entry);
      this.#insert(entry, vector);
      await pause();
    }
  }

  #insert(entry: Entry, vector: Float32Array): void {
    entry.label = this.#graph.insert(vector);
    this.#byLabel[entry.label] = entry;
  }
}

/** What the entries file holds of an entry. */
export interface SavedEntry {
  readonly id: string;
  readonly metadata: unknown;
  readonly label: number;
}
