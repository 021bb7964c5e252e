// Where the elements of a value come from: followed back, axis by axis, through nodes that only move or pick elements.
import { atAxis, sliceBounds } from '../facts/common.js';
import { divide, multiply, type Dim } from '../facts/dims.js';
import type { Facts } from '../facts/facts.js';
import { isOperator, type Graph } from '../graph.js';
import { intAttribute, intsAttribute } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';

/** What an axis is made of; the same part is the same object wherever it is. */
export interface Part {
  readonly size: Dim;
  /** The one place of it that the value holds; undefined: all of it. */
  readonly at?: number;
}

/** An axis: its parts, the slowest first. Those of size 1 do not show. */
export type Axis = readonly Part[];

/** A value whose elements are those of another one, or some of them, in another order. */
export interface View {
  /** Of the value. */
  axes: readonly Axis[];
  /** Name of the other one. */
  source: string;
  /** Of the other one, from the same parts. */
  sourceAxes: readonly Axis[];
  /** What its elements are multiplied by. */
  scale: number;
}

/**
 * @param facts - of the graph
 * @param name - of a value
 * @returns the value as a view of itself; undefined when its rank is unknown
 */
export function viewOf(facts: Facts, name: string): View | undefined {
  const axes = facts.shapeOf(name)?.map(axisOf);
  return axes && { axes, source: name, sourceAxes: axes, scale: 1 };
}

/**
 * @param size - of an axis
 * @returns the axis, in one part
 */
export function axisOf(size: Dim): Axis {
  return size === 1 ? [] : [{ size }];
}

/**
 * @param axis - of a view
 * @returns its size
 */
export function sizeOf(axis: Axis): Dim {
  return multiply(axis.map(({ size }) => size));
}

/**
 * @param a - an axis
 * @param b - another one of the same view
 * @returns whether they are made of the same
 */
export function sameAxis(a: Axis, b: Axis): boolean {
  return a.length === b.length && a.every((part, i) => part === b[i]);
}

/**
 * @param a - axes
 * @param b - others of the same view
 * @returns whether each is made of the same as its counterpart
 */
export function sameAxes(a: readonly Axis[], b: readonly Axis[]): boolean {
  return a.length === b.length && a.every((axis, i) => sameAxis(axis, b[i] ?? []));
}

/**
 * @param axis - of a view
 * @param end - of another one
 * @returns what comes before it, if the axis ends like that
 */
export function withoutEnd(axis: Axis, end: Axis): Axis | undefined {
  const count = axis.length - end.length;
  return count >= 0 && sameAxis(axis.slice(count), end) ? axis.slice(0, count) : undefined;
}

/**
 * @param graph - of the value
 * @param facts - of the graph
 * @param view - of the value
 * @returns the view one node further back; undefined when that node does more than to move or pick, or to multiply all
 * elements by one number
 */
export function further(graph: Graph, facts: Facts, view: View): View | undefined {
  const node = graph.producerOf(view.source);
  const [source] = node?.input ?? [];
  const shape = facts.shapeOf(source);
  if (!node || source === undefined || !shape) return undefined;
  if (isOperator(node, 'Identity')) return { ...view, source };
  if (isOperator(node, 'Transpose')) return turnedBack(view, node, source);
  if (['Reshape', 'Squeeze', 'Unsqueeze'].some((opType) => isOperator(node, opType)))
    return regrouped({ ...view, source }, shape);
  return scaled(graph, facts, view, node) ?? picked(graph, facts, view, node, shape);
}

function turnedBack(view: View, node: NodeProto, source: string): View | undefined {
  const rank = view.sourceAxes.length;
  const perm = intsAttribute(node, 'perm') ?? view.sourceAxes.map((_, i) => rank - 1 - i);
  const sourceAxes = view.sourceAxes.map((_, i) => view.sourceAxes[perm.indexOf(i)]);
  return perm.length === rank && sourceAxes.every((axis) => axis !== undefined)
    ? { ...view, source, sourceAxes }
    : undefined;
}

// The same elements in the same order: the parts, one after the other, fill the axes of the other shape.
function regrouped(view: View, shape: readonly Dim[]): View | undefined {
  let { axes } = view;
  const parts = view.sourceAxes.flat();
  const sourceAxes: Axis[] = [];
  for (const size of shape) {
    const axis: Part[] = [];
    let open = size;
    while (open !== 1) {
      const part = parts.shift();
      if (!part) return undefined;
      const left = divide(open, part.size);
      if (left !== undefined) {
        axis.push(part);
        open = left;
        continue;
      }
      const rest = divide(part.size, open);
      if (rest === undefined || part.at !== undefined) return undefined;
      const halves = [{ size: open }, { size: rest }] as const;
      axes = axes.map((each) => each.flatMap((one) => (one === part ? halves : [one])));
      axis.push(halves[0]);
      parts.unshift(halves[1]);
      open = 1;
    }
    sourceAxes.push(axis);
  }
  return parts.length === 0 ? { ...view, axes, sourceAxes } : undefined;
}

function scaled(graph: Graph, facts: Facts, view: View, node: NodeProto): View | undefined {
  const { name, scale } = unscaled(graph, node);
  // A number may come with axes of its own.
  if (name === undefined || facts.shapeOf(name)?.length !== view.sourceAxes.length) return undefined;
  return { ...view, source: name, scale: view.scale * scale };
}

/**
 * @param graph - of the node
 * @param node - any node
 * @returns the value that it multiplies by a number, and the number; no name when it does something else
 */
export function unscaled(
  graph: Graph,
  node: NodeProto | undefined,
): { name: string | undefined; scale: number } {
  const [a, b] = node?.input ?? [];
  const [left, right] = [graph.scalarOf(a), graph.scalarOf(b)];
  if (node && isOperator(node, 'Div') && right !== undefined) return { name: a, scale: 1 / right };
  if (node && isOperator(node, 'Mul')) {
    if (right !== undefined) return { name: a, scale: right };
    if (left !== undefined) return { name: b, scale: left };
  }
  return { name: undefined, scale: 1 };
}

// One of the equal pieces that an axis is cut into.
function picked(
  graph: Graph,
  facts: Facts,
  view: View,
  node: NodeProto,
  shape: readonly Dim[],
): View | undefined {
  const source = node.input[0] ?? '';
  const piece = pieceOf(graph, facts, node, view.source, shape);
  const total = piece && shape[piece.axis];
  if (!piece || typeof total !== 'number') return undefined;
  const { axis, from, size, dropped } = piece;
  const [count, at] = [total / size, from / size];
  if (!Number.isInteger(count) || !Number.isInteger(at) || at < 0 || at >= count) return undefined;
  const rest = dropped ? view.sourceAxes.toSpliced(axis, 0, []) : view.sourceAxes;
  const cut: Axis = count === 1 ? [] : [{ size: count, at }];
  return { ...view, source, sourceAxes: rest.with(axis, [...cut, ...(rest[axis] ?? [])]) };
}

interface Piece {
  axis: number;
  from: number;
  size: number;
  /** The axis is gone from the result. */
  dropped: boolean;
}

function pieceOf(
  graph: Graph,
  facts: Facts,
  node: NodeProto,
  output: string,
  shape: readonly Dim[],
): Piece | undefined {
  const ints = (position: number) => facts.of(node.input[position]).ints;
  if (isOperator(node, 'Gather')) {
    const axis = atAxis(intAttribute(node, 'axis', 0), shape.length);
    const index = graph.constantOf(node.input[1])?.dims.length === 0 ? ints(1)?.[0] : undefined;
    const total = shape[axis];
    if (typeof index !== 'number' || typeof total !== 'number') return undefined;
    return { axis, from: atAxis(index, total), size: 1, dropped: true };
  }
  if (isOperator(node, 'Split')) {
    const axis = atAxis(intAttribute(node, 'axis', 0), shape.length);
    const sizes = node.output.map((name) => facts.shapeOf(name)?.[axis]);
    const before = sizes.slice(0, node.output.indexOf(output));
    const size = sizes[before.length];
    if (typeof size !== 'number' || !before.every((each) => each === size)) return undefined;
    return { axis, from: before.length * size, size, dropped: false };
  }
  if (!isOperator(node, 'Slice')) return undefined;
  const [starts, ends, axes] = [ints(1), ints(2), node.input[3] ? ints(3) : [0]];
  const [start, end, axis] = [starts?.[0], ends?.[0], axes?.[0]];
  const steps = node.input[4] ? ints(4) : [1];
  if (starts?.length !== 1 || axes?.length !== 1 || steps?.[0] !== 1) return undefined;
  if (typeof start !== 'number' || typeof end !== 'number' || typeof axis !== 'number') return undefined;
  const place = atAxis(axis, shape.length);
  const total = shape[place];
  if (typeof total !== 'number') return undefined;
  const [from, to] = sliceBounds(start, end, total);
  return { axis: place, from, size: to - from, dropped: false };
}
