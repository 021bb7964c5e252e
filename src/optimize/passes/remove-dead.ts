// Clears away what no output needs: nodes, initialisers, and the notes on values that are no more.
import type { Graph } from '../graph.js';
import type { PassReport } from './report.js';

/**
 * @param graph - is changed
 * @returns how many nodes and initialisers went
 */
export function removeDead(graph: Graph): PassReport {
  const before = graph.nodes.length;
  const isUsed = (name: string) => name !== '' && (graph.isExposed(name) || graph.usersOf(name).length > 0);
  // From the end, so that what only a dead node used is dead when its turn comes.
  for (const node of [...graph.nodes].reverse()) if (!node.output.some(isUsed)) graph.removeNode(node);

  const { graph: proto } = graph.model;
  // An initialiser that is an input as well is its default: without it, every run would have to give it.
  const inputs = new Set(proto.input.map(({ name }) => name));
  const unused = new Set(
    proto.initializer.map(({ name }) => name).filter((name) => !isUsed(name) && !inputs.has(name)),
  );
  graph.removeInitializers(unused);
  const made = new Set(graph.nodes.flatMap(({ output }) => output));
  proto.valueInfo = proto.valueInfo.filter(({ name }) => made.has(name));
  return { name: 'remove-dead', found: before - graph.nodes.length + unused.size, left: [] };
}
