// A text tower at work: tokenizer and session together, and which texts share a run.
import { VisionError } from '../errors.js';
import { TEXT_BATCH, type PreparedGraph, type TextTower } from '../pool/protocol.js';
import { openTower } from './open-tower.js';
import { tokenTensor, type TowerSession } from './session.js';
import { TextEncoder } from './tokenizer.js';

/** Turns texts into the model's raw vectors. The same text always gives the same bits, whatever it came with. */
export class TextEmbedder {
  readonly #session: TowerSession;
  readonly #encoder: TextEncoder;
  #batching: 'unproven' | 'proven' | 'off';
  /** Whether the weights are those of the prepared form. */
  readonly shared: boolean;

  private constructor(session: TowerSession, shared: boolean, encoder: TextEncoder, mayBatch: boolean) {
    this.#session = session;
    this.shared = shared;
    this.#encoder = encoder;
    this.#batching = mayBatch ? 'unproven' : 'off';
  }

  /**
   * Opens the tokenizer and the session of a text tower.
   * @param tower - its files and rules
   * @param options - ONNX Runtime's session options
   * @param prepared - the prepared form of its graph, if there is one
   * @returns the embedder
   * @throws `MODEL_INVALID`
   */
  static async open(
    tower: TextTower,
    options: Record<string, unknown>,
    prepared?: PreparedGraph,
  ): Promise<TextEmbedder> {
    // A session is opened in a thread of its own, so building the tokenizer meanwhile costs no time.
    const opening = openTower(tower.model, prepared, 'input_ids', options);
    let encoder: TextEncoder;
    try {
      encoder = new TextEncoder(tower);
    } catch (error) {
      await opening.then(
        (unused) => unused.session.release(),
        () => undefined,
      );
      throw error;
    }
    const { session, shared } = await opening;
    // Texts that are not filled up have different lengths and fit into no common tensor.
    const mayBatch = tower.batch && tower.padId !== undefined && session.freeBatch;
    return new TextEmbedder(session, shared, encoder, mayBatch);
  }

  /**
   * Embeds texts: {@link TEXT_BATCH} in a run where that is allowed, what is left over one by one.
   * @param texts - any number
   * @returns one vector a text, not normalised; or why that text has none, which does not harm the others
   * @throws `MODEL_INVALID` when a run fails
   */
  async embed(texts: readonly string[]): Promise<(Float32Array | VisionError)[]> {
    const encoded = texts.map((text) => this.#encode(text));
    const vectors = await this.#embedRows(
      encoded.filter((row): row is number[] => !(row instanceof VisionError)),
    );
    let next = 0;
    return encoded.map((row) => (row instanceof VisionError ? row : (vectors[next++] as Float32Array)));
  }

  /** Frees the session. */
  async release(): Promise<void> {
    await this.#session.release();
  }

  #encode(text: string): number[] | VisionError {
    try {
      return this.#encoder.encode(text);
    } catch (error) {
      if (error instanceof VisionError) return error;
      throw error;
    }
  }

  async #embedRows(rows: readonly number[][]): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    while (vectors.length < rows.length) {
      const next = rows.slice(vectors.length, vectors.length + TEXT_BATCH);
      const together = next.length === TEXT_BATCH ? await this.#together(next) : undefined;
      vectors.push(...(together ?? (await this.#session.run(tokenTensor(next.slice(0, 1))))));
    }
    return vectors;
  }

  // ONNX Runtime may choose other kernels for more rows, and nothing promises that they round alike; on the machines
  // measured they do. So the first batch of a session is the proof for this one: its second row, which lies where a
  // lone text never does, has to be the same to the bit on its own.
  async #together(rows: readonly number[][]): Promise<Float32Array[] | undefined> {
    if (this.#batching === 'off') return undefined;
    const vectors = await this.#session.run(tokenTensor(rows));
    if (this.#batching === 'unproven') {
      const [alone] = await this.#session.run(tokenTensor(rows.slice(1, 2)));
      this.#batching = sameBits(alone as Float32Array, vectors[1] as Float32Array) ? 'proven' : 'off';
      if (this.#batching === 'off') return undefined;
    }
    return vectors;
  }
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}
