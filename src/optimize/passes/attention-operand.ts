// Query, key and value of attention, from before they were split into heads.
import type { Dim } from '../facts/dims.js';
import type { Facts } from '../facts/facts.js';
import type { Graph } from '../graph.js';
import { matrixProductOf, withoutBias, type MatrixProduct } from './linear.js';
import { axisOf, further, sameAxes, sizeOf, viewOf, withoutEnd, type Axis, type View } from './view.js';

/** Query, key or value: `[batch, tokens, heads * size]` once it is made. */
export interface Operand {
  /** It, or what it is a linear layer of: `[batch, tokens, channels]`. */
  input: string;
  /** The input is `[tokens, batch, channels]`: PyTorch's own order. */
  tokensFirst: boolean;
  /** The linear layer; undefined: the input is what is wanted. */
  layer: Layer | undefined;
  /** `[batch, tokens, heads, size]`. */
  shape: readonly [Dim, Dim, number, number];
}

/** Some columns of a linear layer: exporters pack those of key and value, or of all three, into one. */
export interface Layer extends MatrixProduct {
  /** Name of the bias, `[columns]`. */
  bias: string | undefined;
  /** First column that is wanted; of all columns. */
  from: number;
}

/** An operand that has been found, and what its elements are multiplied by. */
export type FoundOperand = Operand & { scale: number };

/**
 * Goes back to where `[batch, tokens, heads * size]` was split or, if it never is in this order, to the linear layer
 * that makes it out of what is.
 * @param graph - of the value
 * @param facts - of the graph
 * @param name - of a factor of one of the two products: `[batch, heads, ...]`, where the first two axes may be one
 * @param tokens - the axis of the tokens
 * @param size - the axis of a head's channels
 * @returns what it is made of, or undefined
 */
export function operandOf(
  graph: Graph,
  facts: Facts,
  name: string,
  tokens: number,
  size: number,
): FoundOperand | undefined {
  const found: FoundOperand[] = [];
  let view = viewOf(facts, name);
  for (let next = view; next; next = further(graph, facts, next)) {
    view = next;
    const cut = cutOf(view, tokens, size);
    const whole = cut && [cut.batch, cut.tokens, [...cut.heads, ...cut.size]];
    if (whole && facts.isFloat32(view.source) && sameAxes(view.sourceAxes, whole))
      found.push({
        input: view.source,
        tokensFirst: false,
        layer: undefined,
        shape: cut.shape,
        scale: view.scale,
      });
  }
  const layer = view && layerOf(graph, facts, view, tokens, size);
  if (layer) found.push(layer);
  // On the way, heads may look like a part of the batch.
  const heads = Math.max(...found.map(({ shape }) => shape[2]));
  return found.find(({ shape }) => shape[2] === heads);
}

interface Cut {
  batch: Axis;
  heads: Axis;
  tokens: Axis;
  size: Axis;
  shape: Operand['shape'];
}

// The last axis of the source ends with heads and size; what else the axes before tokens and size hold is the batch.
function cutOf({ axes, sourceAxes }: View, tokens: number, size: number): Cut | undefined {
  const lead = axes.slice(0, -2).flat();
  const width = axes[size] ?? [];
  const before = withoutEnd(sourceAxes.at(-1) ?? [], width);
  if (!before) return undefined;
  let count = 0;
  while (count < before.length && lead.at(-1 - count) === before.at(-1 - count)) count++;
  const heads = lead.slice(lead.length - count);
  const batch = lead.slice(0, lead.length - count);
  const rows = axes[tokens] ?? [];
  const [headCount, headSize] = [sizeOf(heads), sizeOf(width)];
  if (typeof headCount !== 'number' || typeof headSize !== 'number') return undefined;
  const shape = [sizeOf(batch), sizeOf(rows), headCount, headSize] as const;
  return { batch, heads, tokens: rows, size: width, shape };
}

function layerOf(
  graph: Graph,
  facts: Facts,
  view: View,
  tokens: number,
  size: number,
): FoundOperand | undefined {
  const cut = cutOf(view, tokens, size);
  const { input: whole, bias } = withoutBias(graph, facts, view.source);
  const product = matrixProductOf(graph, facts, whole);
  const packed = view.sourceAxes.at(-1) ?? [];
  if (!cut || product?.columns !== sizeOf(packed)) return undefined;
  if (bias !== undefined && !facts.isFloat32(bias)) return undefined;
  // Besides heads and size, the columns may hold pieces of which this is one.
  let piece = 0;
  for (const { size: count, at } of withoutEnd(packed, [...cut.heads, ...cut.size]) ?? []) {
    if (at === undefined || typeof count !== 'number') return undefined;
    piece = piece * count + at;
  }
  const [, , heads, width] = cut.shape;
  const layer = { ...product, bias, from: piece * heads * width };
  const rows = rowsOf(graph, facts, { ...view, source: product.input }, axisOf(product.rows), cut);
  return rows && { ...rows, layer, shape: cut.shape, scale: view.scale };
}

// The rows of a product are those of its input, which may have been put in another order further back.
function rowsOf(
  graph: Graph,
  facts: Facts,
  { axes, source, sourceAxes, scale }: View,
  channels: Axis,
  { batch, tokens }: Cut,
): Pick<Operand, 'input' | 'tokensFirst'> | undefined {
  if (sourceAxes.length < 2 || facts.shapeOf(source)?.length !== sourceAxes.length) return undefined;
  let turned: string | undefined;
  let view: View | undefined = { axes, source, sourceAxes: sourceAxes.with(-1, channels), scale };
  for (; view?.scale === scale; view = further(graph, facts, view)) {
    if (sameAxes(view.sourceAxes, [batch, tokens, channels]))
      return { input: view.source, tokensFirst: false };
    if (sameAxes(view.sourceAxes, [tokens, batch, channels])) turned ??= view.source;
  }
  return turned === undefined ? undefined : { input: turned, tokensFirst: true };
}
