// Text to token ids, with the model's own tokenizer.json; the only file that imports @huggingface/tokenizers.
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
  readonly #maxLength: number;
  readonly #padId: number | undefined;
  readonly #eos: number | undefined;

  /**
   * Builds the tokenizer of a text tower.
   * @param tower - what its files say
   * @throws `MODEL_INVALID` when they are no tokenizer
   */
  constructor(tower: TextTower) {
    const { parsed, canonicalization, maxLength, padId } = tower;
    this.#maxLength = maxLength;
    this.#padId = padId;
    try {
      const json = parsed.tokenizer as object;
      const config = parsed.tokenizerConfig as TokenizerConfigJson;
      const eos = (typeof config.eos_token === 'object' ? config.eos_token?.content : config.eos_token) ?? '';
      if (canonicalization === 'siglip') {
        const pieces = new SentencePiece(json as UnigramJson, (changed) => new Tokenizer(changed, config));
        this.#idsOf = (text) => pieces.encode(text);
        this.#eos = pieces.specialId(eos);
      } else {
        const tokenizer = new Tokenizer(json, config);
        if (canonicalization === 'lowercase') lowerCase(tokenizer);
        this.#idsOf = (text) => tokenizer.encode(text).ids;
        this.#eos = tokenizer.token_to_id(eos);
      }
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
   * @throws `INVALID_ARGUMENT` for a text that the tokenizer cannot take apart
   */
  encode(text: string): number[] {
    const [maxLength, padId] = [this.#maxLength, this.#padId];
    const ids = this.#tokenize(text);
    if (padId === undefined) return shorten(ids, maxLength);
    // Python sets the closing token by the tokenizer's class, whether or not tokenizer.json does.
    if (this.#eos !== undefined && ids.at(-1) !== this.#eos) ids.push(this.#eos);
    const filled = new Array<number>(maxLength).fill(padId);
    shorten(ids, maxLength).forEach((id, i) => (filled[i] = id));
    return filled;
  }

  // Some rules of tokenizers recurse once a piece: a very long word overflows the stack.
  #tokenize(text: string): number[] {
    try {
      return this.#idsOf(text);
    } catch (cause) {
      const reason = `The tokenizer cannot take the text of ${text.length} characters apart: ${messageOf(cause)}. Shorten it.`;
      throw new VisionError('INVALID_ARGUMENT', reason, { cause });
    }
  }
}

// Not before the special tokens are found: the reference takes "<EOS>" for five ordinary characters.
function lowerCase(tokenizer: Tokenizer): void {
  const { normalizer } = tokenizer;
  tokenizer.normalizer = (text) => {
    const canonical = canonicalize(text, 'lowercase');
    return normalizer === null ? canonical : normalizer(canonical);
  };
}

function shorten(ids: number[], maxLength: number): number[] {
  return ids.length <= maxLength ? ids : [...ids.slice(0, maxLength - 1), ids.at(-1) as number];
}
