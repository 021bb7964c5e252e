// Rules of operators on integers that stand for floats.
import { DataType } from '../onnx/proto.js';
import { NOTHING, type Fact, type RuleInput } from './fact.js';
import { conv, matmul } from './product-rules.js';

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function dynamicQuantizeLinear(input: RuleInput): Fact[] {
  const { shape } = input.inputs[0] ?? NOTHING;
  return [
    { type: DataType.UINT8, shape },
    { type: DataType.FLOAT, shape: [] },
    { type: DataType.UINT8, shape: [] },
  ];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function quantizeLinear(input: RuleInput): Fact[] {
  const [x = NOTHING, , zeroPoint] = input.inputs;
  return [{ type: zeroPoint ? zeroPoint.type : DataType.UINT8, shape: x.shape }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function dequantizeLinear(input: RuleInput): Fact[] {
  const [x = NOTHING, scale = NOTHING] = input.inputs;
  return [{ type: scale.type, shape: x.shape }];
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function matMulInteger(input: RuleInput): Fact[] {
  return matmul(input).map(({ shape }) => ({ type: DataType.INT32, shape }));
}

/**
 * @param input - what is known of the inputs
 * @returns what is known of the outputs
 */
export function convInteger(input: RuleInput): Fact[] {
  return conv(input).map(({ shape }) => ({ type: DataType.INT32, shape }));
}
