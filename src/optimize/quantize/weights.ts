// Weights as signed bytes: symmetric, one scale for each output channel.

/** A matrix as it lies in the model. */
export interface Matrix {
  /** `inputs * outputs` numbers. */
  values: Float32Array;
  inputs: number;
  outputs: number;
  /** Stored as `[outputs, inputs]`, not `[inputs, outputs]`. */
  transposed: boolean;
}

/** Factors by which a matrix is multiplied before it is rounded; undefined: by 1. */
export interface Scaling {
  /** One for each row: positive. */
  inputs?: Float32Array;
  /** One for each column: positive. */
  outputs?: Float32Array;
}

/** `[inputs, outputs]` bytes; the weight of row i and column j is about `values[i * outputs + j] * scales[j]`. */
export interface ByteWeight {
  /** -127 to 127. */
  values: Int8Array;
  /** One for each output. */
  scales: Float32Array;
}

const LARGEST = 127;
// Smaller scales lose precision, or are 0: such a channel is as good as 0 itself.
const SMALLEST_SCALE = 2 ** -126;

/**
 * Rounds a weight to bytes. The largest of each column becomes 127 or -127, so a weight is off by at most half of its
 * column's scale.
 * @param matrix - the weight; only finite numbers
 * @param scaling - is applied first
 * @returns the bytes, or undefined when a number is not finite
 */
export function roundWeight(matrix: Matrix, scaling: Scaling = {}): ByteWeight | undefined {
  const { values, inputs, outputs } = matrix;
  const [inputStep, outputStep] = stepsOf(matrix);
  const scales = Float32Array.from(channelMaxima(matrix, 'outputs', scaling), (size) => size / LARGEST);
  if (!scales.every(Number.isFinite)) return undefined;

  const bytes = new Int8Array(inputs * outputs);
  const inverse = Float64Array.from(scales, (scale, j) =>
    scale < SMALLEST_SCALE ? 0 : (scaling.outputs?.[j] ?? 1) / scale,
  );
  for (let i = 0; i < inputs; i++) {
    const factor = scaling.inputs?.[i] ?? 1;
    for (let j = 0; j < outputs; j++) {
      const value = (values[i * inputStep + j * outputStep] as number) * factor;
      bytes[i * outputs + j] = nearest(value * (inverse[j] as number));
    }
  }
  return { values: bytes, scales: scales.map((scale) => (scale < SMALLEST_SCALE ? 1 : scale)) };
}

/**
 * The largest magnitude in each row or column.
 * @param matrix - the weight
 * @param side - rows (`inputs`) or columns (`outputs`)
 * @param scaling - is applied first
 * @returns one number for each; not finite where one of the weights is not
 */
export function channelMaxima(
  matrix: Matrix,
  side: 'inputs' | 'outputs',
  scaling: Scaling = {},
): Float64Array {
  const { values, inputs, outputs } = matrix;
  const [inputStep, outputStep] = stepsOf(matrix);
  const largest = new Float64Array(matrix[side]);
  for (let i = 0; i < inputs; i++) {
    const factor = scaling.inputs?.[i] ?? 1;
    for (let j = 0; j < outputs; j++) {
      const at = side === 'inputs' ? i : j;
      const value = (values[i * inputStep + j * outputStep] as number) * factor * (scaling.outputs?.[j] ?? 1);
      const size = Math.abs(value);
      // Written so that NaN is kept once it is there.
      if (!(size <= (largest[at] as number)) && !Number.isNaN(largest[at])) largest[at] = size;
    }
  }
  return largest;
}

/**
 * Multiplies a weight that stays as it is otherwise.
 * @param matrix - the weight
 * @param scaling - the factors
 * @returns the product, stored the same way
 */
export function scaleWeight(matrix: Matrix, scaling: Scaling): Float32Array {
  const { values, inputs, outputs } = matrix;
  const [inputStep, outputStep] = stepsOf(matrix);
  const scaled = new Float32Array(values.length);
  for (let i = 0; i < inputs; i++) {
    const factor = scaling.inputs?.[i] ?? 1;
    for (let j = 0; j < outputs; j++) {
      const at = i * inputStep + j * outputStep;
      scaled[at] = (values[at] as number) * factor * (scaling.outputs?.[j] ?? 1);
    }
  }
  return scaled;
}

// As Math.round, whose branch the CPU guesses wrong half of the time: four times as fast over random numbers.
function nearest(value: number): number {
  return ((value + LARGEST + 1.5) | 0) - LARGEST - 1;
}

function stepsOf({ inputs, outputs, transposed }: Matrix): [inputStep: number, outputStep: number] {
  return transposed ? [1, inputs] : [outputs, 1];
}
