// The accuracy guard: finds the layers that must stay in float32 for a quantised graph to reach its target.
import { holds, type Accuracy, type AccuracyTarget } from './evaluate.js';

/** What becomes of the layers: all others are quantised as they are. */
export interface Treatment {
  /** Stay in float32. */
  keep: ReadonlySet<string>;
  /** Their activation is evened out before it is rounded: dearer than not, far cheaper than float32. */
  even: ReadonlySet<string>;
}

/** What the guard asks of whoever can run graphs. */
export interface GuardedModel {
  /**
   * Quantises the layers and runs the graph.
   * @param treatment - of which layers
   * @param complete - whether all images must be run even if it is clear before that the target is missed
   * @returns how close it is; undefined when it was stopped because it misses
   */
  measure: (treatment: Treatment, complete: boolean) => Promise<Accuracy | undefined>;
  /**
   * Asked for only when the layers do not hold as they are.
   * @param evened - whether with their activations evened out
   * @returns all layers, the most sensitive first
   */
  rank: (evened: boolean) => Promise<string[]>;
}

/** What the guard found. */
export interface Guarded {
  /** False: the target is reached only with every layer in float32. */
  reached: boolean;
  /** Layers that must stay in float32, the most sensitive first. Empty when the target is not reached. */
  kept: string[];
  /** Layers in bytes whose activations must be evened out, the most sensitive first. Empty when it is not reached. */
  evened: string[];
  /** With every layer quantised as it is. */
  plain: Accuracy;
  /** Of what is returned. */
  accuracy: Accuracy;
  /** Graphs that were made and run. */
  candidates: number;
}

// Trying to do without one layer costs a candidate; with more layers than this it would take longer than all the rest.
const MOST_RETRIED = 12;

/**
 * Searches for what costs least. Where the layers do not hold as they are, the fewest are sought whose activations must
 * be evened out; where that is not enough for all of them, the fewest that must stay in float32 besides. They are the
 * most sensitive ones, found by doubling and bisection: about `2 * log2(layers)` candidates. Then each of them is tried
 * without, as long as they are few.
 * @param model - what to search
 * @param target - what must hold
 * @returns what to do with which layers, and how close the graph is then; whatever is returned as reached has been
 * measured
 */
export async function guard(model: GuardedModel, target: AccuracyTarget): Promise<Guarded> {
  const nothing = new Set<string>();
  const plain = (await model.measure({ keep: nothing, even: nothing }, true)) as Accuracy;
  if (holds(plain, target)) {
    return { reached: true, kept: [], evened: [], plain, accuracy: plain, candidates: 1 };
  }
  const order = await model.rank(false);
  const even = new Search(model, target, (names) => ({ keep: nothing, even: names }));
  const all = await even.try(order);
  if (all !== undefined) {
    const { names, accuracy } = await even.fewest(order, all);
    return { reached: true, kept: [], evened: names, plain, accuracy, candidates: 1 + even.candidates };
  }
  const keep = new Search(model, target, (names) => ({ keep: names, even: new Set(order) }));
  const held = await keep.fewest(await model.rank(true), undefined);
  const candidates = 2 + keep.candidates;
  if (held === undefined) return { reached: false, kept: [], evened: [], plain, accuracy: plain, candidates };
  const kept = new Set(held.names);
  const evened = order.filter((name) => !kept.has(name));
  return { reached: true, kept: held.names, evened, plain, accuracy: held.accuracy, candidates };
}

interface Held {
  names: string[];
  accuracy: Accuracy;
}

class Search {
  readonly #model: GuardedModel;
  readonly #target: AccuracyTarget;
  readonly #treatment: (names: ReadonlySet<string>) => Treatment;
  candidates = 0;

  constructor(
    model: GuardedModel,
    target: AccuracyTarget,
    treatment: (names: ReadonlySet<string>) => Treatment,
  ) {
    this.#model = model;
    this.#target = target;
    this.#treatment = treatment;
  }

  // Of ever longer beginnings of the order the first that holds; `all` is the whole order's.
  async fewest<All extends Held | undefined>(order: readonly string[], all: All): Promise<Held | All> {
    let best: Held | All = all;
    let misses = 0;
    let bound = order.length;
    for (let count = 1; count < bound; count *= 2) {
      const held = await this.try(order.slice(0, count));
      if (held === undefined) misses = count;
      else [best, bound] = [held, count];
    }
    while (bound - misses > 1) {
      const middle = (misses + bound) >> 1;
      const held = await this.try(order.slice(0, middle));
      if (held === undefined) misses = middle;
      else [best, bound] = [held, middle];
    }
    return best && this.#without(best);
  }

  // The order is by what a layer does to its own output: some of that does not reach the embedding.
  async #without(found: Held): Promise<Held> {
    let best = found;
    if (found.names.length > MOST_RETRIED) return best;
    // Without the last one it misses: that was measured.
    for (const layer of found.names.slice(0, -1).reverse()) {
      best = (await this.try(best.names.filter((name) => name !== layer))) ?? best;
    }
    return best;
  }

  async try(names: string[]): Promise<Held | undefined> {
    this.candidates++;
    const accuracy = await this.#model.measure(this.#treatment(new Set(names)), false);
    return accuracy && holds(accuracy, this.#target) ? { names, accuracy } : undefined;
  }
}
