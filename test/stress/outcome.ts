// What became of one input, as a child tells it to the process that counts.
import type { ImageFormat } from '../../dist/esm/image/recognise/kinds.js';
import type { Decoder } from './decoders.js';
import type { Witness } from './judge.js';
import type { Kind } from './mutate.js';

/** Through the decode path alone, or through the whole public API with its workers. */
export type Mode = 'decode' | 'api';

/** How an input broke a promise. */
export interface Failure {
  /** `crash` and `hang` are seen by the parent only. */
  what:
    | 'crash'
    | 'hang'
    | 'foreign error'
    | 'wrong picture'
    | 'wrong orientation'
    | 'read by nobody else'
    | 'unproven value'
    | 'memory'
    | 'poisoned worker';
  detail: string;
}

/** One input. */
export interface Outcome {
  number: number;
  mode: Mode;
  kind: Kind;
  ms: number;
  /** The header was read, so `format` is known, and decoding was begun. */
  format?: ImageFormat;
  /** The foreign decoder that was called; none when the library refused the structure by itself. */
  decoder?: Decoder;
  /** Of a refusal. */
  code?: string;
  /** Of an accepted input: who else has its picture. */
  by?: Witness;
  /** Of an invented value: the field, when the specification doesn't name the value. */
  unnamed?: string;
  failure?: Failure;
}

/** What a child is to do. */
export interface Job {
  mode: Mode;
  seed: number;
  /** Inputs in order. */
  numbers: { from: number; below: number; step: number };
  /** Where the built library lies. */
  root: string;
  /** Whether Pillow is there to be asked. */
  pillow: boolean;
  /** Stop after this time. */
  ms: number;
}
