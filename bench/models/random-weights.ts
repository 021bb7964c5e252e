// Seeded weights that keep activations at the size they have in a trained model, quickly: 400 million in seconds.
import { elementCount } from '../../dist/esm/optimize/onnx/tensor.js';
import type { WeightRole, WeightSource } from './graph-builder.js';

// Truncated at two standard deviations, as SigLIP's own initialisation.
const TRUNCATION = 2;
const TABLE_BITS = 16;

/**
 * @param layers - of the tower: the more there are, the less each adds to the residual stream
 * @returns weights that depend on their names alone
 */
export function randomWeights(layers: number): WeightSource {
  return (name, shape, role) => {
    const values = new Float32Array(elementCount(shape));
    const { mean, deviation } = distribution(role, shape, layers);
    let state = hash(name);
    for (let i = 0; i < values.length; i++) {
      // xorshift32: its high bits index the table.
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      values[i] = mean + deviation * (NORMAL[state >>> (32 - TABLE_BITS)] as number);
    }
    return values;
  };
}

function distribution(role: WeightRole, shape: readonly number[], layers: number) {
  switch (role) {
    case 'linear':
      return { mean: 0, deviation: fanIn(shape) ** -0.5 };
    case 'residual':
      return { mean: 0, deviation: ((shape[0] as number) * 2 * layers) ** -0.5 };
    case 'embedding':
      return { mean: 0, deviation: 1 };
    case 'position':
      return { mean: 0, deviation: 0.2 };
    case 'scale':
      return { mean: 1, deviation: 0.1 };
    case 'bias':
      return { mean: 0, deviation: 0.05 };
  }
}

// A filter is [out, channels, height, width]; a linear layer widens, in whichever order it is stored, or is square.
function fanIn(shape: readonly number[]): number {
  return shape.length > 2 ? elementCount(shape.slice(1)) : Math.min(...shape);
}

// Quantiles of the truncated normal distribution with deviation 1 before truncation.
const NORMAL = (() => {
  const size = 2 ** TABLE_BITS;
  const table = new Float32Array(size);
  // Walks the density in small steps and notes where each quantile is passed.
  const steps = 2 ** 20;
  const width = (2 * TRUNCATION) / steps;
  const density = (x: number) => Math.exp((-x * x) / 2);
  const place = (step: number) => -TRUNCATION + (step + 0.5) * width;
  let total = 0;
  for (let step = 0; step < steps; step++) total += density(place(step));
  let sum = 0;
  let next = 0;
  for (let step = 0; step < steps; step++) {
    sum += density(place(step));
    while (next < size && (next + 0.5) / size <= sum / total) table[next++] = place(step);
  }
  return table;
})();

// FNV-1a; never 0, where xorshift stands still.
function hash(name: string): number {
  let value = 0x811c9dc5;
  for (const character of name) value = Math.imul(value ^ (character.codePointAt(0) as number), 0x01000193);
  return value === 0 ? 1 : value;
}
