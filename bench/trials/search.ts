// Trial: nearest neighbours among 10,000 vectors, ours against hnswlib-node used directly.
import hnswlib from 'hnswlib-node';
import { VectorIndex } from '../../dist/esm/index/vector-index.js';
import { measure } from '../measure.js';
import type { Trial } from '../trial.js';

const OURS = 'VectorIndex';
const RAW = 'hnswlib-node';
const DIMENSIONS = 768;
const CLUSTERS = 100;
const QUERIES = 100;
const K = 10;
// The defaults of VectorIndex, given to both.
const M = 16;
const EF_CONSTRUCTION = 200;
const EF_SEARCH = 100;

/** Finds the numbers of the nearest vectors. */
type Search = (query: Float32Array) => number[];

/** Both hold the same vectors in the same order; both are asked with a Float32Array, as embeddings come. */
export const search: Trial = {
  name: 'search',
  about: `${K} nearest of 10,000 clustered vectors, ${DIMENSIONS} dimensions, m ${M}, efSearch ${EF_SEARCH}`,
  subjects: [OURS, RAW],
  async run(name, effort) {
    const all = clustered(effort.times(10_000) + QUERIES);
    const [vectors, queries] = [all.slice(QUERIES), all.slice(0, QUERIES)];
    const started = performance.now();
    const find = name === OURS ? await buildOurs(vectors) : buildRaw(vectors);
    const build = performance.now() - started;
    let next = 0;
    const time = await measure(`search k ${K}`, effort.times(2000), () =>
      Promise.resolve(find(queries[next++ % QUERIES]!)),
    );
    return [
      { label: `add ${vectors.length}`, unit: 'ms', value: build },
      { ...time, below: 1 },
      { label: `recall@${K}`, unit: 'recall', value: recall(find, vectors, queries) },
    ];
  },
};

async function buildOurs(vectors: readonly Float32Array[]): Promise<Search> {
  const options = { dimensions: DIMENSIONS, m: M, efConstruction: EF_CONSTRUCTION, efSearch: EF_SEARCH };
  const index = VectorIndex.create(options);
  await index.addMany(vectors.map((vector, i) => ({ id: String(i), vector })));
  return (query) => index.search(query, { k: K }).map(({ id }) => Number(id));
}

function buildRaw(vectors: readonly Float32Array[]): Search {
  const index = new hnswlib.HierarchicalNSW('cosine', DIMENSIONS);
  index.initIndex(vectors.length, M, EF_CONSTRUCTION);
  vectors.forEach((vector, i) => index.addPoint(Array.from(vector), i));
  index.setEf(EF_SEARCH);
  return (query) => index.searchKnn(Array.from(query), K).neighbors;
}

function recall(find: Search, vectors: readonly Float32Array[], queries: readonly Float32Array[]): number {
  let found = 0;
  for (const query of queries) {
    const exact = vectors
      .map((vector, i) => ({ i, similarity: dot(query, vector) }))
      .sort((a, b) => b.similarity - a.similarity)
      .slice(0, K);
    const ids = new Set(find(query));
    found += exact.filter(({ i }) => ids.has(i)).length;
  }
  return found / (queries.length * K);
}

// Unit vectors around random centres, as embeddings lie: on uniform noise no graph finds anything.
function clustered(count: number): Float32Array[] {
  const random = mulberry32(1);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const centres = Array.from({ length: CLUSTERS }, () => Float32Array.from({ length: DIMENSIONS }, normal));
  return Array.from({ length: count }, (_, i) => unit(centres[i % CLUSTERS]!.map((x) => x + 0.7 * normal())));
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector));
  return vector.map((x) => x / length);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

// https://github.com/bryc/code/blob/master/jshash/PRNGs.md: the same vectors in every run and every process.
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
