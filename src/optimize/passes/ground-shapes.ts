// Takes sizes from where they are first known, mostly an input: exporters ask every value in between for them, which
// keeps values alive, and patterns apart, for nothing but their shape.
import type { Dim } from '../facts/dims.js';
import { Facts } from '../facts/facts.js';
import { isOperator, type Graph } from '../graph.js';
import { makeNode } from '../onnx/attributes.js';
import { DataType, type NodeProto } from '../onnx/proto.js';
import type { PassReport } from './report.js';

interface Source {
  value: string;
  axis: number;
}

/**
 * `Gather(Shape(value), axis)` of a size that an earlier value has -> the same of that value.
 * @param graph - is changed
 * @returns how many sizes are taken from elsewhere now
 */
export function groundShapes(graph: Graph): PassReport {
  const facts = new Facts(graph);
  const report: PassReport = { name: 'ground-shapes', found: 0, left: [] };
  const sources = sourcesOf(graph, facts);
  const made = new Map<string, string>();
  for (const node of [...graph.nodes]) {
    const size = sizeOf(graph, facts, node);
    const source = size === undefined ? undefined : sources.get(size);
    const [output = ''] = node.output;
    if (!source || graph.isExposed(output) || graph.usersOf(output).length === 0) continue;
    const { value } = source;
    if (graph.producerOf(node.input[0])?.input[0] === value) continue;
    const isList = facts.shapeOf(output)?.length === 1;
    const key = `${String(size)} ${isList}`;
    const name = made.get(key) ?? insertSize(graph, node, source, isList);
    made.set(key, name);
    graph.replaceUses(output, name);
    report.found++;
  }
  return report;
}

// The first value that has a size is there before every node that asks for it.
function sourcesOf(graph: Graph, facts: Facts): Map<Dim, Source> {
  const sources = new Map<Dim, Source>();
  const names = [
    ...graph.model.graph.input.map(({ name }) => name),
    ...graph.nodes.flatMap(({ output }) => output),
  ];
  for (const value of names) {
    facts.shapeOf(value)?.forEach((dim, axis) => {
      if (typeof dim === 'string' && !sources.has(dim)) sources.set(dim, { value, axis });
    });
  }
  return sources;
}

function sizeOf(graph: Graph, facts: Facts, node: NodeProto): Dim | undefined {
  if (!isOperator(node, 'Gather') || !graph.producerOfType(node.input[0], 'Shape')) return undefined;
  const { ints } = facts.of(node.output[0]);
  return ints?.length === 1 && typeof ints[0] === 'string' ? ints[0] : undefined;
}

function insertSize(graph: Graph, before: NodeProto, { value, axis }: Source, isList: boolean): string {
  const base = `${value}/size_${axis}`;
  const [shape, size] = [graph.uniqueName(`${base}/Shape`), graph.uniqueName(`${base}/Gather`)];
  const index = graph.addConstant(
    `${base}/axis`,
    DataType.INT64,
    isList ? [1] : [],
    BigInt64Array.of(BigInt(axis)),
  );
  graph.insertBefore(before, makeNode('Shape', { name: shape, inputs: [value], outputs: [shape] }));
  graph.insertBefore(before, makeNode('Gather', { name: size, inputs: [shape, index], outputs: [size] }));
  return size;
}
