// Text to token ids, with the model's own tokenizer.json; the only file that imports @huggingface/tokenizers.
import { readFile } from 'node:fs/promises';
import * as tokenizers from '@huggingface/tokenizers';
import { VisionError, messageOf } from '../errors.js';
import type { TextTower } from '../pool/protocol.js';

// The package's declarations import each other without file extensions, which TypeScript cannot resolve for Node: this
// says what is used of it.
interface Tokenizer {
  encode(text: string): { ids: number[] };
}
const { Tokenizer } = tokenizers as unknown as {
  Tokenizer: new (tokenizer: object, config: object) => Tokenizer;
};

/** Encodes texts for one text tower. */
export class TextEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #maxLength: number;

  private constructor(tokenizer: Tokenizer, maxLength: number) {
    this.#tokenizer = tokenizer;
    this.#maxLength = maxLength;
  }

  /**
   * Loads the tokenizer of a text tower.
   * @param tower - its files
   * @returns the encoder
   * @throws `MODEL_INVALID` when the files cannot be read as a tokenizer
   */
  static async open(tower: TextTower): Promise<TextEncoder> {
    try {
      const [tokenizer, config] = await Promise.all([
        readJson(tower.tokenizer),
        readJson(tower.tokenizerConfig),
      ]);
      return new TextEncoder(new Tokenizer(tokenizer, config), tower.maxLength);
    } catch (cause) {
      throw new VisionError(
        'MODEL_INVALID',
        `Cannot load the tokenizer ${tower.tokenizer}: ${messageOf(cause)}`,
        {
          cause,
        },
      );
    }
  }

  /**
   * Encodes a text. A longer one loses tokens from its end, but keeps the closing special token that the model expects.
   * @param text - any text
   * @returns at most `maxLength` token ids
   */
  encode(text: string): number[] {
    const { ids } = this.#tokenizer.encode(text);
    if (ids.length <= this.#maxLength) return ids;
    const last = ids[ids.length - 1] as number;
    return [...ids.slice(0, this.#maxLength - 1), last];
  }
}

async function readJson(path: string): Promise<object> {
  return JSON.parse(await readFile(path, 'utf8')) as object;
}
