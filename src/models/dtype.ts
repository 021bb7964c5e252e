// The precisions a hub repository may hold, and the names that its files have for them.

/** Suffix of the graph's file name by dtype; transformers.js uses the same names. */
export const DTYPE_SUFFIXES = {
  fp32: '',
  fp16: '_fp16',
  int8: '_int8',
  uint8: '_uint8',
  q8: '_quantized',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
} as const;

/** Precision of a model's weights. */
export type Dtype = keyof typeof DTYPE_SUFFIXES;

/** All of them, the exact one first. */
export const DTYPES = Object.keys(DTYPE_SUFFIXES) as Dtype[];

// What is not reduced to integers, whose scales are those of a whole batch.
const FLOATS: readonly string[] = ['fp32', 'fp16'] satisfies Dtype[];
const QUANTISED_SUFFIXES = DTYPES.filter((dtype) => !FLOATS.includes(dtype)).map((dtype) => DTYPE_SUFFIXES[dtype]);

/**
 * Whether a graph's weights are quantised, as far as names tell: one that the caller names has the dtype `fp32` unless
 * the caller says another.
 * @param dtype - the model's precision
 * @param file - name of the graph's file
 * @returns whether its results may depend on what else is in the batch
 */
export function isQuantised(dtype: string, file: string): boolean {
  return !FLOATS.includes(dtype) || QUANTISED_SUFFIXES.some((suffix) => file.toLowerCase().includes(suffix));
}

/**
 * Name of a graph in a precision.
 * @param stem - such as `vision_model`
 * @param dtype - the precision
 * @returns such as `vision_model_quantized.onnx`
 */
export function graphFile(stem: string, dtype: Dtype): string {
  return `${stem}${DTYPE_SUFFIXES[dtype]}.onnx`;
}
