// What a model's own files say about its texts: which family's rules, how long, filled up with what.
import { VisionError } from '../errors.js';
import { readJson } from '../models/read-json.js';
import type { TextFiles, TextTower } from '../pool/protocol.js';

/** The part of a {@link TextTower} that configuration files determine. */
export type TextSettings = Pick<TextTower, 'maxLength' | 'canonicalization' | 'padId'>;

type Json = Readonly<Record<string, unknown>>;

// SiglipTextConfig's and Siglip2TextConfig's default; the hub's files leave out what equals a default.
const SIGLIP_TEXT_LENGTH = 64;
const KNOWN_FAMILIES = ['siglip', 'siglip2', 'embedded-dual-encoder'];

/**
 * Reads the files of a text tower.
 * @param files - their paths
 * @returns the tower
 * @throws `TEXT_UNSUPPORTED` for a family that is not known here, `MODEL_NOT_FOUND` and `MODEL_INVALID` for files that
 * cannot be read or are no JSON
 */
export async function readTextTower(files: TextFiles): Promise<TextTower> {
  const { config: configPath, tokenizerConfig: tokenizerConfigPath, ...rest } = files;
  const [config, tokenizerConfig, tokenizer] = await Promise.all(
    [configPath, tokenizerConfigPath, files.tokenizer].map(readJson),
  );
  const settings = textSettings(config, tokenizerConfig, tokenizer);
  if (settings !== undefined) return { ...rest, ...settings, parsed: { tokenizer, tokenizerConfig } };
  throw new VisionError(
    'TEXT_UNSUPPORTED',
    `The texts of this model belong to a family that is not known here (${configPath}, ${files.tokenizer}): it embeds ` +
      'images only.',
  );
}

/**
 * Whether a model's texts are likely to be supported, before its tokenizer has been fetched.
 * @param config - parsed `config.json`
 * @returns whether its family is known
 */
export function isKnownFamily(config: unknown): boolean {
  return KNOWN_FAMILIES.includes(String(object(config).model_type));
}

/**
 * Reads how texts become token ids.
 *
 * SigLIP: SentencePiece (Unigram) after its own canonicalisation. SigLIP 2, in either of its model types: Gemma's
 * vocabulary (BPE with bytes for what it does not know) after lower-casing, as it was trained; the tokenizer class of
 * the fixed-resolution repositories forgets to. Both fill texts up on their right.
 * @param config - parsed `config.json`
 * @param tokenizerConfig - parsed `tokenizer_config.json`
 * @param tokenizer - parsed `tokenizer.json`
 * @returns the settings, or undefined for a family that is not known here (CLIP among them): images only
 */
export function textSettings(
  config: unknown,
  tokenizerConfig: unknown,
  tokenizer: unknown,
): TextSettings | undefined {
  const { model_type: modelType, text_config: textConfig } = object(config);
  const length = object(textConfig).max_position_embeddings;
  switch (modelType) {
    case 'siglip':
    case 'siglip2':
      return siglip(length ?? SIGLIP_TEXT_LENGTH, object(tokenizerConfig), object(tokenizer));
    case 'embedded-dual-encoder':
      return isLength(length) ? { maxLength: length, canonicalization: 'none', padId: undefined } : undefined;
    default:
      return undefined;
  }
}

// The tokenizer's class cannot tell the two apart, since SigLIP 2 is published under Gemma's and under its own; the
// vocabulary can.
function siglip(length: unknown, config: Json, tokenizer: Json): TextSettings | undefined {
  const model = object(tokenizer.model);
  const isSiglip = model.type === 'Unigram' && model.byte_fallback !== true && config.do_lower_case !== false;
  const isSiglip2 = model.type === 'BPE' && model.byte_fallback === true;
  if (!(isSiglip || isSiglip2) || !isLength(length)) return undefined;
  const padId = idOf(content(config.pad_token) ?? (isSiglip ? '</s>' : '<pad>'), tokenizer, model.vocab);
  if (padId === undefined) return undefined;
  return { maxLength: length, canonicalization: isSiglip ? 'siglip' : 'lowercase', padId };
}

// Not pad_token_id of config.json: the published SigLIP 2 models have SigLIP's there, which is their closing token.
function idOf(token: string, tokenizer: Json, vocab: unknown): number | undefined {
  const added = Array.isArray(tokenizer.added_tokens) ? tokenizer.added_tokens : [];
  const listed: unknown = added.map(object).find((entry) => entry.content === token)?.id;
  const id: unknown = listed ?? (Array.isArray(vocab) ? indexOf(vocab, token) : object(vocab)[token]);
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 ? id : undefined;
}

// Unigram: [piece, score] pairs, the place is the id.
function indexOf(vocab: readonly unknown[], token: string): number {
  return vocab.findIndex((entry) => Array.isArray(entry) && entry[0] === token);
}

function content(token: unknown): string | undefined {
  const text: unknown = typeof token === 'object' ? object(token).content : token;
  return typeof text === 'string' ? text : undefined;
}

function isLength(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0;
}

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}
