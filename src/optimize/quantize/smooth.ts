// SmoothQuant: activations lose their outliers to the weights, which have a scale for each column to bear them.
import { VisionError } from '../../errors.js';
import type { Graph } from '../graph.js';
import { DataType } from '../onnx/proto.js';
import { floatValues, shapeOf } from '../onnx/tensor.js';
import { ChannelFolder, countUses, type Fold } from './fold.js';
import type { Product } from './layers.js';
import { channelMaxima, scaleWeight, type Scaling } from './weights.js';

/** By the name of a layer: the largest magnitude of each of its inputs' channels, over all calibration images. */
export type ActivationStats = Readonly<Record<string, Float32Array>>;

/** How outliers are smoothed. */
export interface Smoothing {
  /** Layers without stats are left as they are. */
  stats: ActivationStats;
  /** How much of the activations' spread goes into the weights: 0 to 1, 0.5 shares it evenly. */
  alpha: number;
}

/** Layers that take the same activation, which was smoothed. */
export interface SmoothedGroup {
  layers: string[];
  /** Name of the node that the factors were folded into. */
  into: string;
}

/** What {@link smooth} decided. */
export interface Smoothed {
  groups: SmoothedGroup[];
  /** By the name of a layer: by what its weight must be multiplied, for the graph to be right again. */
  scalings: Map<string, Scaling>;
  /**
   * By the name of an activation that had to be evened out and had nothing to fold factors into: the factors, by which
   * a copy of it is to be divided in every run, and the rows of the weights of its quantised layers to be multiplied.
   */
  divisors: Map<string, Float32Array>;
}

// A channel that was dark in the calibration images may not be so in others: its activations are not blown up for it.
const LEAST_SHARE = 0.01;
const FACTOR_RANGE = 1e5;

/**
 * Divides activations by a factor for each channel, `max|x|^alpha / max|w|^(1 - alpha)`, folded into the norm or layer
 * that makes them. Done where every user of the activation is a layer, so that the rows of their weights make up for it.
 * Source: Xiao et al., SmoothQuant, arXiv:2211.10438.
 * @param graph - is edited: the folded vectors, but no weights
 * @param products - all layers of the graph
 * @param keep - names of layers that stay in float32: an activation that feeds no other is left alone
 * @param even - names of layers whose activations must lose their outliers, folded or not
 * @param smoothing - how
 * @returns what the weights must be multiplied by
 * @throws `INVALID_ARGUMENT` when stats do not fit their layer
 */
export function smooth(
  graph: Graph,
  products: readonly Product[],
  keep: ReadonlySet<string>,
  even: ReadonlySet<string>,
  smoothing: Smoothing,
): Smoothed {
  const groups = new Map<string, Product[]>();
  for (const product of products)
    groups.set(product.activation, [...(groups.get(product.activation) ?? []), product]);
  const folder = new ChannelFolder(graph, products);
  const scalings = new Map<string, Scaling>();
  const divisors = new Map<string, Float32Array>();
  const done: SmoothedGroup[] = [];
  // Backwards: the columns of a weight are scaled for the layer after it before its rows are looked at.
  for (const [activation, layers] of [...groups].reverse()) {
    const quantized = layers.filter(({ name }) => !keep.has(name));
    const stats = quantized.length > 0 && haveOwnWeights(graph, layers) && statsOf(layers, smoothing.stats);
    if (!stats) continue;
    const fold = isOnlyFor(graph, activation, layers) ? folder.find(activation, stats.length) : undefined;
    if (!fold) {
      if (quantized.some(({ name }) => even.has(name)))
        divisors.set(activation, factorsOf(graph, quantized, stats, smoothing.alpha, scalings));
      continue;
    }
    const factors = factorsOf(graph, layers, stats, smoothing.alpha, scalings);
    const inverse = factors.map((factor) => 1 / factor);
    folder.scale(fold, inverse);
    addScaling(scalings, fold, inverse);
    for (const { name } of layers) scalings.set(name, { ...scalings.get(name), inputs: factors });
    done.push({ layers: layers.map(({ name }) => name), into: fold.into });
  }
  return { groups: done.reverse(), scalings, divisors };
}

/**
 * Multiplies the weights of layers that are not quantised.
 * @param graph - is edited
 * @param products - the layers; their weights are used nowhere else
 * @param scalings - by the names of layers
 */
export function scaleWeights(
  graph: Graph,
  products: readonly Product[],
  scalings: ReadonlyMap<string, Scaling>,
): void {
  for (const product of products) {
    const scaling = scalings.get(product.name);
    if (!scaling) continue;
    const { node, weight, weightName } = product;
    const scaled = scaleWeight(matrixOf(graph, product), scaling);
    const name = graph.addConstant(`${weightName}_smoothed`, DataType.FLOAT, shapeOf(weight), scaled);
    graph.setInput(node, 1, name);
  }
}

/**
 * @param graph - the layer's
 * @param product - the layer
 * @returns its weight
 */
export function matrixOf(graph: Graph, { weight, inputs, outputs, transposed }: Product) {
  return { values: floatValues(graph.model, weight), inputs, outputs, transposed };
}

// Nobody else may see that the activation changes.
function isOnlyFor(graph: Graph, activation: string, layers: readonly Product[]): boolean {
  return !graph.isExposed(activation) && countUses(graph, activation) === layers.length;
}

function haveOwnWeights(graph: Graph, layers: readonly Product[]): boolean {
  return layers.every(({ weightName }) => countUses(graph, weightName) === 1 && !graph.isExposed(weightName));
}

function statsOf(layers: readonly Product[], stats: ActivationStats): Float32Array | undefined {
  const known = layers.find(({ name }) => Object.hasOwn(stats, name));
  const found = known && stats[known.name];
  if (!found) return undefined;
  if (found.length === known.inputs && found.every((value) => value >= 0 && value < Infinity)) return found;
  throw new VisionError(
    'INVALID_ARGUMENT',
    `Expected ${known.inputs} finite magnitudes as the stats of the layer "${known.name}" but received ` +
      `${found.length}, ${Math.min(...found)} to ${Math.max(...found)}.`,
  );
}

function factorsOf(
  graph: Graph,
  layers: readonly Product[],
  stats: Float32Array,
  alpha: number,
  scalings: ReadonlyMap<string, Scaling>,
): Float32Array {
  const maxima = layers.map((product) =>
    channelMaxima(matrixOf(graph, product), 'inputs', scalings.get(product.name)),
  );
  const least = (LEAST_SHARE * stats.reduce((sum, value) => sum + value, 0)) / stats.length;
  return stats.map((value, channel) => {
    const weight = Math.max(...maxima.map((ofLayer) => ofLayer[channel] as number));
    const factor = Math.max(value, least) ** alpha / weight ** (1 - alpha);
    return factor > 0 && factor < Infinity ? Math.min(Math.max(factor, 1 / FACTOR_RANGE), FACTOR_RANGE) : 1;
  });
}

function addScaling(scalings: Map<string, Scaling>, { layer }: Fold, outputs: Float32Array): void {
  if (layer) scalings.set(layer.name, { ...scalings.get(layer.name), outputs });
}
