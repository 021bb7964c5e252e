// Small things that the rules of several operators share.
import { intsAttribute } from '../onnx/attributes.js';
import type { RuleInput } from './fact.js';

/** Lists of integers up to this length are followed: longer ones are no shapes. */
export const MAX_LIST = 64;

/**
 * @param values - some may be missing
 * @returns all of them, or undefined when one is missing
 */
export function complete<T>(values: readonly (T | undefined)[]): T[] | undefined {
  return values.includes(undefined) ? undefined : (values as T[]);
}

/**
 * @param axis - may count from the end
 * @param rank - of the shape
 * @returns the axis counted from the front
 */
export function atAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/**
 * The axes of a node: an attribute in older operator sets, an input in newer ones.
 * @param input - of the rule
 * @returns the axes; undefined when they are unknown or none are named: that means all, or none, as the node says
 */
export function axesOf({ node, inputs }: RuleInput): readonly number[] | undefined {
  const axes = intsAttribute(node, 'axes') ?? inputs[1]?.ints;
  if (axes === undefined || axes.length === 0) return undefined;
  return axes.every((axis) => typeof axis === 'number') ? axes : undefined;
}

/**
 * @param start - of a slice, as ONNX gives it
 * @param end - of the slice
 * @param size - of the axis
 * @returns the first element and the one after the last
 */
export function sliceBounds(start: number, end: number, size: number): [from: number, to: number] {
  const clamp = (place: number) => Math.min(Math.max(place < 0 ? place + size : place, 0), size);
  const from = clamp(start);
  return [from, Math.max(clamp(end), from)];
}
