// Text to token ids, with the model's own tokenizer.json; the only file that imports @huggingface/tokenizers.
import { readFile } from 'node:fs/promises';
import * as tokenizers from '@huggingface/tokenizers';
import { VisionError, messageOf } from '../errors.js';
import type { TextTower } from '../pool/protocol.js';
import { canonicalize } from './canonicalize.js';
import { CharsMap } from './charsmap.js';

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

interface NormalizerJson {
  type: string;
  normalizers?: NormalizerJson[];
  precompiled_charsmap?: string | null;
}
interface TokenizerJson {
  normalizer?: NormalizerJson | null;
}
interface TokenizerConfigJson {
  eos_token?: string | { content: string } | null;
}

// SentencePiece puts a space in front of a text, but not after a special token inside it.
const SENTENCEPIECE_SPACES = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first' };

/** Encodes texts for one text tower. */
export class TextEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #tower: TextTower;
  readonly #eos: number | undefined;

  private constructor(tokenizer: Tokenizer, config: TokenizerConfigJson, tower: TextTower) {
    this.#tokenizer = tokenizer;
    this.#tower = tower;
    const eos = typeof config.eos_token === 'object' ? config.eos_token?.content : config.eos_token;
    this.#eos = eos === undefined ? undefined : tokenizer.token_to_id(eos);
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
        readJson<TokenizerJson>(tower.tokenizer),
        readJson<TokenizerConfigJson>(tower.tokenizerConfig),
      ]);
      const tokenizer =
        tower.canonicalization === 'siglip' ? sentencePiece(json, config) : new Tokenizer(json, config);
      if (tower.canonicalization === 'lowercase') {
        // Not before the special tokens are found: the reference takes "<EOS>" for five ordinary characters.
        const { normalizer } = tokenizer;
        tokenizer.normalizer = (text) => {
          const canonical = canonicalize(text, 'lowercase');
          return normalizer === null ? canonical : normalizer(canonical);
        };
      }
      return new TextEncoder(tokenizer, config, tower);
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
    const { maxLength, padId, canonicalization } = this.#tower;
    // SigLIP's tokenizer lower-cases before it looks for special tokens, and takes "▁" for a space.
    const { ids } = this.#tokenizer.encode(
      canonicalization === 'siglip' ? text.toLowerCase().replaceAll('▁', ' ') : text,
    );
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

// What the reference runs for SigLIP is SentencePiece itself. The tokenizer.json made from it comes near, but its steps
// (and this package's version of them) differ: so the vocabulary is taken from it, and the steps are SentencePiece's.
function sentencePiece(json: TokenizerJson, config: TokenizerConfigJson): Tokenizer {
  const tokenizer = new Tokenizer({ ...json, normalizer: null, pre_tokenizer: SENTENCEPIECE_SPACES }, config);
  const map = charsMapOf(json.normalizer);
  tokenizer.normalizer = (text) => {
    const canonical = canonicalize(text, 'siglip');
    return map === undefined ? canonical : map.normalize(canonical);
  };
  return tokenizer;
}

function charsMapOf(normalizer: NormalizerJson | null | undefined): CharsMap | undefined {
  if (normalizer?.type === 'Precompiled' && normalizer.precompiled_charsmap) {
    return new CharsMap(normalizer.precompiled_charsmap);
  }
  for (const step of normalizer?.normalizers ?? []) {
    const map = charsMapOf(step);
    if (map !== undefined) return map;
  }
  return undefined;
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T;
}
