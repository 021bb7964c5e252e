// Rules of operators that move elements about, and of those that make shapes.
import { attribute, intAttribute, intsAttribute } from '../onnx/attributes.js';
import { DataType } from '../onnx/proto.js';
import { isOfType, numberValues } from '../onnx/tensor.js';
import { MAX_LIST, complete, atAxis, axesOf, sliceBounds } from './common.js';
import { broadcast, clamp, divide, multiply, type Dim } from './dims.js';
import { NOTHING, type Fact, type RuleInput } from './fact.js';

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function shape(input: RuleInput): Fact[] {
  const {
    node,
    inputs: [x = NOTHING],
  } = input;
  if (!x.shape) return [{ type: DataType.INT64 }];
  const ints = x.shape.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', undefined));
  return [{ type: DataType.INT64, shape: [ints.length], ints }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function gather(input: RuleInput): Fact[] {
  const {
    node,
    inputs: [data = NOTHING, indices = NOTHING],
  } = input;
  if (!data.shape || !indices.shape) return [{ type: data.type }];
  const axis = atAxis(intAttribute(node, 'axis', 0), data.shape.length);
  const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
  const { ints } = data;
  const chosen =
    ints &&
    indices.ints &&
    complete(indices.ints.map((i) => (typeof i === 'number' ? ints.at(i) : undefined)));
  return [{ type: data.type, shape, ints: chosen }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function unsqueeze(input: RuleInput): Fact[] {
  const [x = NOTHING] = input.inputs;
  const axes = axesOf(input);
  if (!x.shape || !axes) return [{ type: x.type }];
  const rank = x.shape.length + axes.length;
  const added = new Set(axes.map((axis) => atAxis(axis, rank)));
  const rest = [...x.shape];
  const shape = Array.from({ length: rank }, (_, i): Dim => (added.has(i) ? 1 : (rest.shift() as Dim)));
  return [{ type: x.type, shape, ints: rank <= 1 ? x.ints : undefined }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function squeeze(input: RuleInput): Fact[] {
  const [x = NOTHING] = input.inputs;
  const axes = axesOf(input);
  if (!x.shape || !axes) return [{ type: x.type }];
  const { length } = x.shape;
  const removed = new Set(axes.map((axis) => atAxis(axis, length)));
  return [{ type: x.type, shape: x.shape.filter((_, i) => !removed.has(i)), ints: x.ints }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function concat(input: RuleInput): Fact[] {
  const { node, inputs } = input;
  const [first = NOTHING] = inputs;
  const shapes = complete(inputs.map((fact) => fact.shape));
  if (!shapes || !first.shape) return [{ type: first.type }];
  const axis = atAxis(intAttribute(node, 'axis', 0), first.shape.length);
  const sizes = shapes.map((each) => each[axis]);
  const whole = sizes.every((size) => typeof size === 'number');
  const total = whole ? sizes.reduce((sum, size) => sum + size, 0) : undefined;
  const ints = complete(inputs.map((fact) => fact.ints))?.flat();
  return [{ type: first.type, shape: total === undefined ? undefined : first.shape.with(axis, total), ints }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function slice(input: RuleInput): Fact[] {
  const { inputs, fresh } = input;
  const [x = NOTHING, starts = NOTHING, ends = NOTHING, axes, steps] = inputs;
  if (!x.shape) return [{ type: x.type }];
  const sliced = [...x.shape];
  let ints: readonly Dim[] | undefined;
  const places = axes ? axes.ints : starts.ints?.map((_, i) => i);
  if (!places) return [{ type: x.type, shape: x.shape.map(fresh) }];
  places.forEach((place, i) => {
    const axis = atAxis(place as number, sliced.length);
    const size = x.shape?.[axis];
    const [start, end, step] = [starts.ints?.[i], ends.ints?.[i], steps ? steps.ints?.[i] : 1];
    if (typeof size !== 'number' || typeof start !== 'number' || typeof end !== 'number' || step !== 1) {
      const isPlain = typeof end === 'string' && !end.includes('*') && start === 0 && step === 1;
      sliced[axis] = isPlain && size !== undefined ? clamp(end, size) : fresh();
      return;
    }
    const [from, to] = sliceBounds(start, end, size);
    sliced[axis] = to - from;
    if (x.ints && sliced.length === 1) ints = x.ints.slice(from, to);
  });
  return [{ type: x.type, shape: sliced, ints }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function split(input: RuleInput): Fact[] {
  const {
    node,
    inputs: [x = NOTHING, sizes],
  } = input;
  const parts = intsAttribute(node, 'split') ?? sizes?.ints;
  return node.output.map((_, i) => {
    const size = parts?.[i];
    const axis = atAxis(intAttribute(node, 'axis', 0), x.shape?.length ?? 0);
    if (x.shape?.[axis] === undefined || size === undefined) return { type: x.type };
    return { type: x.type, shape: x.shape.with(axis, size) };
  });
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function reshape(input: RuleInput): Fact[] {
  const {
    node,
    inputs: [x = NOTHING, target = NOTHING],
    fresh,
  } = input;
  const unknown = target.shape?.[0];
  if (!target.ints) {
    return [
      {
        type: x.type,
        shape:
          typeof unknown === 'number' && unknown <= MAX_LIST
            ? Array.from({ length: unknown }, fresh)
            : undefined,
      },
    ];
  }
  const literal = intAttribute(node, 'allowzero', 0) === 1;
  const wanted = target.ints.map((dim, i) => (dim === 0 && !literal ? x.shape?.[i] : dim));
  const sizes = wanted.map((dim) => dim ?? fresh());
  const open = sizes.indexOf(-1);
  if (open >= 0) {
    const rest = multiply(sizes.filter((_, i) => i !== open));
    sizes[open] = (x.shape && divide(multiply(x.shape), rest)) ?? fresh();
  }
  return [{ type: x.type, shape: sizes, ints: sizes.length <= 1 ? x.ints : undefined }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function transpose(input: RuleInput): Fact[] {
  const {
    node,
    inputs: [x = NOTHING],
  } = input;
  const perm = intsAttribute(node, 'perm') ?? x.shape?.map((_, i) => i).reverse();
  const { shape } = x;
  return [{ type: x.type, shape: shape && perm && complete(perm.map((axis) => shape[axis])) }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function expand(input: RuleInput): Fact[] {
  const {
    inputs: [x = NOTHING, target = NOTHING],
    fresh,
  } = input;
  return [{ type: x.type, shape: x.shape && target.ints && broadcast(x.shape, target.ints, fresh) }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function tile(input: RuleInput): Fact[] {
  const {
    inputs: [x = NOTHING, repeats = NOTHING],
  } = input;
  const { ints } = repeats;
  return [{ type: x.type, shape: ints && x.shape?.map((dim, i) => multiply([dim, ints[i] ?? 1])) }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function constantOfShape(input: RuleInput): Fact[] {
  const {
    node,
    model,
    inputs: [target = NOTHING],
  } = input;
  const value = attribute(node, 'value')?.t;
  const { ints: shape } = target;
  const listed = shape && shape.length <= 1 ? multiply(shape) : undefined;
  const whole = value !== undefined && isOfType(value, DataType.INT64);
  const followed = whole && typeof listed === 'number' && listed <= MAX_LIST;
  const ints = followed ? Array<Dim>(listed).fill(numberValues(model, value)[0] ?? 0) : undefined;
  return [{ type: value ? value.dataType : DataType.FLOAT, shape, ints }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function range(input: RuleInput): Fact[] {
  const {
    inputs: [start = NOTHING, limit = NOTHING, step = NOTHING],
    fresh,
  } = input;
  const counted = start.ints?.[0] === 0 && step.ints?.[0] === 1;
  return [{ type: start.type, shape: [(counted ? limit.ints?.[0] : undefined) ?? fresh()] }];
}
