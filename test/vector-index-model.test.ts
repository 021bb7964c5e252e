// VectorIndex against a plain Map: random sequences of every operation, awaited or not, must agree at each step.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../dist/esm/index/vector-index.js';

const DIMENSIONS = 4;
type Model = Map<string, { vector: Float32Array; metadata: number | undefined }>;

interface Real {
  index: VectorIndex<number>;
  folder: string;
  /** What the folder holds; undefined before the first save. */
  saved: Model | undefined;
  /** Saves and compactions that nobody has waited for yet. */
  pending: Promise<void>[];
}

const id = fc.integer({ min: 0, max: 30 }).map((n) => `id${n}`);
// Small integers: many equal vectors, many equal distances. Never all zero.
const vector = fc
  .array(fc.integer({ min: -3, max: 3 }), { minLength: DIMENSIONS, maxLength: DIMENSIONS })
  .map((components) => Float32Array.from(components.some(Boolean) ? components : [1, 0, 0, 0]));
const metadata = fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined });

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function checkSearch({ index }: Real, model: Model, query: Float32Array, k: number, wanted?: number): void {
  const filter =
    wanted === undefined ? undefined : (_id: string, value: number | undefined) => value === wanted;
  const found = index.search(query, filter === undefined ? { k } : { k, filter });
  const passing = [...model].filter(([, entry]) => wanted === undefined || entry.metadata === wanted);
  assert.is(found.length, Math.min(k, passing.length));
  assert.is(new Set(found.map((hit) => hit.id)).size, found.length);
  for (const [i, hit] of found.entries()) {
    const entry = model.get(hit.id);
    assert.ok(entry !== undefined, `${hit.id} is not in the model`);
    assert.is(hit.metadata, entry.metadata);
    assert.ok(Math.abs(hit.similarity - cosine(query, entry.vector)) < 1e-5);
    if (wanted !== undefined) assert.is(hit.metadata, wanted);
    if (i > 0) assert.ok(found[i - 1]!.similarity >= hit.similarity);
  }
}

function checkAll(real: Real, model: Model): void {
  assert.is(real.index.size, model.size);
  assert.equal(new Set(real.index.ids()), new Set(model.keys()));
  checkSearch(real, model, Float32Array.of(1, 2, 3, 4), 1000);
}

type Command = fc.AsyncCommand<Model, Real>;
type Run = (model: Model, real: Real) => Promise<void> | void;

function command(name: string, run: Run): Command {
  return {
    check: () => true,
    run: async (model, real) => {
      await run(model, real);
      checkAll(real, model);
    },
    toString: () => name,
  };
}

const commands = [
  fc.tuple(id, vector, metadata).map(([key, value, data]) =>
    command(`add ${key} [${value.join()}]`, (model, { index }) => {
      if (model.has(key)) {
        assert.throws(() => index.add(key, value, data), /is in the index/);
      } else {
        index.add(key, value, data);
        model.set(key, { vector: value, metadata: data });
      }
    }),
  ),
  fc.tuple(id, vector, metadata).map(([key, value, data]) =>
    command(`set ${key} [${value.join()}]`, (model, { index }) => {
      index.set(key, value, data);
      model.set(key, { vector: value, metadata: data });
    }),
  ),
  id.map((key) =>
    command(`delete ${key}`, (model, { index }) => assert.is(index.delete(key), model.delete(key))),
  ),
  fc.tuple(fc.integer({ min: 0, max: 30 }), vector).map(([keep, value]) =>
    command(`churn, keep ${keep}`, (model, { index }) => {
      for (let i = 0; i < 100; i++) {
        index.set(`id${i % 31}`, value, i % 6);
        model.set(`id${i % 31}`, { vector: value, metadata: i % 6 });
      }
      for (const key of [...model.keys()].slice(keep)) {
        index.delete(key);
        model.delete(key);
      }
    }),
  ),
  fc
    .tuple(vector, fc.integer({ min: 1, max: 40 }), metadata)
    .map(([value, k, wanted]) =>
      command(`search [${value.join()}] k ${k} of ${wanted}`, (model, real) =>
        checkSearch(real, model, value, k, wanted),
      ),
    ),
  fc.array(fc.tuple(id, vector), { maxLength: 20 }).map((entries) =>
    command(`addMany ${entries.length}`, async (model, { index }) => {
      const fresh = [...new Map(entries)].filter(([key]) => !model.has(key));
      assert.is(await index.addMany(fresh.map(([key, value]) => ({ id: key, vector: value }))), fresh.length);
      for (const [key, value] of fresh) model.set(key, { vector: value, metadata: undefined });
    }),
  ),
  fc.constant(
    command('save', async (model, real) => {
      await real.index.save(real.folder);
      real.saved = new Map(model);
    }),
  ),
  // What such a save holds depends on when it starts; that it loads, and that nothing is lost meanwhile, does not.
  fc.constant(
    command('save, not awaited', (_model, real) => {
      real.pending.push(real.index.save(real.folder));
      real.saved = undefined;
    }),
  ),
  fc.constant(
    command('compact, not awaited', (_model, real) => {
      real.pending.push(real.index.compact());
    }),
  ),
  fc.constant(
    command('let others run', async () => {
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    }),
  ),
  fc.constant(
    command('load', async (model, real) => {
      if (real.saved === undefined) return;
      await real.index.load(real.folder);
      model.clear();
      for (const [key, entry] of real.saved) model.set(key, entry);
    }),
  ),
];

test('random sequences agree with a plain Map', async () => {
  const root = mkdtempSync(join(tmpdir(), 'vector-index-model-'));
  let runs = 0;
  try {
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: 'max' }), async (sequence) => {
        const index = VectorIndex.create<number>({
          dimensions: DIMENSIONS,
          m: 4,
          efSearch: 5,
          maxElements: 2,
        });
        const folder = join(root, String(runs++));
        const real: Real = { index, folder, saved: undefined, pending: [] };
        const model: Model = new Map();
        await fc.asyncModelRun(() => ({ model, real }), sequence);
        await Promise.all(real.pending);
        checkAll(real, model);
        await index.save(folder);
        const again = await VectorIndex.open<number>(folder);
        checkAll({ ...real, index: again }, model);
        for (const [key, { vector: value, metadata: data }] of model) {
          assert.is(again.get(key)?.metadata, data);
          assert.ok(cosine(again.get(key)!.vector, value) > 0.99999);
        }
        await Promise.all([index.close(), again.close()]);
      }),
      { numRuns: 100, seed: 20_240_601 },
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test.run();
