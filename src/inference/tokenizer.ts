// Text to token ids, with the model's own tokenizer.json; the only file that imports @huggingface/tokenizers.
import { readFile } from 'node:fs/promises';
import * as tokenizers from '@huggingface/tokenizers';
import { VisionError, messageOf } from '../errors.js';
import type { TextTower } from '../pool/protocol.js';
import { canonicalize } from './canonicalize.js';
import { SentencePiece, type UnigramJson } from './sentencepiece.js';

// The package's declarations import each other without file extensions, which TypeScript cannot resolve for Node: this
// says what is used of it.
interface Tokenizer {
  /** Applied to what lies between special tokens. */
  normalizer: ((text: string) => string) | null;
  encode(text: string): { ids: number[] };
  token_to_id(token: string): number | undefined;
}
const { Tokenizer } = tokenizers as unknown as {
  Tokenizer: new (tokenizer: object, config: object) => Tokenizer;
};

interface TokenizerConfigJson {
  eos_token?: string | { content: string } | null;
}

/** Encodes texts for one text tower. */
export class TextEncoder {
  readonly #idsOf: (text: string) => number[];
  readonly #tower: TextTower;
  readonly #eos: number | undefined;

  private constructor(idsOf: (text: string) => number[], eos: number | undefined, tower: TextTower) {
    this.#idsOf = idsOf;
    this.#eos = eos;
    this.#tower = tower;
  }

  /**
   * Loads the tokenizer of a text tower.
   * @param tower - its files
   * @returns the encoder
   * @throws `MODEL_INVALID` when the files cannot be read as a tokenizer
   */
  static async open(tower: TextTower): Promise<TextEncoder> {
    try {
      const [json, config] = await Promise.all([
        readJson<object>(tower.tokenizer),
        readJson<TokenizerConfigJson>(tower.tokenizerConfig),
      ]);
      const eos = (typeof config.eos_token === 'object' ? config.eos_token?.content : config.eos_token) ?? '';
      if (tower.canonicalization === 'siglip') {
        const pieces = new SentencePiece(json as UnigramJson, (changed) => new Tokenizer(changed, config));
        return new TextEncoder((text) => pieces.encode(text), pieces.specialId(eos), tower);
      }
      const tokenizer = new Tokenizer(json, config);
      if (tower.canonicalization === 'lowercase') {
        // Not before the special tokens are found: the reference takes "<EOS>" for five ordinary characters.
        const { normalizer } = tokenizer;
        tokenizer.normalizer = (text) => {
          const canonical = canonicalize(text, 'lowercase');
          return normalizer === null ? canonical : normalizer(canonical);
        };
      }
      return new TextEncoder((text) => tokenizer.encode(text).ids, tokenizer.token_to_id(eos), tower);
    } catch (cause) {
      throw new VisionError(
        'MODEL_INVALID',
        `Cannot load the tokenizer ${tower.tokenizer}: ${messageOf(cause)}`,
        { cause },
      );
    }
  }

  /**
   * Encodes a text. A longer one loses tokens from its end, but keeps the closing special token that the model expects.
   * @param text - any text
   * @returns token ids: `maxLength` of them where the model wants texts filled up, else at most as many
   */
  encode(text: string): number[] {
    const { maxLength, padId } = this.#tower;
    const ids = this.#idsOf(text);
    if (padId === undefined) return shorten(ids, maxLength);
    // Python sets the closing token by the tokenizer's class, whether or not tokenizer.json does.
    if (this.#eos !== undefined && ids.at(-1) !== this.#eos) ids.push(this.#eos);
    const filled = new Array<number>(maxLength).fill(padId);
    shorten(ids, maxLength).forEach((id, i) => (filled[i] = id));
    return filled;
  }
}

function shorten(ids: number[], maxLength: number): number[] {
  return ids.length <= maxLength ? ids : [...ids.slice(0, maxLength - 1), ids.at(-1) as number];
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T;
}
