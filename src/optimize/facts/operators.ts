// What each operator does to types, shapes and small integer lists. Operators that are not here tell nothing.
import { arithmetic, cast, compare, identity, isNaN, sameShape, where } from './elementwise-rules.js';
import type { Fact, RuleInput } from './fact.js';
import { attention, conv, fusedMatmul, gemm, matmul, reduce } from './product-rules.js';
import * as quantised from './quantised-rules.js';
import * as shapes from './shape-rules.js';

type Rule = (input: RuleInput) => Fact[];

const SAME_SHAPE = [
  ...[
    'Dropout',
    'Tanh',
    'Sqrt',
    'Erf',
    'Exp',
    'Neg',
    'Abs',
    'Reciprocal',
    'Sigmoid',
    'Relu',
    'Gelu',
    'Clip',
    'Floor',
  ],
  ...['Softmax', 'LayerNormalization', 'SkipLayerNormalization', 'FastGelu', 'BiasGelu', 'QuickGelu', 'Not'],
];
const ARITHMETIC = ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Mod', 'Min', 'Max'];
const COMPARISONS = ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'And', 'Or'];
const REDUCTIONS = ['ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceL2'];

function named(names: readonly string[], rule: Rule): [string, Rule][] {
  return names.map((name) => [name, rule]);
}

/** Rules by operator, of ONNX's own domain and com.microsoft's. */
export const OPERATORS = new Map<string, Rule>([
  ...named(SAME_SHAPE, sameShape),
  ...named(ARITHMETIC, arithmetic),
  ...named(COMPARISONS, compare),
  ...named(REDUCTIONS, reduce),
  ['Identity', identity],
  ['IsNaN', isNaN],
  ['Cast', cast],
  ['Where', where],
  ['Shape', shapes.shape],
  ['Gather', shapes.gather],
  ['Unsqueeze', shapes.unsqueeze],
  ['Squeeze', shapes.squeeze],
  ['Concat', shapes.concat],
  ['Slice', shapes.slice],
  ['Split', shapes.split],
  ['Reshape', shapes.reshape],
  ['Transpose', shapes.transpose],
  ['MatMul', matmul],
  ['FusedMatMul', fusedMatmul],
  ['Gemm', gemm],
  ['Conv', conv],
  ['Expand', shapes.expand],
  ['Tile', shapes.tile],
  ['ConstantOfShape', shapes.constantOfShape],
  ['Range', shapes.range],
  ['MultiHeadAttention', attention],
  ['DynamicQuantizeLinear', quantised.dynamicQuantizeLinear],
  ['QuantizeLinear', quantised.quantizeLinear],
  ['DequantizeLinear', quantised.dequantizeLinear],
  ['MatMulInteger', quantised.matMulInteger],
  ['ConvInteger', quantised.convInteger],
]);
