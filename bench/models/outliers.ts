// Plants what makes plain dynamic int8 fail in trained models: channels far larger than the others of their tensor.
import type { WeightSource } from './graph-builder.js';

/**
 * Where outliers are planted. `norm`: behind the layer norms, `attention`: in the values that attention mixes; there the
 * weights that follow are made smaller by as much, so that the model computes what it did. `mlp`: between the two
 * layers of the MLP, as a constant that GELU lets through, with small weights behind it.
 */
export type OutlierPlace = 'norm' | 'attention' | 'mlp';

/** Which outliers. */
export interface Outliers {
  places: readonly OutlierPlace[];
  /** How much larger than the others. */
  factor: number;
  /** Numbers of encoder layers. Default: all. */
  layers?: readonly number[];
}

// Of about a hundred channels, one.
const EVERY = 97;

/**
 * @param weights - of a tower
 * @param outliers - to plant
 * @returns the weights with outliers
 */
export function withOutliers(weights: WeightSource, { places, factor, layers }: Outliers): WeightSource {
  const rules: [place: OutlierPlace, name: RegExp, change: (values: Float32Array, width: number) => void][] = [
    ['norm', /layer_norm[12]\.(weight|bias)$/, (values) => columns(values, values.length, factor)],
    ['norm', /([qkv]_proj|fc1)\.weight$/, (values, width) => rows(values, width, 1 / factor)],
    ['attention', /v_proj\.(weight|bias)$/, (values, width) => columns(values, width, factor)],
    ['attention', /out_proj\.weight$/, (values, width) => rows(values, width, 1 / factor)],
    ['mlp', /fc1\.bias$/, (values) => every(values.length, (j) => (values[j] = factor))],
    ['mlp', /fc2\.weight$/, (values, width) => rows(values, width, 1 / factor)],
  ];
  return (name, shape, role) => {
    const values = weights(name, shape, role);
    const layer = Number(/encoder\.layers\.(\d+)\./.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(layer) || (layers && !layers.includes(layer))) return values;
    for (const [place, pattern, change] of rules)
      if (places.includes(place) && pattern.test(name)) change(values, shape.at(-1)!);
    return values;
  };
}

function columns(values: Float32Array, width: number, factor: number): void {
  for (let row = 0; row < values.length; row += width)
    every(width, (j) => (values[row + j] = values[row + j]! * factor));
}

function rows(values: Float32Array, width: number, factor: number): void {
  every(values.length / width, (i) => {
    for (let j = 0; j < width; j++) values[i * width + j] = values[i * width + j]! * factor;
  });
}

function every(count: number, change: (channel: number) => void): void {
  for (let channel = 5; channel < count; channel += EVERY) change(channel);
}
