// GELU by tanh, in the forms that exporters write it in -> com.microsoft FastGelu, with the bias before it.
import { Facts } from '../facts/facts.js';
import { isOperator, type Graph } from '../graph.js';
import { makeNode, stringAttribute } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';
import { withoutBias } from './linear.js';
import type { PassReport } from './report.js';

interface Gelu {
  /** Makes the result. */
  last: NodeProto;
  x: string;
}

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): Hendrycks and Gimpel, "Gaussian error linear units", 2016.
const LINEAR = Math.sqrt(2 / Math.PI);
const CUBIC = LINEAR * 0.044715;
// Exporters round the constants to float32, or to the digits that someone wrote down.
const TOLERANCE = 1e-5;

/**
 * @param graph - is changed
 * @returns how many there were
 */
export function fuseGelu(graph: Graph): PassReport {
  const facts = new Facts(graph);
  const report: PassReport = { name: 'fuse-gelu', found: 0, left: [] };
  for (const node of [...graph.nodes]) {
    const whole = isOperator(node, 'Gelu') && stringAttribute(node, 'approximate', 'none') === 'tanh';
    if (!whole && !isOperator(node, 'Tanh')) continue;
    const found: Gelu | undefined = whole ? { last: node, x: node.input[0] ?? '' } : match(graph, node);
    if (found && facts.isFloat32(found.x)) {
      replace(graph, facts, found);
      report.found++;
    } else {
      report.left.push({
        node: node.name,
        why: found ? 'not known to be float32' : 'the tanh is not that of a GELU',
      });
    }
  }
  return report;
}

function replace(graph: Graph, facts: Facts, { last, x }: Gelu): void {
  const { input, bias } = withoutBias(graph, facts, x);
  graph.model.setOpset('com.microsoft', 1);
  graph.replaceNode(
    last,
    makeNode('FastGelu', {
      name: graph.uniqueName(`${last.name}/FastGelu`),
      inputs: bias === undefined ? [input] : [input, bias],
      outputs: [last.output[0] ?? ''],
      domain: 'com.microsoft',
    }),
  );
}

// From the tanh towards the result, one factor after the other, until they are 0.5, x and the bracket.
function match(graph: Graph, tanh: NodeProto): Gelu | undefined {
  const bracket = graph.onlyUserOf(tanh.output[0], 'Add');
  if (!bracket?.input.some((name) => graph.scalarOf(name) === 1)) return undefined;
  let factor = 1;
  let other: string | undefined;
  let at = bracket;
  for (;;) {
    const next = graph.onlyUserOf(at.output[0], 'Mul');
    const operand = next?.input.find((name) => name !== at.output[0]);
    if (!next || operand === undefined) return undefined;
    const scalar = graph.scalarOf(operand);
    if (scalar !== undefined) factor *= scalar;
    else if (other === undefined) other = operand;
    else return undefined;
    at = next;
    for (const [x, inner] of other === undefined ? [] : candidates(graph, other)) {
      if (near(factor * inner, 0.5) && isAngle(graph, tanh.input[0] ?? '', x)) return { last: next, x };
    }
  }
}

// The operand is x, or x times a number.
function* candidates(graph: Graph, operand: string): Generator<[x: string, factor: number]> {
  yield [operand, 1];
  const [a = '', b = ''] = graph.producerOfType(operand, 'Mul')?.input ?? [];
  const [left, right] = [graph.scalarOf(a), graph.scalarOf(b)];
  if (left !== undefined) yield [b, left];
  if (right !== undefined) yield [a, right];
}

function isAngle(graph: Graph, name: string, x: string): boolean {
  const [constant = 0, linear = 0, square = 0, cubic = 0, ...higher] = polynomial(graph, name, x) ?? [];
  return (
    near(linear, LINEAR) &&
    near(cubic, CUBIC) &&
    [constant, square, ...higher].every((coefficient) => coefficient === 0)
  );
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= TOLERANCE * Math.abs(b);
}

// A value as a polynomial of x: its coefficients, that of x^0 first; undefined when it is none.
function polynomial(graph: Graph, name: string, x: string, depth = 0): number[] | undefined {
  if (name === x) return [0, 1];
  const scalar = graph.scalarOf(name);
  if (scalar !== undefined) return [scalar];
  const node = graph.producerOf(name);
  const [a, b] = node?.input ?? [];
  // The formula is nine deep at most; anything deeper is something else.
  if (!node || a === undefined || b === undefined || depth > 10) return undefined;
  const left = polynomial(graph, a, x, depth + 1);
  const right = left && polynomial(graph, b, x, depth + 1);
  if (!right) return undefined;
  if (isOperator(node, 'Add')) {
    return Array.from(
      { length: Math.max(left.length, right.length) },
      (_, i) => (left[i] ?? 0) + (right[i] ?? 0),
    );
  }
  if (isOperator(node, 'Mul')) return times(left, right);
  const [power] = right;
  const isCube = isOperator(node, 'Pow') && right.length === 1 && (power === 2 || power === 3);
  return isCube ? Array<number[]>(power).fill(left).reduce(times) : undefined;
}

function times(a: readonly number[], b: readonly number[]): number[] {
  const product = Array<number>(a.length + b.length - 1).fill(0);
  a.forEach((x, i) => {
    b.forEach((y, j) => {
      product[i + j] = (product[i + j] as number) + x * y;
    });
  });
  return product;
}
