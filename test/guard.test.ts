// The guard's search, over every shape of a model that a set of layers can spoil. Real graphs are in optimize-model.test.ts.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_TARGET, type Accuracy } from '../dist/esm/optimize/evaluate.js';
import { guard } from '../dist/esm/optimize/guard.js';

function accuracyOf(cosine: number): Accuracy {
  return {
    meanCosine: cosine,
    minCosine: cosine,
    neighbourOverlap: 1,
    similarityChange: { mean: 0, max: 0 },
  };
}

/** A model whose cosine falls by what each quantised layer costs. */
function modelOf(costs: Readonly<Record<string, number>>, order: readonly string[]) {
  const measured: { keep: Set<string>; complete: boolean }[] = [];
  return {
    measured,
    ranked: 0,
    measure(keep: ReadonlySet<string>, complete: boolean): Promise<Accuracy | undefined> {
      measured.push({ keep: new Set(keep), complete });
      const loss = Object.entries(costs).reduce((sum, [name, cost]) => sum + (keep.has(name) ? 0 : cost), 0);
      const accuracy = accuracyOf(1 - loss);
      return Promise.resolve(complete || accuracy.meanCosine >= DEFAULT_TARGET.mean ? accuracy : undefined);
    },
    rank(): Promise<string[]> {
      this.ranked++;
      return Promise.resolve([...order]);
    },
  };
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `layer ${i}`);

const search = suite('guard');

search('a model that holds as it is costs one candidate and no ranking', async () => {
  const model = modelOf({ a: 0.0001, b: 0.0002 }, ['b', 'a']);
  const found = await guard(model, DEFAULT_TARGET);
  assert.equal([found.reached, found.kept, found.candidates, model.ranked], [true, [], 1, 0]);
  assert.is(model.measured[0]?.complete, true);
});

search('one bad layer of 162 is found by two candidates', async () => {
  const layers = names(162);
  const costs = Object.fromEntries(layers.map((name, i) => [name, i === 100 ? 0.1 : 1e-6]));
  const order = [layers[100]!, ...layers.filter((_, i) => i !== 100)];
  const found = await guard(modelOf(costs, order), DEFAULT_TARGET);
  assert.equal([found.kept, found.candidates], [['layer 100'], 2]);
});

search('a layer that the order put before the bad ones by mistake is given back', async () => {
  const costs = { loud: 1e-5, bad: 0.01, fine: 1e-5, other: 1e-5 };
  const found = await guard(modelOf(costs, ['loud', 'bad', 'fine', 'other']), DEFAULT_TARGET);
  assert.equal(found.kept, ['bad']);
});

search('a target that only the float32 graph reaches is missed, and nothing is kept', async () => {
  const costs = Object.fromEntries(names(9).map((name) => [name, 0.5]));
  const found = await guard(modelOf(costs, names(9)), DEFAULT_TARGET);
  assert.equal([found.reached, found.kept], [false, []]);
  assert.equal(found.accuracy, found.plain);
});

search('whatever it returns as reached was measured and holds; it is minimal in the order', async () => {
  const model = fc.array(fc.double({ min: 0, max: 0.002, noNaN: true }), { minLength: 2, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(model, fc.boolean(), async (costs, sorted) => {
      const layers = names(costs.length);
      const byName = Object.fromEntries(layers.map((name, i) => [name, costs[i]!]));
      const order = sorted ? layers.sort((a, b) => byName[b]! - byName[a]!) : layers;
      const tried = modelOf(byName, order);
      const found = await guard(tried, DEFAULT_TARGET);
      const lossOf = (kept: readonly string[]) =>
        Object.entries(byName).reduce((sum, [name, cost]) => sum + (kept.includes(name) ? 0 : cost), 0);
      const fits = (kept: readonly string[]) => 1 - lossOf(kept) >= DEFAULT_TARGET.mean;
      assert.is(found.candidates, tried.measured.length);
      assert.ok(found.candidates <= 2 + 2 * Math.ceil(Math.log2(costs.length)) + 12);
      if (!found.reached) {
        assert.not(fits(order.slice(0, -1)), 'all but the least sensitive layer would have done');
        return;
      }
      assert.ok(fits(found.kept));
      assert.is(found.accuracy.meanCosine, 1 - lossOf(found.kept));
      assert.ok(
        tried.measured.some(
          ({ keep }) => keep.size === found.kept.length && found.kept.every((n) => keep.has(n)),
        ),
      );
      assert.equal(
        found.kept,
        order.filter((name) => found.kept.includes(name)),
        'the most sensitive first',
      );
    }),
    { numRuns: 300 },
  );
});

search.run();
