// The tiny text towers and what the reference says of their golden texts.
import type { TextFiles, TextTower } from '../../dist/esm/pool/protocol.js';
import { fixture, fixtureJson } from './fixtures.js';

/** A text and what transformers and PyTorch make of it; SigLIP 2 with lower-casing and without. */
export interface GoldenText {
  text: string;
  ids: number[];
  ids64: number[];
  pooled: number[];
  idsLowercase?: number[];
  pooledLowercase?: number[];
}

const RULES = {
  'tiny-siglip': { canonicalization: 'siglip', padId: 1 },
  'tiny-siglip2': { canonicalization: 'lowercase', padId: 0 },
} as const;

/** Folders of test/fixtures that hold a text tower. */
export type TinyModel = keyof typeof RULES;

/**
 * @param model - which
 * @returns its 36 golden texts
 */
export function goldenTexts(model: TinyModel): GoldenText[] {
  return fixtureJson(`${model}/texts.json`) as GoldenText[];
}

/**
 * @param model - which
 * @returns the files of its text tower
 */
export function textFiles(model: TinyModel): TextFiles {
  return {
    model: fixture(`${model}/onnx/text_model.onnx`),
    config: fixture(`${model}/config.json`),
    tokenizer: fixture(`${model}/tokenizer.json`),
    tokenizerConfig: fixture(`${model}/tokenizer_config.json`),
    batch: true,
  };
}

/**
 * @param model - which
 * @returns its text tower, as its configuration files describe it
 */
export function textTower(model: TinyModel): TextTower {
  return {
    model: fixture(`${model}/onnx/text_model.onnx`),
    tokenizer: fixture(`${model}/tokenizer.json`),
    parsed: {
      tokenizer: fixtureJson(`${model}/tokenizer.json`),
      tokenizerConfig: fixtureJson(`${model}/tokenizer_config.json`),
    },
    maxLength: 16,
    ...RULES[model],
    batch: true,
  };
}
