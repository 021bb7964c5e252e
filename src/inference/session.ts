// An ONNX Runtime session for one tower; the only file that imports onnxruntime-node.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { VisionError, messageOf } from '../errors.js';

// What exporters call the embedding, best first. Plain SigLIP vision graphs also put out last_hidden_state, which is
// never asked for: it would be a copy of up to 3.4 MB for nothing.
const EMBEDDING_OUTPUTS = ['image_embeds', 'text_embeds', 'pooler_output'];

/** A loaded tower: one input, and of its outputs the embedding. */
export class TowerSession {
  readonly #session: InferenceSession;
  readonly #input: string;
  readonly #output: string;

  private constructor(session: InferenceSession, input: string, output: string) {
    this.#session = session;
    this.#input = input;
    this.#output = output;
  }

  /**
   * Opens an ONNX file.
   * @param path - the file
   * @param input - the input the tower must have, `pixel_values` or `input_ids`
   * @param options - ONNX Runtime's session options
   * @returns the session
   * @throws `MODEL_INVALID` when it cannot be loaded or lacks the input or an embedding output
   */
  static async open(path: string, input: string, options: Record<string, unknown>): Promise<TowerSession> {
    let session: InferenceSession;
    try {
      session = await InferenceSession.create(path, options);
    } catch (cause) {
      throw new VisionError('MODEL_INVALID', `ONNX Runtime cannot load ${path}: ${messageOf(cause)}`, {
        cause,
      });
    }
    const output = EMBEDDING_OUTPUTS.find((name) => session.outputNames.includes(name));
    if (!session.inputNames.includes(input) || output === undefined) {
      throw new VisionError(
        'MODEL_INVALID',
        `Expected input "${input}" and one of the outputs ${EMBEDDING_OUTPUTS.join(', ')} in ${path} but found ` +
          `inputs ${session.inputNames.join(', ')} and outputs ${session.outputNames.join(', ')}.`,
      );
    }
    return new TowerSession(session, input, output);
  }

  /**
   * Runs the tower on one tensor.
   * @param tensor - batch of one
   * @returns the raw embedding; a copy that the caller owns
   * @throws `MODEL_INVALID` when the run fails or the output is not one row of float32
   */
  async run(tensor: Tensor): Promise<Float32Array> {
    let output: Tensor | undefined;
    try {
      const results = await this.#session.run({ [this.#input]: tensor }, [this.#output]);
      output = results[this.#output];
    } catch (cause) {
      throw new VisionError('MODEL_INVALID', `The model failed to run: ${messageOf(cause)}`, { cause });
    }
    if (output?.type !== 'float32' || output.dims.length !== 2 || output.dims[0] !== 1) {
      throw new VisionError(
        'MODEL_INVALID',
        `Expected output "${this.#output}" to be float32 [1, dimensions] but found ` +
          `${output?.type ?? 'nothing'} [${output?.dims.join(', ') ?? ''}].`,
      );
    }
    return output.data as Float32Array;
  }

  /** Frees the native session; it must not be used afterwards. */
  async release(): Promise<void> {
    await this.#session.release();
  }
}

/**
 * A float32 image tensor over a buffer of the caller's, not copied: what is written there is what the next run reads.
 * @param pixels - `3 * height * width` values
 * @param height - rows
 * @param width - pixels in a row
 * @returns a tensor of shape `[1, 3, height, width]`
 */
export function imageTensor(pixels: Float32Array, height: number, width: number): Tensor {
  return new Tensor('float32', pixels, [1, 3, height, width]);
}

/**
 * An int64 tensor of token ids.
 * @param ids - token ids
 * @returns a tensor of shape `[1, ids.length]`
 */
export function tokenTensor(ids: readonly number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);
}

/**
 * How a saved graph is opened: it is optimised already, and every rewriting would copy weights that are mapped now.
 * @param options - those that it was saved with
 * @returns options for {@link TowerSession.open}
 */
export function preparedOptions(options: Record<string, unknown>): Record<string, unknown> {
  return { ...options, graphOptimizationLevel: 'disabled' };
}
