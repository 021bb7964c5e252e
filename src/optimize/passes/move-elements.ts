// Transposes, slices and gathers of constants, done once instead of in every run.
import { atAxis, sliceBounds } from '../facts/common.js';
import { isOperator, type Graph } from '../graph.js';
import { intAttribute, intsAttribute } from '../onnx/attributes.js';
import { DataType, type NodeProto, type TensorProto } from '../onnx/proto.js';
import { elementCount, makeTensor, shapeOf, tensorValues, type TensorValues } from '../onnx/tensor.js';

/** Elements of an array, taken in another order. */
interface View {
  shape: readonly number[];
  /** How far apart neighbours are, for each dimension. */
  strides: readonly number[];
  offset: number;
}

// Types whose values are the bytes of the file.
const PLAIN: number[] = [
  DataType.FLOAT,
  DataType.INT64,
  DataType.INT32,
  DataType.INT8,
  DataType.UINT8,
  DataType.BOOL,
];

/**
 * Computes a node that only moves the elements of a constant.
 * @param graph - of the node
 * @param node - any node
 * @returns its outputs, without names; undefined when it is of another kind or depends on the run
 */
export function moveElements(graph: Graph, node: NodeProto): TensorProto[] | undefined {
  const tensor = graph.constantOf(node.input[0]);
  if (!tensor || !PLAIN.includes(tensor.dataType)) return undefined;
  const views = viewsOf(graph, node, shapeOf(tensor));
  if (!views) return undefined;
  const values = tensorValues(graph.model, tensor);
  // Parts that are not there are for the runtime to complain of.
  if (!views.every((view) => liesWithin(view, values.length))) return undefined;
  return views.map((view) => makeTensor('', tensor.dataType, view.shape, copy(values, view)));
}

function viewsOf(graph: Graph, node: NodeProto, shape: readonly number[]): View[] | undefined {
  const ints = (position: number) => graph.intsOf(node.input[position]);
  const whole: View = { shape, strides: stridesOf(shape), offset: 0 };
  if (isOperator(node, 'Transpose')) {
    const perm = intsAttribute(node, 'perm') ?? shape.map((_, i) => i).reverse();
    const pick = (from: readonly number[]) => perm.map((axis) => from[axis] as number);
    return [{ shape: pick(shape), strides: pick(whole.strides), offset: 0 }];
  }
  if (isOperator(node, 'Slice')) {
    const [starts, ends] = [ints(1), ints(2)];
    const axes = node.input[3] ? ints(3) : starts?.map((_, i) => i);
    const steps = node.input[4] ? ints(4) : starts?.map(() => 1);
    if (!starts || !ends || !axes || steps?.every((step) => step === 1) !== true) return undefined;
    return [
      axes.reduce((view, given, i) => {
        const axis = atAxis(given, shape.length);
        const [from, to] = sliceBounds(starts[i] as number, ends[i] as number, shape[axis] as number);
        return narrow(view, axis, from, to - from);
      }, whole),
    ];
  }
  if (isOperator(node, 'Split')) {
    const sizes = intsAttribute(node, 'split') ?? ints(1);
    const axis = atAxis(intAttribute(node, 'axis', 0), shape.length);
    if (sizes?.length !== node.output.length) return undefined;
    return sizes.map((size, i) => narrow(whole, axis, elementSum(sizes.slice(0, i)), size));
  }
  if (isOperator(node, 'Gather')) {
    const [index, ...others] = ints(1) ?? [];
    const axis = atAxis(intAttribute(node, 'axis', 0), shape.length);
    // One place: the axis goes.
    if (index === undefined || others.length > 0 || graph.constantOf(node.input[1])?.dims.length !== 0)
      return undefined;
    const view = narrow(whole, axis, atAxis(index, shape[axis] as number), 1);
    return [{ ...view, shape: view.shape.toSpliced(axis, 1), strides: view.strides.toSpliced(axis, 1) }];
  }
  return undefined;
}

function liesWithin({ shape, strides, offset }: View, length: number): boolean {
  const last = shape.reduce((sum, size, i) => sum + (size - 1) * (strides[i] as number), offset);
  return shape.every((size) => size >= 0) && offset >= 0 && (elementCount(shape) === 0 || last < length);
}

function elementSum(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}

function narrow({ shape, strides, offset }: View, axis: number, from: number, size: number): View {
  const stride = strides[axis];
  // An axis that is not there: what is cut from it lies nowhere.
  if (stride === undefined) return { shape, strides, offset: -1 };
  return { shape: shape.with(axis, size), strides, offset: offset + from * stride };
}

function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, i) => elementCount(shape.slice(i + 1)));
}

function copy(values: TensorValues, { shape, strides, offset }: View): TensorValues {
  const result = values.slice(0, elementCount(shape));
  let next = 0;
  const walk = (axis: number, from: number): void => {
    if (axis === shape.length) {
      result[next++] = values[from] as never;
      return;
    }
    const stride = strides[axis] as number;
    for (let i = 0; i < (shape[axis] as number); i++) walk(axis + 1, from + i * stride);
  };
  walk(0, offset);
  return result;
}
