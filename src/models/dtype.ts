// The precisions a model can be asked for in: those a hub repository may hold as files, and those made on this machine.

/** Suffix of the graph's file name by dtype; but for `hub-int8`, transformers.js uses the same names. */
export const DTYPE_SUFFIXES = {
  fp32: '',
  fp16: '_fp16',
  'hub-int8': '_int8',
  uint8: '_uint8',
  q8: '_quantized',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
} as const;

/** Precision of the weights in a file. */
export type FileDtype = keyof typeof DTYPE_SUFFIXES;

/**
 * Precision of a model's weights. `int8` is made on this machine from the float32 files, and checked against them;
 * `auto` is `int8` where that pays and is accurate, else `fp32`; all others are files of the model.
 */
export type Dtype = FileDtype | 'int8' | 'auto';

/** Precisions that are files, the exact one first. */
export const FILE_DTYPES = Object.keys(DTYPE_SUFFIXES) as FileDtype[];
/** All of them. */
export const DTYPES: readonly Dtype[] = [...FILE_DTYPES, 'int8', 'auto'];

/**
 * Which files a precision is read from or made of.
 * @param dtype - what is asked for
 * @returns the files' precision; undefined when nothing is asked for
 */
export function fileDtype(dtype: Dtype | undefined): FileDtype | undefined {
  return dtype === 'int8' || dtype === 'auto' ? 'fp32' : dtype;
}

// What is not reduced to integers, whose scales are those of a whole batch.
const FLOATS: readonly string[] = ['fp32', 'fp16'] satisfies FileDtype[];
const QUANTISED_SUFFIXES = FILE_DTYPES.filter((dtype) => !FLOATS.includes(dtype)).map((dtype) => DTYPE_SUFFIXES[dtype]);

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
export function graphFile(stem: string, dtype: FileDtype): string {
  return `${stem}${DTYPE_SUFFIXES[dtype]}.onnx`;
}
