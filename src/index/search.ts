// Finding neighbours among live entries: the graph first, then whatever it takes to return as many as there are.
import type { Contents, Entry } from './contents.js';
import { similarityOf } from './vectors.js';

/** One search, with every option resolved. */
export interface SearchRequest {
  readonly query: Float32Array;
  readonly k: number;
  readonly efSearch: number;
  readonly filter: ((entry: Entry) => boolean) | undefined;
}

/** A live entry that was found. */
export interface Found {
  readonly entry: Entry;
  readonly similarity: number;
}

// One read of a vector out of hnswlib-node costs as much as this many steps through the graph (130 µs to 3 µs).
const READ_COST = 40;
// Factor between one attempt and the next.
const WIDEN = 4;

/**
 * Finds the nearest live entries that pass the filter. Returns fewer than `k` only when fewer exist.
 *
 * The filter runs here and not inside hnswlib: there, an exception, or a filter that adds an entry, ends the process.
 * @param contents - where to search
 * @param request - what for
 * @returns best first
 */
export function searchContents(contents: Contents, request: SearchRequest): Found[] {
  const { query, k, filter } = request;
  const waiting = searchWaiting(contents, request);
  // With a filter, or with deletions that are not marked yet, some of what the graph finds will be dropped.
  const picky = filter !== undefined || contents.hasUnmarked;
  const found = searchGraph(contents, request, picky ? Math.max(k, request.efSearch) : k);
  if (found.hits.length >= Math.min(k, contents.size - contents.waiting.size)) {
    return best([...found.hits, ...waiting], k);
  }

  // Too few. Find out who could be returned at all: the filter may simply let no more through.
  const passing: Entry[] = [];
  for (const entry of contents.entries()) {
    if (entry.label !== undefined && (filter === undefined || filter(entry))) passing.push(entry);
  }
  const need = Math.min(k, passing.length);
  let { hits, exhausted } = found;
  // Ask the graph for more and more, as long as that is cheaper than reading every vector that passes. This is the way
  // of filters that let through a fair share, but not of what lies near the query.
  let width = Math.ceil((2 * k * contents.size) / Math.max(passing.length, 1));
  while (hits.length < need && !exhausted && width < passing.length * READ_COST) {
    ({ hits, exhausted } = searchGraph(contents, request, width));
    width *= WIDEN;
  }
  // What is left: filters that let little through, and vectors no path leads to. The latter come from deletion: a new
  // vector is only linked to live ones and the entry point, and a crowded entry point drops the link again.
  if (hits.length < need) {
    const seen = new Set(hits.map(({ entry }) => entry));
    for (const entry of passing) {
      if (seen.has(entry) || contents.get(entry.id) !== entry) continue;
      hits.push({
        entry,
        similarity: similarityOf(query, contents.vectorOf(entry), contents.settings.space),
      });
    }
  }
  return best([...hits, ...waiting], k);
}

function searchGraph(
  contents: Contents,
  { query, efSearch, filter }: SearchRequest,
  count: number,
): { hits: Found[]; exhausted: boolean } {
  const { labels, similarities } = contents.graph.search(query, count, Math.max(efSearch, count));
  const candidates = labels.map((label) => contents.at(label));
  const hits: Found[] = [];
  for (const [i, entry] of candidates.entries()) {
    if (entry === undefined || (filter !== undefined && !filter(entry))) continue;
    hits.push({ entry, similarity: similarities[i] ?? 0 });
  }
  return { hits, exhausted: labels.length < count };
}

function searchWaiting({ waiting, settings }: Contents, { query, filter }: SearchRequest): Found[] {
  const hits: Found[] = [];
  for (const [entry, vector] of waiting) {
    if (filter !== undefined && !filter(entry)) continue;
    hits.push({ entry, similarity: similarityOf(query, vector, settings.space) });
  }
  return hits;
}

function best(hits: Found[], k: number): Found[] {
  return hits.sort((a, b) => b.similarity - a.similarity).slice(0, k);
}
