// The accuracy guard: finds the layers that must stay in float32 for a quantised graph to reach its target.
import { holds, type Accuracy, type AccuracyTarget } from './evaluate.js';

/** What the guard asks of whoever can run graphs. */
export interface GuardedModel {
  /**
   * Quantises all layers but some and runs the graph.
   * @param keep - layers that stay in float32
   * @param complete - whether all images must be run even if it is clear before that the target is missed
   * @returns how close it is; undefined when it was stopped because it misses
   */
  measure: (keep: ReadonlySet<string>, complete: boolean) => Promise<Accuracy | undefined>;
  /** All layers, the most sensitive first; asked for only when some must stay. */
  rank: () => Promise<string[]>;
}

/** What the guard found. */
export interface Guarded {
  /** False: the target is reached only with every layer in float32. */
  reached: boolean;
  /** Layers that must stay in float32, the most sensitive first. Empty when the target is not reached. */
  kept: string[];
  /** With every layer quantised. */
  plain: Accuracy;
  /** With the layers in `kept` in float32. */
  accuracy: Accuracy;
  /** Graphs that were made and run. */
  candidates: number;
}

// Trying to do without one layer costs a candidate; with more layers than this it would take longer than all the rest.
const MOST_RETRIED = 12;

/**
 * Searches. The fewest of the most sensitive layers with which the target holds are found by doubling and bisection:
 * about `2 * log2(kept)` candidates. Then each of them is tried without, as long as they are few.
 * @param model - what to search
 * @param target - what must hold
 * @returns layers to keep, and how close the graph is then; whatever is returned as reached has been measured
 */
export async function guard(model: GuardedModel, target: AccuracyTarget): Promise<Guarded> {
  const plain = (await model.measure(new Set(), true)) as Accuracy;
  if (holds(plain, target)) return { reached: true, kept: [], plain, accuracy: plain, candidates: 1 };
  const search = new Search(model, target);
  const found = await search.fewest(await model.rank());
  const best = found && (await search.without(found));
  const candidates = 1 + search.candidates;
  if (best === undefined) return { reached: false, kept: [], plain, accuracy: plain, candidates };
  return { reached: true, ...best, plain, candidates };
}

interface Held {
  kept: string[];
  accuracy: Accuracy;
}

class Search {
  readonly #model: GuardedModel;
  readonly #target: AccuracyTarget;
  candidates = 0;

  constructor(model: GuardedModel, target: AccuracyTarget) {
    this.#model = model;
    this.#target = target;
  }

  // Of ever longer beginnings of the order the first that holds. All of it is the float32 graph: no candidate.
  async fewest(order: readonly string[]): Promise<Held | undefined> {
    let best: Held | undefined;
    let misses = 0;
    let bound = order.length;
    for (let count = 1; count < bound; count *= 2) {
      best = await this.#try(order.slice(0, count));
      if (best !== undefined) bound = count;
      else misses = count;
    }
    while (bound - misses > 1) {
      const middle = (misses + bound) >> 1;
      const held = await this.#try(order.slice(0, middle));
      if (held === undefined) misses = middle;
      else [best, bound] = [held, middle];
    }
    return best;
  }

  // The order is by what a layer does to its own output: some of that does not reach the embedding.
  async without(found: Held): Promise<Held> {
    let best = found;
    if (found.kept.length > MOST_RETRIED) return best;
    // Without the last one it misses: that was measured.
    for (const layer of found.kept.slice(0, -1).reverse()) {
      const held = await this.#try(best.kept.filter((name) => name !== layer));
      if (held !== undefined) best = held;
    }
    return best;
  }

  async #try(kept: string[]): Promise<Held | undefined> {
    this.candidates++;
    const accuracy = await this.#model.measure(new Set(kept), false);
    return accuracy && holds(accuracy, this.#target) ? { kept, accuracy } : undefined;
  }
}
