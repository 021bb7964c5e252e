// Requests that wait for a worker: two lanes, first in first out within a lane.
import type { Priority } from '../types.js';

/** Holds waiting items; every interactive one leaves before any bulk one. All operations take constant time. */
export class LaneQueue<T> {
  // A Set keeps insertion order and removes from the middle in constant time, which cancellation needs.
  readonly #lanes = { interactive: new Set<T>(), bulk: new Set<T>() };

  /**
   * Waiting items, both lanes.
   * @returns the count
   */
  get size(): number {
    return this.#lanes.interactive.size + this.#lanes.bulk.size;
  }

  /**
   * Waiting items of one lane.
   * @param lane - which
   * @returns the count
   */
  sizeOf(lane: Priority): number {
    return this.#lanes[lane].size;
  }

  /**
   * Appends an item.
   * @param item - must not be in the queue yet
   * @param lane - which lane
   */
  push(item: T, lane: Priority): void {
    this.#lanes[lane].add(item);
  }

  /**
   * Takes the next item out.
   * @returns the item, or undefined when nothing waits
   */
  shift(): T | undefined {
    for (const lane of [this.#lanes.interactive, this.#lanes.bulk]) {
      for (const item of lane) {
        lane.delete(item);
        return item;
      }
    }
    return undefined;
  }

  /**
   * Takes an item out wherever it stands.
   * @param item - the item
   * @returns whether it was waiting
   */
  remove(item: T): boolean {
    return this.#lanes.interactive.delete(item) || this.#lanes.bulk.delete(item);
  }

  /**
   * Moves a waiting bulk item to the end of the interactive lane.
   * @param item - the item
   */
  promote(item: T): void {
    if (this.#lanes.bulk.delete(item)) this.#lanes.interactive.add(item);
  }
}
