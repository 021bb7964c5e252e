// Reads the scale and the bias of the logits out of a graph of both towers, where exporters leave them as constants.
import { VisionError } from '../errors.js';
import { attribute } from './onnx/attributes.js';
import type { OnnxModel } from './onnx/model.js';
import type { NodeProto, TensorProto } from './onnx/proto.js';
import { readModel } from './onnx/read.js';
import { elementCount, floatValues, shapeOf } from './onnx/tensor.js';

const OUTPUTS = ['logits_per_image', 'logits_per_text'];
// They only move values about.
const MOVES = new Set(['Transpose', 'Identity', 'Cast', 'Reshape']);

/**
 * Reads the two numbers of `logits = scale * cosine + bias`.
 * @param path - the graph
 * @returns the multiplier itself and the bias
 * @throws `MODEL_INVALID`, `MODEL_NOT_FOUND`; `ZERO_SHOT_UNSUPPORTED` for a graph whose logits are made in another way
 */
export async function readGraphLogits(path: string): Promise<{ scale: number; bias: number }> {
  const model = await readModel(path);
  const graph = new Constants(model);
  for (const output of OUTPUTS) {
    const sum = graph.producer(output);
    if (sum?.opType !== 'Add') continue;
    const bias = graph.constantOf(sum);
    const product = bias && graph.producer(bias.other);
    const scale = product?.opType === 'Mul' ? graph.constantOf(product) : undefined;
    if (bias !== undefined && scale !== undefined) return { scale: scale.value, bias: bias.value };
  }
  throw new VisionError(
    'ZERO_SHOT_UNSUPPORTED',
    `Expected logits_per_image = Add(Mul(cosine, scale), bias) with constants in ${path} but found another graph.`,
  );
}

/** Looks up which node makes a value, and which values are constants of one element. */
class Constants {
  readonly #model: OnnxModel;
  readonly #producers = new Map<string, NodeProto>();
  readonly #initializers = new Map<string, TensorProto>();

  constructor(model: OnnxModel) {
    this.#model = model;
    for (const node of model.graph.node) for (const name of node.output) this.#producers.set(name, node);
    for (const tensor of model.graph.initializer) this.#initializers.set(tensor.name, tensor);
  }

  // The node that computes a value, whatever moves it on the way.
  producer(name: string): NodeProto | undefined {
    const node = this.#producers.get(name);
    const [source] = node?.input ?? [];
    return node && MOVES.has(node.opType) && source !== undefined ? this.producer(source) : node;
  }

  // Of two operands the one that is constant, and the name of the other.
  constantOf({ input: [a, b] }: NodeProto): { value: number; other: string } | undefined {
    if (a === undefined || b === undefined) return undefined;
    const [left, right] = [this.#value(a), this.#value(b)];
    if (right !== undefined && left === undefined) return { value: right, other: a };
    return left !== undefined && right === undefined ? { value: left, other: b } : undefined;
  }

  #value(name: string): number | undefined {
    const tensor = this.#initializers.get(name);
    if (tensor !== undefined) return this.#scalar(tensor);
    const node = this.#producers.get(name);
    const [source] = node?.input ?? [];
    if (node?.opType === 'Constant') {
      const value = attribute(node, 'value')?.t;
      return value && this.#scalar(value);
    }
    if (node === undefined || source === undefined) return undefined;
    if (MOVES.has(node.opType)) return this.#value(source);
    if (node.opType !== 'Exp') return undefined;
    const exponent = this.#value(source);
    return exponent === undefined ? undefined : Math.exp(exponent);
  }

  #scalar(tensor: TensorProto): number | undefined {
    return elementCount(shapeOf(tensor)) === 1 ? floatValues(this.#model, tensor)[0] : undefined;
  }
}
