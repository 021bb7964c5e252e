// An ONNX Runtime session for one tower; the only file that imports onnxruntime-node.
import type * as OnnxRuntime from 'onnxruntime-node';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { VisionError, messageOf } from '../errors.js';
import { loadNative } from '../native-package.js';
import { noThread, saysNoThread } from '../no-thread.js';
import { isFloat32Array } from '../realm.js';
import { EMBEDDING_OUTPUTS } from './embedding-outputs.js';
import { fromFloat16, toFloat16 } from './float16.js';

// Plain vision transformers (ViT, DINOv2) exported without a pooler: their first token, CLS, stands for the image.
const TOKENS_OUTPUT = 'last_hidden_state';

const INPUT_TYPES = { pixel_values: ['float32', 'float16'], input_ids: ['int64'] };
// What it logs as an error it also throws: without this, each would be printed on the program's stderr as well.
const FATAL = 4;
const OTHER_EXPORT = ' Export the tower by itself, as the feature-extraction task does.';

// ONNX Runtime runs on float32 what it has no float16 kernels for, by casting; not everything, and not everywhere.
const NO_KERNEL = /NOT_IMPLEMENTED|could not find an implementation|float16/i;
const OTHER_DTYPE =
  ' If this is for want of float16, set option "dtype" to "fp32", or to another that the model has.';

function onnxRuntime(): typeof OnnxRuntime {
  return loadNative('onnxruntime-node') as typeof OnnxRuntime;
}

/** A loaded tower: one input, and of its outputs the embedding. */
export class TowerSession {
  readonly #session: InferenceSession;
  readonly #input: string;
  // What a graph of float16 gets instead of float32 pixels; filled anew in each run.
  #half: { bits: Uint16Array; tensor: Tensor } | undefined;
  /** Name of the output that holds the embedding. */
  readonly output: string;
  /** Whether the graph takes float16. */
  readonly takesFloat16: boolean;
  /** Whether the graph takes any number of rows. */
  readonly freeBatch: boolean;
  /** How many tokens the graph takes, where it takes just one number of them. */
  readonly fixedLength: number | undefined;

  private constructor(session: InferenceSession, input: string, output: string) {
    this.#session = session;
    this.#input = input;
    this.output = output;
    this.takesFloat16 = typeOf(session.inputMetadata, input) === 'float16';
    const [rows, length] = shapeOf(session.inputMetadata, input) ?? [];
    this.freeBatch = typeof rows !== 'number';
    this.fixedLength = input === 'input_ids' && typeof length === 'number' ? length : undefined;
  }

  /**
   * Opens an ONNX file.
   * @param path - the file
   * @param input - the input the tower must have and the only one it may have, `pixel_values` or `input_ids`
   * @param options - ONNX Runtime's session options
   * @returns the session
   * @throws `MODEL_INVALID` when it cannot be loaded, has other inputs, or lacks an embedding output; `NATIVE_UNAVAILABLE`
   */
  static async open(
    path: string,
    input: 'pixel_values' | 'input_ids',
    options: Record<string, unknown>,
  ): Promise<TowerSession> {
    const session = await load(path, options);
    const type = typeOf(session.inputMetadata, input);
    if (type !== undefined && !INPUT_TYPES[input].includes(type)) {
      await session.release();
      throw new VisionError(
        'MODEL_INVALID',
        `Expected input "${input}" to be ${INPUT_TYPES[input].join(' or ')} in ${path} but found ${type}.${OTHER_EXPORT}`,
      );
    }
    const output = embeddingOutput(session, input);
    if (session.inputNames.join() !== input || output === undefined) {
      const outputs = session.outputNames.map((name) => {
        const shape = shapeOf(session.outputMetadata, name);
        return shape === undefined ? name : `${name} [${shape.join(', ')}]`;
      });
      await session.release();
      throw new VisionError(
        'MODEL_INVALID',
        `Expected the one input "${input}" and a two-dimensional output ${EMBEDDING_OUTPUTS.join(', ')}` +
          `${input === 'pixel_values' ? ` (or ${TOKENS_OUTPUT} [batch, tokens, dimensions])` : ''} in ${path} but found ` +
          `inputs ${session.inputNames.join(', ')} and outputs ${outputs.join(', ')}.${OTHER_EXPORT}`,
      );
    }
    return new TowerSession(session, input, output);
  }

  /**
   * Runs the tower. One run at a time: what goes into a graph of float16 has one buffer.
   * @param tensor - one row an image or text; float32 pixels are rounded to float16 where the graph wants that
   * @returns the raw embeddings, one a row
   * @throws `MODEL_INVALID` when the run fails or the output is neither float32 nor float16 with as many rows
   */
  async run(tensor: Tensor): Promise<Float32Array[]> {
    let output: Tensor | undefined;
    try {
      const feed = this.takesFloat16 && tensor.type === 'float32' ? this.#halved(tensor) : tensor;
      const results = await this.#session.run({ [this.#input]: feed }, [this.output]);
      output = results[this.output];
    } catch (cause) {
      throw new VisionError('MODEL_INVALID', `The model failed to run: ${reasonOf(cause)}`, { cause });
    }
    const rows = tensor.dims[0] as number;
    const rank = this.output === TOKENS_OUTPUT ? 3 : 2;
    const isFloat = output?.type === 'float32' || output?.type === 'float16';
    if (!output || !isFloat || output.dims.length !== rank || output.dims[0] !== rows) {
      throw new VisionError(
        'MODEL_INVALID',
        `Expected output "${this.output}" to be float32 or float16 ` +
          `[${rows}, ${rank === 3 ? 'tokens, ' : ''}dimensions] but found ` +
          `${output?.type ?? 'nothing'} [${output?.dims.join(', ') ?? ''}].`,
      );
    }
    const data = output.type === 'float32' ? (output.data as Float32Array) : bitsOf(output);
    const dimensions = output.dims[rank - 1] as number;
    // In a row of tokens the first one is the embedding.
    return Array.from({ length: rows }, (_, row) => {
      const start = (row * data.length) / rows;
      const embedding = data.subarray(start, start + dimensions);
      return isFloat32Array(embedding) ? embedding : fromFloat16(embedding);
    });
  }

  #halved(tensor: Tensor): Tensor {
    const pixels = tensor.data as Float32Array;
    if (this.#half?.tensor.dims.join() !== tensor.dims.join()) {
      const bits = new Uint16Array(pixels.length);
      const half = new (onnxRuntime().Tensor)('uint16', bits, tensor.dims);
      // Where there is a Float16Array, a tensor of float16 would have one, and the native side of onnxruntime-node 1.30 sees no
      // bytes in that.
      Object.defineProperty(half, 'type', { value: 'float16' });
      this.#half = { bits, tensor: half };
    }
    const { bits, tensor: halved } = this.#half;
    toFloat16(pixels, bits);
    return halved;
  }

  /** Frees the native session; it must not be used afterwards. */
  async release(): Promise<void> {
    await this.#session.release();
  }
}

/** A graph of one image, of which any float32 outputs can be asked for: what calibration looks at. */
export class ObservedSession {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  /**
   * Opens an ONNX file.
   * @param path - the file
   * @param options - ONNX Runtime's session options
   * @returns the session
   * @throws `MODEL_INVALID` when it cannot be loaded; `NATIVE_UNAVAILABLE`
   */
  static async open(path: string, options: Record<string, unknown>): Promise<ObservedSession> {
    return new ObservedSession(await load(path, options));
  }

  /**
   * Runs the graph.
   * @param pixels - what goes into `pixel_values`
   * @param outputs - names of float32 outputs
   * @returns their values, by name
   * @throws `MODEL_INVALID` when the run fails or an output is not float32
   */
  async run(pixels: Tensor, outputs: readonly string[]): Promise<Map<string, Float32Array>> {
    let results: InferenceSession.OnnxValueMapType;
    try {
      results = await this.#session.run({ pixel_values: pixels }, [...outputs]);
    } catch (cause) {
      throw new VisionError('MODEL_INVALID', `The model failed to run: ${messageOf(cause)}`, { cause });
    }
    return new Map(
      outputs.map((name) => {
        const data = results[name]?.data;
        if (isFloat32Array(data)) return [name, data];
        throw new VisionError(
          'MODEL_INVALID',
          `Expected float32 in output "${name}" but found another type.`,
        );
      }),
    );
  }

  /** Frees the native session; it must not be used afterwards. */
  async release(): Promise<void> {
    await this.#session.release();
  }
}

async function load(path: string, options: Record<string, unknown>): Promise<InferenceSession> {
  const { InferenceSession } = onnxRuntime();
  try {
    return await InferenceSession.create(path, { logSeverityLevel: FATAL, ...options });
  } catch (cause) {
    if (saysNoThread(cause)) throw noThread('The threads of an ONNX Runtime session', cause);
    throw new VisionError('MODEL_INVALID', `ONNX Runtime cannot load ${path}: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

function reasonOf(cause: unknown): string {
  const message = messageOf(cause);
  return NO_KERNEL.test(message) ? `${message}${OTHER_DTYPE}` : message;
}

// A Uint16Array on Node 20, a Float16Array where there is one.
function bitsOf({ data }: Tensor): Uint16Array {
  const { buffer, byteOffset, length } = data as Uint16Array;
  return new Uint16Array(buffer, byteOffset, length);
}

// Graphs may leave the shape of an output open; then the first run tells.
function embeddingOutput(session: InferenceSession, input: string): string | undefined {
  const hasRank = (name: string, rank: number) => {
    const shape = shapeOf(session.outputMetadata, name);
    return session.outputNames.includes(name) && (shape === undefined || shape.length === rank);
  };
  const pooled = EMBEDDING_OUTPUTS.find((name) => hasRank(name, 2));
  return pooled ?? (input === 'pixel_values' && hasRank(TOKENS_OUTPUT, 3) ? TOKENS_OUTPUT : undefined);
}

function typeOf(metadata: readonly InferenceSession.ValueMetadata[], wanted: string): string | undefined {
  const found = metadata.find(({ name }) => name === wanted);
  return found?.isTensor ? found.type : undefined;
}

function shapeOf(
  metadata: readonly InferenceSession.ValueMetadata[],
  wanted: string,
): readonly (number | string)[] | undefined {
  const found = metadata.find(({ name }) => name === wanted);
  return found?.isTensor && found.shape.length > 0 ? found.shape : undefined;
}

/**
 * A float32 image tensor over a buffer of the caller's, not copied: what is written there is what the next run reads.
 * @param pixels - `3 * height * width` values
 * @param height - rows
 * @param width - pixels in a row
 * @returns a tensor of shape `[1, 3, height, width]`
 */
export function imageTensor(pixels: Float32Array, height: number, width: number): Tensor {
  return new (onnxRuntime().Tensor)('float32', pixels, [1, 3, height, width]);
}

/**
 * An int64 tensor of token ids.
 * @param rows - token ids of each text, all of one length
 * @returns a tensor of shape `[rows.length, rows[0].length]`
 */
export function tokenTensor(rows: readonly (readonly number[])[]): Tensor {
  const length = rows[0]?.length ?? 0;
  return new (onnxRuntime().Tensor)('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, length]);
}

/**
 * How a saved graph is opened: it is optimised already, and every rewriting would copy weights that are mapped now.
 * @param options - those that it was saved with
 * @returns options for {@link TowerSession.open}
 */
export function preparedOptions(options: Record<string, unknown>): Record<string, unknown> {
  return { ...options, graphOptimizationLevel: 'disabled' };
}
