// Rules of operators that work element by element, with numpy's broadcasting.
import { intAttribute } from '../onnx/attributes.js';
import { DataType } from '../onnx/proto.js';
import { complete } from './common.js';
import { broadcast, divide, multiply, type Dim } from './dims.js';
import { NOTHING, type Fact, type RuleInput } from './fact.js';

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function sameShape(input: RuleInput): Fact[] {
  const {
    inputs: [x = NOTHING],
  } = input;
  return [{ type: x.type, shape: x.shape }];
}

/**
 * @param input - what is known of the inputs
 * @returns the same of the output
 */
export function identity(input: RuleInput): Fact[] {
  return [input.inputs[0] ?? NOTHING];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function isNaN(input: RuleInput): Fact[] {
  return [{ type: DataType.BOOL, shape: input.inputs[0]?.shape }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function cast(input: RuleInput): Fact[] {
  const {
    node,
    inputs: [x = NOTHING],
  } = input;
  const to = intAttribute(node, 'to', 0);
  const whole: number[] = [DataType.INT64, DataType.INT32];
  return [{ type: to, shape: x.shape, ints: whole.includes(to) ? x.ints : undefined }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function arithmetic(input: RuleInput): Fact[] {
  const { node, inputs, fresh } = input;
  const [a = NOTHING, b = NOTHING] = inputs;
  const shape = stretched(inputs, fresh);
  const { opType } = node;
  const ints =
    inputs.length === 2
      ? elementwise([a, b], shape, ([x, y]) => compute(opType, x as Dim, y as Dim))
      : undefined;
  return [{ type: a.type ?? b.type, shape, ints }];
}

function compute(opType: string, x: Dim, y: Dim): Dim | undefined {
  if (opType === 'Mul') return multiply([x, y]);
  if (opType === 'Div' && x !== 0) return divide(x, y);
  if (typeof x !== 'number' || typeof y !== 'number') return undefined;
  if (opType === 'Add') return x + y;
  if (opType === 'Sub') return x - y;
  return opType === 'Mod' && x >= 0 && y > 0 ? x % y : undefined;
}

// Truth is 1 and 0 here.
/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function compare(input: RuleInput): Fact[] {
  const { node, inputs, fresh } = input;
  const shape = stretched(inputs, fresh);
  const equal = (x: Dim, y: Dim) => {
    if (x === y) return 1;
    const symbolic = [x, y].filter((dim) => typeof dim === 'string').length;
    // A size is never negative, so it is not the -1 that stands for "whatever is left".
    if (symbolic === 0 || (symbolic === 1 && [x, y].includes(-1))) return 0;
    return undefined;
  };
  const ints =
    node.opType === 'Equal' ? elementwise(inputs, shape, ([x, y]) => equal(x as Dim, y as Dim)) : undefined;
  return [{ type: DataType.BOOL, shape, ints }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function where(input: RuleInput): Fact[] {
  const { inputs, fresh } = input;
  const shape = stretched(inputs, fresh);
  return [
    {
      type: inputs[1]?.type,
      shape,
      ints: elementwise(inputs, shape, ([c, x, y]) => (c === 1 ? x : c === 0 ? y : undefined)),
    },
  ];
}

function elementwise(
  inputs: readonly Fact[],
  shape: readonly Dim[] | undefined,
  apply: (elements: readonly Dim[]) => Dim | undefined,
): Dim[] | undefined {
  const lists = complete(inputs.map(({ ints }) => ints));
  const count = shape && shape.length <= 1 ? multiply(shape) : undefined;
  if (!lists || typeof count !== 'number') return undefined;
  return complete(
    Array.from({ length: count }, (_, i) => {
      const elements = complete(lists.map((list) => list[list.length === 1 ? 0 : i]));
      return elements && apply(elements);
    }),
  );
}

function stretched(facts: readonly Fact[], fresh: () => Dim): Dim[] | undefined {
  return facts.reduce<Dim[] | undefined>(
    (shape, fact) => (shape && fact.shape ? broadcast(shape, fact.shape, fresh) : undefined),
    [],
  );
}
