// The guard's search, over every shape of a model that a set of layers can spoil. Real graphs are in optimize-model.test.ts.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_TARGET, type Accuracy } from '../dist/esm/optimize/evaluate.js';
import { guard, type Treatment } from '../dist/esm/optimize/guard.js';

function accuracyOf(cosine: number): Accuracy {
  return {
    meanCosine: cosine,
    minCosine: cosine,
    neighbourOverlap: 1,
    similarityChange: { mean: 0, max: 0 },
  };
}

interface Costs {
  /** Of a layer in bytes as it is. */
  plain: number;
  /** With its activation evened out. */
  evened: number;
}

/** A model whose cosine falls by what each quantised layer costs. */
function modelOf(costs: Readonly<Record<string, Costs>>, order: readonly string[], evenedOrder = order) {
  const lossOf = ({ keep, even }: Treatment) =>
    Object.entries(costs).reduce((sum, [name, { plain, evened }]) => {
      if (keep.has(name)) return sum;
      return sum + (even.has(name) ? evened : plain);
    }, 0);
  return {
    measured: [] as { treatment: Treatment; complete: boolean }[],
    ranked: [] as boolean[],
    lossOf,
    fits: (treatment: Treatment) => 1 - lossOf(treatment) >= DEFAULT_TARGET.mean,
    measure(treatment: Treatment, complete: boolean): Promise<Accuracy | undefined> {
      this.measured.push({ treatment, complete });
      const accuracy = accuracyOf(1 - lossOf(treatment));
      return Promise.resolve(complete || accuracy.meanCosine >= DEFAULT_TARGET.mean ? accuracy : undefined);
    },
    rank(evened: boolean): Promise<string[]> {
      this.ranked.push(evened);
      return Promise.resolve([...(evened ? evenedOrder : order)]);
    },
  };
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `layer ${i}`);
/** Evening it out does not help. */
const stubborn = (cost: number): Costs => ({ plain: cost, evened: cost });
/** Evening it out takes all of it. */
const tame = (cost: number): Costs => ({ plain: cost, evened: 0 });
const treatment = (keep: readonly string[], even: readonly string[]): Treatment => ({
  keep: new Set(keep),
  even: new Set(even),
});

const search = suite('guard');

search('a model that holds as it is costs one candidate and no ranking', async () => {
  const model = modelOf({ a: tame(0.0001), b: stubborn(0.0002) }, ['b', 'a']);
  const found = await guard(model, DEFAULT_TARGET);
  assert.equal([found.reached, found.kept, found.evened, found.candidates], [true, [], [], 1]);
  assert.equal(model.ranked, []);
  assert.is(model.measured[0]?.complete, true);
});

search('one bad layer of 162 is found by three candidates', async () => {
  const layers = names(162);
  const order = [layers[100]!, ...layers.filter((_, i) => i !== 100)];
  const costs = (bad: Costs) =>
    Object.fromEntries(layers.map((name, i) => [name, i === 100 ? bad : stubborn(1e-6)]));
  const evened = await guard(modelOf(costs(tame(0.1)), order), DEFAULT_TARGET);
  assert.equal([evened.kept, evened.evened, evened.candidates], [[], ['layer 100'], 3]);
  const kept = await guard(modelOf(costs(stubborn(0.1)), order), DEFAULT_TARGET);
  assert.equal([kept.kept, kept.candidates], [['layer 100'], 3]);
  assert.equal(kept.evened, order.slice(1));
});

search('what stays in float32 follows the order of evened layers', async () => {
  const costs = { tamed: tame(0.5), bad: stubborn(0.1), fine: stubborn(1e-6) };
  const model = modelOf(costs, ['tamed', 'bad', 'fine'], ['bad', 'fine', 'tamed']);
  const found = await guard(model, DEFAULT_TARGET);
  assert.equal([found.kept, found.evened, model.ranked], [['bad'], ['tamed', 'fine'], [false, true]]);
});

search('a layer that the order put before the bad ones by mistake is given back', async () => {
  const order = ['loud', 'bad', 'fine', 'other'];
  const costs = (bad: Costs) => ({ loud: tame(1e-5), bad, fine: tame(1e-5), other: tame(1e-5) });
  assert.equal((await guard(modelOf(costs(stubborn(0.01)), order), DEFAULT_TARGET)).kept, ['bad']);
  assert.equal((await guard(modelOf(costs(tame(0.01)), order), DEFAULT_TARGET)).evened, ['bad']);
});

search('a target that only the float32 graph reaches is missed, and nothing is kept', async () => {
  const costs = Object.fromEntries(names(9).map((name) => [name, stubborn(0.5)]));
  const found = await guard(modelOf(costs, names(9)), DEFAULT_TARGET);
  assert.equal([found.reached, found.kept, found.evened], [false, [], []]);
  assert.equal(found.accuracy, found.plain);
});

search('whatever it returns as reached was measured and holds; it is minimal in the order', async () => {
  const cost = fc.double({ min: 0, max: 0.002, noNaN: true });
  const layer = fc
    .tuple(cost, fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([plain, share]): Costs => ({ plain, evened: plain * share }));
  const model = fc.array(layer, { minLength: 2, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(model, fc.boolean(), async (costs, sorted) => {
      const layers = names(costs.length);
      const byName = Object.fromEntries(layers.map((name, i) => [name, costs[i]!]));
      const by = (of: keyof Costs) =>
        sorted ? [...layers].sort((a, b) => byName[b]![of] - byName[a]![of]) : layers;
      const [order, evenedOrder] = [by('plain'), by('evened')];
      const tried = modelOf(byName, order, evenedOrder);
      const found = await guard(tried, DEFAULT_TARGET);
      assert.is(found.candidates, tried.measured.length);
      assert.ok(found.candidates <= 3 + 2 * Math.ceil(Math.log2(costs.length)) + 12);
      if (!found.reached) {
        assert.not(
          tried.fits(treatment(evenedOrder.slice(0, -1), order)),
          'all but the last would have done',
        );
        return;
      }
      const result = treatment(found.kept, found.evened);
      assert.ok(tried.fits(result));
      assert.is(found.accuracy.meanCosine, 1 - tried.lossOf(result));
      if (found.kept.length > 0) {
        assert.not(tried.fits(treatment([], order)), 'or nothing had to be kept');
        assert.equal([...found.kept, ...found.evened].sort(), [...layers].sort());
        assert.not(tried.fits(treatment(found.kept.slice(0, -1), order)), 'the last one is needed');
      } else if (found.evened.length > 0) {
        assert.not(tried.fits(treatment([], found.evened.slice(0, -1))), 'the last one is needed');
      }
      const inOrder = (of: readonly string[], all: readonly string[]) =>
        assert.equal(
          of,
          all.filter((name) => of.includes(name)),
          'the most sensitive first',
        );
      inOrder(found.kept, evenedOrder);
      inOrder(found.evened, order);
    }),
    { numRuns: 300 },
  );
});

search.run();
