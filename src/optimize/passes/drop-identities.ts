// Takes out nodes that give back what they get: casts to the same type, reshapes to the same shape, and the like.
import { sameShape } from '../facts/dims.js';
import { Facts } from '../facts/facts.js';
import { isOperator, type Graph } from '../graph.js';
import { intAttribute, intsAttribute } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';
import type { PassReport } from './report.js';

/**
 * @param graph - is changed; the nodes that nobody uses any more stay for the pass that removes dead ones
 * @returns how many there were
 */
export function dropIdentities(graph: Graph): PassReport {
  const facts = new Facts(graph);
  const report: PassReport = { name: 'drop-identities', found: 0, left: [] };
  for (const node of graph.nodes) {
    const [from = ''] = node.output;
    const [to = ''] = node.input;
    if (to === '' || !isIdentity(node, facts) || graph.isExposed(from) || graph.usersOf(from).length === 0)
      continue;
    graph.replaceUses(from, to);
    report.found++;
  }
  return report;
}

function isIdentity(node: NodeProto, facts: Facts): boolean {
  const [x] = node.input;
  if (isOperator(node, 'Identity')) return true;
  if (isOperator(node, 'Cast')) return facts.of(x).type === intAttribute(node, 'to', 0);
  if (isOperator(node, 'Reshape')) return sameShape(facts.shapeOf(x), facts.shapeOf(node.output[0]));
  const perm = isOperator(node, 'Transpose') ? intsAttribute(node, 'perm') : undefined;
  return perm?.every((axis, i) => axis === i) ?? false;
}
