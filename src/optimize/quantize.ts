// Quantisation: layers as products of bytes, with weights rounded once and activations rounded in every run.
import { VisionError, expectedButReceived } from '../errors.js';
import { Graph } from './graph.js';
import type { OnnxModel } from './onnx/model.js';
import { IntegerProducts } from './quantize/integer-products.js';
import { productsOf, type Layer, type Product } from './quantize/layers.js';
import {
  matrixOf,
  scaleWeights,
  smooth,
  type Smoothed,
  type SmoothedGroup,
  type Smoothing,
} from './quantize/smooth.js';
import { roundWeight, type ByteWeight, type Scaling } from './quantize/weights.js';

export { withActivationOutputs, type ObservedModel } from './quantize/activations.js';
export type { Layer } from './quantize/layers.js';
export type { ActivationStats, SmoothedGroup, Smoothing } from './quantize/smooth.js';

/** What {@link quantize} does, and what not. */
export interface QuantizeOptions {
  /** Names of layers that stay in float32. Default: none. */
  keep?: ReadonlySet<string>;
  /**
   * Names of layers whose activation is evened out in every run before it is rounded; those that share it take it so as
   * well. Default: none.
   */
  even?: ReadonlySet<string>;
  /** Takes outliers out of the activations first. Default: no. */
  smoothing?: Smoothing;
}

/** What became of a layer. */
export interface LayerReport extends Layer {
  /** Of its weight in float32. */
  bytesBefore: number;
  /** Of its weight now, scales included. */
  bytesAfter: number;
}

/** What {@link quantize} did. */
export interface QuantizeReport {
  quantized: LayerReport[];
  kept: LayerReport[];
  /** How many layers take an activation that was quantised for another one already. */
  sharedQuantizations: number;
  /** Whose activations were smoothed. */
  smoothed: SmoothedGroup[];
}

// DynamicQuantizeLinear came with version 11 of ONNX's operators.
const MIN_OPSET = 11;
const FLOAT_BYTES = 4;

/**
 * @param model - is not changed
 * @returns its `MatMul` and `Gemm` of an activation and a constant float32 matrix, in the order in which they run
 */
export function quantizableLayers(model: OnnxModel): Layer[] {
  return productsOf(new Graph(model)).map(layerOf);
}

/**
 * Replaces layers by products of bytes. Weights are signed: on CPUs with VNNI (and its arm equivalent) they run twice as
 * fast as unsigned ones; on AVX2 without it sums of two products of bytes saturate at 16 bits, so such CPUs must not run
 * the model.
 * @param model - is edited in place; unchanged when this throws
 * @param options - what to leave out
 * @returns what was done
 * @throws `INVALID_ARGUMENT` when a layer that is named is not there, stats do not fit their layer, or alpha is out of its
 * range; `MODEL_INVALID` when a weight is not finite or the model's operators are too old
 */
export function quantize(model: OnnxModel, options: QuantizeOptions = {}): QuantizeReport {
  const { keep = new Set<string>(), even = new Set<string>(), smoothing } = options;
  const graph = new Graph(model);
  const products = productsOf(graph);
  refuse(model, products, options);

  const kept = products.filter(({ name }) => keep.has(name));
  const quantized = products.filter(({ name }) => !keep.has(name));
  const { groups, scalings, divisors }: Smoothed = smoothing
    ? smooth(graph, products, keep, even, smoothing)
    : { groups: [], scalings: new Map(), divisors: new Map() };
  scaleWeights(graph, kept, scalings);
  const evened = new Set(quantized.filter(({ name }) => even.has(name)).map(({ activation }) => activation));
  const integers = new IntegerProducts(graph);
  for (const product of quantized) {
    const inputs = divisors.get(product.activation);
    const scaling = { ...scalings.get(product.name), ...(inputs && { inputs }) };
    const evening = evened.has(product.activation) ? { divisors: inputs } : undefined;
    integers.replace(product, () => bytesOf(graph, product, scaling), evening);
  }
  removeUnused(graph, products);

  model.proto.graph = graph.model.graph;
  return {
    quantized: quantized.map((product) => {
      const { inputs, outputs } = product;
      return reportOf(product, inputs * outputs + outputs * FLOAT_BYTES);
    }),
    kept: kept.map((product) => reportOf(product)),
    sharedQuantizations: integers.shared,
    smoothed: groups,
  };
}

function refuse(model: OnnxModel, products: readonly Product[], options: QuantizeOptions): void {
  const { keep = [], even = [], smoothing: { alpha } = { alpha: 0 } } = options;
  if (!(alpha >= 0 && alpha <= 1))
    throw new VisionError('INVALID_ARGUMENT', expectedButReceived('alpha', 'a number from 0 to 1', alpha));
  const opset = model.opset() ?? 0;
  if (opset < MIN_OPSET) {
    throw new VisionError(
      'MODEL_INVALID',
      `Expected operators of version ${MIN_OPSET} or newer but the model uses version ${opset}: export it again.`,
    );
  }
  const names = new Set(products.map(({ name }) => name));
  for (const name of [...keep, ...even]) {
    if (names.has(name)) continue;
    throw new VisionError('INVALID_ARGUMENT', `Expected a layer of the model but received "${name}".`);
  }
}

/**
 * @param graph - the layer's
 * @param product - the layer
 * @param scaling - is applied first
 * @returns its weight in bytes
 * @throws `MODEL_INVALID` when a weight is not finite
 */
export function bytesOf(graph: Graph, product: Product, scaling?: Scaling): ByteWeight {
  const rounded = roundWeight(matrixOf(graph, product), scaling);
  if (rounded) return rounded;
  throw new VisionError(
    'MODEL_INVALID',
    `Expected finite weights in the layer "${product.name}" but found infinity or NaN: the file is damaged.`,
  );
}

// Weights in float32 that no other node uses.
function removeUnused(graph: Graph, products: readonly Product[]): void {
  const unused = new Set(
    products
      .map(({ weightName }) => weightName)
      .filter((name) => graph.usersOf(name).length === 0 && !graph.isExposed(name)),
  );
  for (const name of unused) {
    const constant = graph.producerOf(name);
    if (constant) graph.removeNode(constant);
  }
  graph.removeInitializers(unused);
}

function layerOf({ name, inputs, outputs }: Product): Layer {
  return { name, inputs, outputs };
}

function reportOf(product: Product, bytesAfter?: number): LayerReport {
  const bytesBefore = product.inputs * product.outputs * FLOAT_BYTES;
  return { ...layerOf(product), bytesBefore, bytesAfter: bytesAfter ?? bytesBefore };
}
