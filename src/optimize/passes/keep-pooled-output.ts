// Keeps the embedding as the only output: the hidden states beside it are megabytes that nobody reads.
import { EMBEDDING_OUTPUTS } from '../../inference/embedding-outputs.js';
import type { Graph } from '../graph.js';
import type { PassReport } from './report.js';

/**
 * @param graph - of a tower: one with logits among its outputs is left alone
 * @returns how many outputs were dropped
 */
export function keepPooledOutput(graph: Graph): PassReport {
  const { graph: proto } = graph.model;
  const names = graph.outputs;
  const kept = EMBEDDING_OUTPUTS.find((name) => names.includes(name));
  const report: PassReport = { name: 'keep-pooled-output', found: 0, left: [] };
  if (kept === undefined || names.some((name) => name.startsWith('logits'))) {
    if (names.length > 1) report.left.push({ node: names.join(', '), why: 'no tower with one embedding' });
    return report;
  }
  proto.output = proto.output.filter(({ name }) => name === kept);
  report.found = names.length - proto.output.length;
  return report;
}
