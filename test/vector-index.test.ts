// VectorIndex in memory: what goes in, what is refused, what is found, and what heavy deletion does to it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VisionError, type VisionErrorCode } from '../dist/esm/errors.js';
import { VectorIndex, type IndexSpace } from '../dist/esm/index/vector-index.js';
import type { Embedding } from '../dist/esm/types.js';

// mulberry32: the same vectors on every run.
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function clustered(count: number, dimensions: number, clusters: number, seed: number): Float32Array[] {
  const random = randomFrom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const centres = Array.from({ length: clusters }, () => Float32Array.from({ length: dimensions }, normal));
  return Array.from({ length: count }, (_, i) => centres[i % clusters]!.map((x) => x + 0.5 * normal()));
}

function exact(space: IndexSpace, a: Float32Array, b: Float32Array): number {
  const dot = a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  if (space === 'ip') return dot;
  if (space === 'l2') return -a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0);
  return dot / Math.sqrt(a.reduce((sum, x) => sum + x * x, 0) * b.reduce((sum, x) => sum + x * x, 0));
}

function embedding(vector: Float32Array, model: string): Embedding {
  return { vector, dimensions: vector.length, model, createdAt: new Date(), cached: false };
}

function throws(action: () => unknown, code: VisionErrorCode, message: RegExp): void {
  try {
    action();
  } catch (error) {
    assert.instance(error, VisionError);
    assert.is((error as VisionError).code, code);
    assert.match((error as VisionError).message, message);
    return;
  }
  assert.unreachable(`expected ${code}`);
}

async function rejects(promise: Promise<unknown>, code: VisionErrorCode, message: RegExp): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  throws(
    () => {
      if (error !== undefined) throw error as Error;
    },
    code,
    message,
  );
}

const v = (...components: number[]) => Float32Array.from(components);

test('an entry comes back by id and as its own nearest neighbour', () => {
  const index = VectorIndex.create<{ tag: string }>({ dimensions: 3 });
  index.add('x', v(2, 0, 0), { tag: 'right' });
  index.add('y', v(0, 3, 0));
  assert.is(index.size, 2);
  assert.equal(index.ids(), ['x', 'y']);
  assert.ok(index.has('x'));
  assert.not(index.has('z'));
  assert.is(index.get('z'), undefined);
  assert.equal(index.get('x'), { vector: v(1, 0, 0), metadata: { tag: 'right' } });
  assert.equal(index.search(v(5, 0, 0)), [
    { id: 'x', similarity: 1, metadata: { tag: 'right' } },
    { id: 'y', similarity: 0, metadata: undefined },
  ]);
});

test('a unit vector is stored to the bit, and no buffer is shared with the caller', () => {
  const index = VectorIndex.create({ dimensions: 3 });
  const vector = v(0.6, 0.8, 0);
  index.add('a', vector);
  vector.fill(9);
  assert.equal(index.get('a')?.vector, v(0.6, 0.8, 0));
  index.get('a')?.vector.fill(9);
  assert.equal(index.get('a')?.vector, v(0.6, 0.8, 0));
});

for (const space of ['cosine', 'ip', 'l2'] as const) {
  test(`${space}: similarities are what the definition says, best first`, () => {
    const index = VectorIndex.create({ dimensions: 16, space });
    const vectors = clustered(200, 16, 5, 1);
    vectors.forEach((vector, i) => index.add(String(i), vector));
    for (const query of clustered(20, 16, 5, 2)) {
      const expected = vectors
        .map((vector, i) => ({ id: String(i), similarity: exact(space, query, vector) }))
        .sort((a, b) => b.similarity - a.similarity);
      const found = index.search(query, { k: 200 });
      assert.is(found.length, 200);
      assert.is(found[0]!.id, expected[0]!.id);
      found.forEach(({ id, similarity }, i) => {
        const wanted = exact(space, query, vectors[Number(id)]!);
        assert.ok(Math.abs(similarity - wanted) < 1e-4 * Math.max(1, Math.abs(wanted)));
        if (i > 0) assert.ok(found[i - 1]!.similarity >= similarity);
      });
    }
  });
}

test('recall@10 on clustered data is at least 0.95', () => {
  const index = VectorIndex.create({ dimensions: 64 });
  const vectors = clustered(3000, 64, 50, 3);
  vectors.forEach((vector, i) => index.add(String(i), vector));
  let hits = 0;
  const queries = clustered(3050, 64, 50, 3).slice(3000);
  for (const query of queries) {
    const best = vectors
      .map((vector, i) => ({ id: String(i), similarity: exact('cosine', query, vector) }))
      .sort((a, b) => b.similarity - a.similarity)
      .slice(0, 10);
    const found = new Set(index.search(query).map(({ id }) => id));
    hits += best.filter(({ id }) => found.has(id)).length;
  }
  const recall = hits / (queries.length * 10);
  assert.ok(recall >= 0.95, `recall ${recall}`);
});

test('the index grows past maxElements', () => {
  const index = VectorIndex.create({ dimensions: 4, maxElements: 1 });
  clustered(100, 4, 10, 4).forEach((vector, i) => index.add(String(i), vector));
  assert.is(index.size, 100);
  assert.is(index.search(v(1, 2, 3, 4), { k: 100 }).length, 100);
});

test('k may exceed what is there, and an empty index finds nothing', () => {
  const index = VectorIndex.create({ dimensions: 2 });
  assert.equal(index.search(v(1, 0), { k: 5 }), []);
  index.add('a', v(1, 0));
  assert.is(index.search(v(1, 0), { k: 1_000_000 }).length, 1);
  assert.is(index.search(v(1, 0), { k: 5, efSearch: 100_000 }).length, 1);
});

test('metadata is a frozen copy, and what JSON cannot hold is refused', () => {
  const index = VectorIndex.create({ dimensions: 2 });
  const metadata = { tags: ['a'], at: new Date(0), text: 'line\u2028break' };
  index.add('a', v(1, 0), metadata);
  metadata.tags.push('b');
  const stored = index.get('a')?.metadata as { tags: string[] };
  assert.equal(stored, { tags: ['a'], at: '1970-01-01T00:00:00.000Z', text: 'line\u2028break' });
  assert.throws(() => stored.tags.push('c'), TypeError);
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  for (const bad of [circular, 1n, () => 1, Symbol('s')]) {
    throws(() => index.add('b', v(0, 1), bad), 'INVALID_ARGUMENT', /JSON can hold for metadata of entry "b"/);
  }
  assert.is(index.size, 1);
});

test('bad options are refused', () => {
  const create = (options: unknown) => () => VectorIndex.create(options as { dimensions: number });
  throws(create(undefined), 'INVALID_OPTION', /Expected an object for options but received undefined/);
  throws(create({}), 'INVALID_OPTION', /Expected an integer from 1 to 65536 for option "dimensions"/);
  throws(create({ dimensions: 1.5 }), 'INVALID_OPTION', /received 1\.5 of type number/);
  throws(create({ dimensions: '4' }), 'INVALID_OPTION', /received "4" of type string/);
  throws(create({ dimensions: 4, space: 'dot' }), 'INVALID_OPTION', /"cosine", "ip" or "l2"/);
  throws(create({ dimensions: 4, m: 1 }), 'INVALID_OPTION', /from 2 to 512 for option "m"/);
  throws(create({ dimensions: 4, efConstruction: 0 }), 'INVALID_OPTION', /"efConstruction"/);
  throws(create({ dimensions: 4, efSearch: NaN }), 'INVALID_OPTION', /"efSearch"/);
  throws(create({ dimensions: 4, maxElements: 1e15 }), 'INVALID_OPTION', /"maxElements"/);
  throws(create({ dimensions: 4, model: '' }), 'INVALID_OPTION', /"model"/);
  throws(create({ dimensions: 4, efsearch: 5 }), 'INVALID_OPTION', /Unknown option "efsearch"/);
  assert.is(VectorIndex.create({ dimensions: 4, m: undefined as unknown as number }).settings.m, 16);
});

test('bad vectors, ids and search options are refused and change nothing', () => {
  const index = VectorIndex.create({ dimensions: 2 });
  index.add('a', v(1, 0));
  throws(() => index.add('a', v(0, 1)), 'DUPLICATE_ID', /"a".*is in the index\. Use set\(\)/);
  throws(() => index.add('', v(0, 1)), 'INVALID_ARGUMENT', /non-empty string for id/);
  throws(() => index.add(7 as unknown as string, v(0, 1)), 'INVALID_ARGUMENT', /for id but received 7/);
  throws(() => index.add('b', v(1)), 'DIMENSION_MISMATCH', /Expected 2 dimensions .*"b".* received 1/);
  throws(() => index.add('b', v(NaN, 1)), 'INVALID_ARGUMENT', /received NaN at position 0/);
  throws(() => index.add('b', v(1, -Infinity)), 'INVALID_ARGUMENT', /received -Infinity at position 1/);
  throws(() => index.add('b', v(0, 0)), 'INVALID_ARGUMENT', /all zeros/);
  for (const bad of [[0, 1], undefined, null, { vector: v(0, 1) }, new Float64Array(2)]) {
    throws(
      () => index.add('b', bad as unknown as Float32Array),
      'INVALID_ARGUMENT',
      /a Float32Array or an embedding/,
    );
  }
  throws(() => index.search(v(1, 2, 3)), 'DIMENSION_MISMATCH', /the query/);
  throws(() => index.search(v(1, 0), { k: 0 }), 'INVALID_OPTION', /of at least 1 for option "k"/);
  throws(() => index.search(v(1, 0), { efSearch: 0 }), 'INVALID_OPTION', /option "efSearch"/);
  throws(
    () => index.search(v(1, 0), { filter: 1 as never }),
    'INVALID_OPTION',
    /a function for option "filter"/,
  );
  assert.equal(index.ids(), ['a']);
  const dot = VectorIndex.create({ dimensions: 2, space: 'ip' });
  dot.add('zero', v(0, 0));
  throws(() => dot.add('huge', v(1e30, 0)), 'INVALID_ARGUMENT', /a length of at most 1e\+18/);
});

test('vectors of another model are refused; the first embedding names the model', () => {
  const index = VectorIndex.create({ dimensions: 2 });
  index.add('bare', v(1, 0));
  assert.is(index.model, undefined);
  throws(() => index.add('bad', embedding(v(0, 0), 'A')), 'INVALID_ARGUMENT', /zeros/);
  assert.is(index.model, undefined);
  index.add('a', embedding(v(1, 1), 'A'));
  assert.is(index.model, 'A');
  throws(() => index.add('b', embedding(v(1, 1), 'B')), 'MODEL_MISMATCH', /Expected model "A".*received "B"/);
  throws(() => index.set('a', embedding(v(1, 1), 'B')), 'MODEL_MISMATCH', /entry "a"/);
  throws(() => index.search(embedding(v(1, 1), 'B')), 'MODEL_MISMATCH', /the query/);
  assert.is(index.search(embedding(v(1, 1), 'A'))[0]!.id, 'a');
  assert.is(VectorIndex.create({ dimensions: 2, model: 'M' }).model, 'M');
});

test('set replaces vector and metadata; delete forgets', () => {
  const index = VectorIndex.create({ dimensions: 2 });
  index.add('a', v(1, 0), 1);
  index.add('b', v(0, 1), 2);
  index.set('a', v(-1, 0));
  assert.equal(index.ids(), ['b', 'a']);
  assert.equal(index.search(v(1, 0.1)), [
    { id: 'b', similarity: index.search(v(1, 0.1))[0]!.similarity, metadata: 2 },
    { id: 'a', similarity: index.search(v(1, 0.1))[1]!.similarity, metadata: undefined },
  ]);
  assert.ok(index.delete('b'));
  assert.not(index.delete('b'));
  assert.equal(
    index.search(v(0, 1)).map(({ id }) => id),
    ['a'],
  );
  index.add('b', v(0, 1), 3);
  assert.equal(index.get('b')?.metadata, 3);
});

test('after deleting 95 %, then all but k, a search still returns k, and the right ones', async () => {
  const index = VectorIndex.create({ dimensions: 16 });
  const vectors = clustered(2000, 16, 20, 5);
  vectors.forEach((vector, i) => index.add(String(i), vector));
  const survivors = (live: number) => {
    for (const id of index.ids().slice(live)) index.delete(id);
    for (const query of clustered(10, 16, 20, 6)) {
      const found = index.search(query, { k: 10, efSearch: 10 });
      assert.is(found.length, Math.min(10, live));
      const everything = index.search(query, { k: 5000 });
      assert.is(everything.length, live);
      assert.is(found[0]?.id, everything[0]?.id);
    }
  };
  survivors(100);
  survivors(10);
  survivors(1);
  survivors(0);
  vectors.slice(0, 30).forEach((vector, i) => index.add(`again${i}`, vector));
  assert.is(index.search(vectors[0]!, { k: 30 }).length, 30);
  await index.compact();
  assert.is(index.search(vectors[0]!, { k: 30 }).length, 30);
  await index.close();
});

test('re-adding the same id thousands of times never loses an entry', async () => {
  const index = VectorIndex.create({ dimensions: 8 });
  const vectors = clustered(12, 8, 3, 7);
  vectors.forEach((vector, i) => index.add(String(i), vector));
  for (let round = 0; round < 3000; round++) {
    const id = String(round % 12);
    if (round % 2 === 0) {
      index.delete(id);
      index.add(id, vectors[round % 12]!);
    } else {
      index.set(id, vectors[round % 12]!);
    }
    assert.is(index.search(vectors[0]!, { k: 12, efSearch: 1 }).length, 12);
    // Most rounds run in one turn of the event loop, which keeps the background tidying away.
    if (round % 1000 === 999) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.is(index.search(vectors[5]!, { k: 1 })[0]!.similarity > 0.9999, true);
  await index.close();
});

test('a selective filter still yields k, and its exceptions reach the caller', () => {
  const index = VectorIndex.create<{ n: number }>({ dimensions: 16 });
  const vectors = clustered(2000, 16, 20, 8);
  vectors.forEach((vector, n) => index.add(String(n), vector, { n }));
  const query = vectors[0]!;
  for (const modulus of [2, 7, 50, 400, 5000]) {
    const passing = vectors.flatMap((vector, n) =>
      n % modulus === 3 ? [{ id: String(n), similarity: exact('cosine', query, vector) }] : [],
    );
    passing.sort((a, b) => b.similarity - a.similarity);
    const found = index.search(query, { k: 10, filter: (_id, metadata) => metadata!.n % modulus === 3 });
    assert.is(found.length, Math.min(10, passing.length));
    assert.is(found[0]?.id, passing[0]?.id);
  }
  // All that pass lie in the cluster opposite to the query: the way there leads through everything else.
  const far = index.search(query, { k: 2000 }).slice(-150);
  const farIds = new Set(far.map(({ id }) => id));
  const found = index.search(query, { k: 100, filter: (id) => farIds.has(id) });
  assert.is(found.length, 100);
  assert.equal(index.search(query, { filter: () => false }), []);
  const filter = () => {
    throw new RangeError('mine');
  };
  assert.throws(() => index.search(query, { filter }), /mine/);
  assert.is(index.search(query).length, 10);
});

test('a filter may change the index under the search', () => {
  const index = VectorIndex.create({ dimensions: 8, maxElements: 1 });
  clustered(300, 8, 5, 9).forEach((vector, i) => index.add(String(i), vector));
  let extra = 0;
  const filter = (id: string) => {
    index.delete(id);
    if (extra < 500) index.add(`extra${extra++}`, v(1, 2, 3, 4, 5, 6, 7, 8));
    return true;
  };
  index.search(v(1, 2, 3, 4, 5, 6, 7, 8), { k: 5, filter });
  assert.is(index.search(v(1, 2, 3, 4, 5, 6, 7, 8), { k: 5000 }).length, index.size);
});

test('addMany takes both kinds of iterables and reports how many', async () => {
  const index = VectorIndex.create({ dimensions: 8 });
  const vectors = clustered(500, 8, 5, 10);
  const entries = vectors.map((vector, i) => ({ id: String(i), vector, metadata: i }));
  assert.is(await index.addMany(entries.slice(0, 200)), 200);
  async function* later() {
    for (const entry of entries.slice(200)) {
      await Promise.resolve();
      yield entry;
    }
  }
  assert.is(await index.addMany(later()), 300);
  assert.is(index.size, 500);
  assert.is(await index.addMany([]), 0);
});

test('addMany stops at the first bad entry and tells its source', async () => {
  const index = VectorIndex.create({ dimensions: 2 });
  let finished = false;
  function* source() {
    try {
      yield { id: 'a', vector: v(1, 0) };
      yield { id: 'b', vector: v(1) };
      yield { id: 'c', vector: v(1, 1) };
    } finally {
      finished = true;
    }
  }
  await rejects(index.addMany(source()), 'DIMENSION_MISMATCH', /"b"/);
  assert.equal(index.ids(), ['a']);
  assert.ok(finished);
  await rejects(index.addMany([{ id: 'a', vector: v(1, 0) }]), 'DUPLICATE_ID', /"a"/);
  await rejects(index.addMany([undefined as never]), 'INVALID_ARGUMENT', /an entry/);
  await rejects(index.addMany(5 as never), 'INVALID_ARGUMENT', /an iterable or async iterable/);
  await rejects(index.addMany([], { signal: 1 as never }), 'INVALID_OPTION', /AbortSignal/);
});

test('addMany ends when its signal fires, even if the source never answers', async () => {
  const index = VectorIndex.create({ dimensions: 2 });
  const controller = new AbortController();
  async function* source() {
    yield { id: 'a', vector: v(1, 0) };
    await new Promise(() => undefined);
    yield { id: 'b', vector: v(1, 0) };
  }
  const adding = index.addMany(source(), { signal: controller.signal });
  setTimeout(() => controller.abort(new Error('enough')), 10);
  await rejects(adding, 'ABORTED', /abort/);
  assert.is(await adding.catch((error: unknown) => ((error as Error).cause as Error).message), 'enough');
  assert.equal(index.ids(), ['a']);
  await rejects(index.addMany([], { signal: controller.signal }), 'ABORTED', /abort/);
});

test('addMany lets other things happen in between', async () => {
  const index = VectorIndex.create({ dimensions: 64 });
  const vectors = clustered(3000, 64, 20, 11);
  let turns = 0;
  let going = true;
  const tick = (): void => {
    turns++;
    index.set(`mine${turns}`, vectors[turns % 3000]!);
    index.delete(`mine${turns - 3}`);
    assert.ok(index.search(vectors[turns % 3000]!)[0]!.similarity > 0.9999);
    if (going) setImmediate(tick);
  };
  setImmediate(tick);
  assert.is(await index.addMany(vectors.map((vector, i) => ({ id: String(i), vector }))), 3000);
  going = false;
  assert.ok(turns > 5, `${turns} turns`);
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(index.size, 3003);
  assert.is(index.search(vectors[0]!, { k: 5000 }).length, 3003);
});

test('compact keeps what is added, replaced and deleted while it runs', async () => {
  const index = VectorIndex.create({ dimensions: 32 });
  const vectors = clustered(2500, 32, 20, 12);
  vectors.slice(0, 2000).forEach((vector, i) => index.add(String(i), vector, i));
  for (let i = 0; i < 500; i++) index.delete(String(i));
  const before = index.get('1500')!.vector;
  const progress = { done: false };
  const compacting = index.compact().then(() => (progress.done = true));
  for (let i = 0; !progress.done; i++) {
    if (i < 500) index.add(`new${i}`, vectors[2000 + i]!, i);
    if (i < 300) index.delete(String(500 + i));
    if (i < 300) index.set(String(1999 - i), vectors[1999 - i]!, `replaced${i}`);
    assert.is(index.search(vectors[0]!, { k: 20 }).length, 20);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await compacting;
  assert.is(index.search(vectors[0]!, { k: 9999 }).length, index.size);
  assert.equal(index.get('1500')!.vector, before);
  for (const { id, metadata } of index.search(vectors[2001]!, { k: 9999 })) {
    assert.equal(index.get(id)?.metadata, metadata);
  }
  for (let i = 800; i < 1600; i++) {
    assert.ok(index.search(vectors[i]!, { k: 1 })[0]!.similarity > 0.9999);
  }
});

test('a closed index refuses everything but closing', async () => {
  const index = VectorIndex.create({ dimensions: 2 });
  index.add('a', v(1, 0));
  const compacting = index.compact();
  await index.close();
  await compacting;
  await index.close();
  await index[Symbol.asyncDispose]();
  const vector = v(1, 0);
  const actions: (() => unknown)[] = [
    () => index.add('b', vector),
    () => index.set('b', vector),
    () => index.delete('a'),
    () => index.has('a'),
    () => index.get('a'),
    () => index.ids(),
    () => index.size,
    () => index.search(vector),
  ];
  for (const action of actions) throws(action, 'CLOSED', /has been closed/);
  await rejects(index.addMany([]), 'CLOSED', /has been closed/);
  await rejects(index.save('/tmp/never'), 'CLOSED', /has been closed/);
  await rejects(index.load('/tmp/never'), 'CLOSED', /has been closed/);
  await rejects(index.compact(), 'CLOSED', /has been closed/);
});

test.run();
