// The end of attention: where the heads, mixed each by itself, are put side by side.
import type { Dim } from '../facts/dims.js';
import type { Facts } from '../facts/facts.js';
import type { Graph } from '../graph.js';
import type { NodeProto } from '../onnx/proto.js';
import { further, sameAxes, sameAxis, sizeOf, viewOf, withoutEnd, type View } from './view.js';

/** How the result is used. */
export interface Join {
  /** Makes the value that is the result. */
  last: NodeProto;
  /** The result is wanted as `[tokens, batch, heads * size]`. */
  tokensFirst: boolean;
  /** The shape it is wanted in, as Reshape takes it, if that is not three axes. */
  reshape: readonly number[] | undefined;
}

/**
 * @param graph - of the node
 * @param facts - of the graph
 * @param mix - the product of weights and values, `[batch, heads, tokens, size]`; the first two axes may be one
 * @param heads - how many
 * @returns where the heads are put side by side, if the values in between are used for nothing else
 */
export function joinOf(graph: Graph, facts: Facts, mix: NodeProto, heads: number): Join | undefined {
  const found: Join[] = [];
  const [mixed = ''] = mix.output;
  let name = mixed;
  for (;;) {
    const last: NodeProto | undefined = ['Transpose', 'Reshape', 'Squeeze', 'Unsqueeze']
      .map((opType) => graph.onlyUserOf(name, opType))
      .find((user) => user?.input[0] === name);
    if (!last) break;
    name = last.output[0] ?? '';
    let view = viewOf(facts, name);
    while (view && view.source !== mixed) view = further(graph, facts, view);
    const join = view && joinedBy(view, facts.shapeOf(name) ?? [], heads);
    if (join) found.push({ last, ...join });
  }
  return found.find(({ reshape }) => reshape === undefined) ?? found[0];
}

function joinedBy(view: View, shape: readonly Dim[], heads: number): Omit<Join, 'last'> | undefined {
  const { axes, sourceAxes } = view;
  const lead = sourceAxes.slice(0, -2).flat();
  const [tokens = [], size = []] = sourceAxes.slice(-2);
  const own = withoutEnd(axes.at(-1) ?? [], size);
  const batch = own && withoutEnd(lead, own);
  if (!batch || sizeOf(own) !== heads) return undefined;
  const rows = axes.slice(0, -1);
  const tokensFirst = !sameAxis(rows.flat(), [...batch, ...tokens]);
  if (tokensFirst && !sameAxis(rows.flat(), [...tokens, ...batch])) return undefined;
  if (sameAxes(rows, tokensFirst ? [tokens, batch] : [batch, tokens]))
    return { tokensFirst, reshape: undefined };
  const sizes = shape.map((dim) => (typeof dim === 'number' ? dim : -1));
  return sizes.filter((dim) => dim === -1).length > 1 ? undefined : { tokensFirst, reshape: sizes };
}
