// SigLIP's tokenizer as the reference runs it: SentencePiece behind Python's handling of special tokens.
import { canonicalize } from './canonicalize.js';
import { CharsMap } from './charsmap.js';

/** The part of a `tokenizer.json` that is used. */
export interface UnigramJson {
  added_tokens: { id: number; content: string }[];
  normalizer: NormalizerJson | null;
  model: { type: 'Unigram'; vocab: [piece: string, score: number][] };
}
interface NormalizerJson {
  type: string;
  normalizers?: NormalizerJson[];
  precompiled_charsmap?: string | null;
}

// SentencePiece would drop a space in front of a text. So Python puts this in front, and drops its pieces again.
const GUARD = '<unk>';

/**
 * Texts to ids. The `tokenizer.json` made from a SentencePiece model comes near it, but not all the way: so of its
 * steps only the vocabulary and the search for the likeliest pieces are used, the others are SentencePiece's.
 */
export class SentencePiece {
  readonly #pieces: (text: string) => number[];
  readonly #map: CharsMap | undefined;
  readonly #special: ReadonlyMap<string, number>;
  readonly #border: RegExp;
  readonly #guardLength: number;

  /**
   * Takes a tokenizer apart.
   * @param json - the parsed `tokenizer.json`
   * @param open - makes a tokenizer of the changed file
   */
  constructor(json: UnigramJson, open: (json: object) => { encode(text: string): { ids: number[] } }) {
    // Pieces without a probability are control symbols. No text holds them, not even one that spells them out: half a
    // surrogate pair keeps them from matching.
    const vocab = json.model.vocab.map(([piece, score], id) => [score === 0 ? `\ud800${id}` : piece, score]);
    const bare = { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null };
    const tokenizer = open({ ...json, ...bare, model: { ...json.model, vocab } });
    this.#pieces = (text) => tokenizer.encode(text.replaceAll(' ', '▁')).ids;
    this.#map = charsMapOf(json.normalizer);
    this.#special = new Map(json.added_tokens.map(({ content, id }) => [content, id]));
    const contents = [...this.#special.keys()].map((content) => content.replace(/[^\w]/g, '\\$&'));
    this.#border = contents.length === 0 ? /(?!)/ : new RegExp(`(${contents.join('|')})`);
    this.#guardLength = this.#pieces(GUARD).length;
  }

  /**
   * Encodes a text; special tokens that it spells out count as such.
   * @param text - any text
   * @returns token ids, without a closing token
   */
  encode(text: string): number[] {
    // Lower-cased before special tokens are looked for; and the sign that stands for a space in pieces is one in texts.
    const parts = text.toLowerCase().replaceAll('▁', ' ').split(this.#border);
    return parts.flatMap((part, i) => this.#special.get(part) ?? this.#ordinary(part, i === 0));
  }

  /**
   * Looks up a special token.
   * @param content - its spelling
   * @returns its id, or undefined when it is none
   */
  specialId(content: string): number | undefined {
    return this.#special.get(content);
  }

  // A space leads the text, but nothing that follows a special token.
  #ordinary(text: string, isFirst: boolean): number[] {
    const guarded = `${GUARD}${isFirst ? ' ' : ''}${canonicalize(text, 'siglip')}`;
    return this.#pieces(this.#map?.normalize(guarded) ?? guarded.trimEnd()).slice(this.#guardLength);
  }
}

function charsMapOf(normalizer: NormalizerJson | null): CharsMap | undefined {
  if (normalizer?.type === 'Precompiled' && normalizer.precompiled_charsmap) {
    return new CharsMap(normalizer.precompiled_charsmap);
  }
  for (const step of normalizer?.normalizers ?? []) {
    const map = charsMapOf(step);
    if (map !== undefined) return map;
  }
  return undefined;
}
