// Tells which foreign decoder the library called for an input, by standing in front of both.
import { createRequire } from 'node:module';
import type * as NapiImage from '@napi-rs/image';
import sharp from '../helpers/sharp.js';

// As the library loads it.
const { Transformer } = createRequire(import.meta.url)('@napi-rs/image') as typeof NapiImage;

/** The foreign decoders. */
export type Decoder = '@napi-rs/image' | 'sharp';

let called: Decoder | undefined;

/**
 * Puts a counter in front of both decoders, for the life of the process.
 */
export function watchDecoders(): void {
  watch(Transformer.prototype, 'rawPixelsSync', '@napi-rs/image');
  watch(Transformer.prototype, 'rawPixels', '@napi-rs/image');
  watch(sharp.prototype as object, 'toBuffer', 'sharp');
}

/** Forgets what was called. */
export function forgetDecoder(): void {
  called = undefined;
}

/**
 * Which decoder was called last.
 * @returns undefined when none was called since the last `forgetDecoder`
 */
export function decoderCalled(): Decoder | undefined {
  return called;
}

function watch(prototype: object, method: string, decoder: Decoder): void {
  const original = Reflect.get(prototype, method) as (...args: unknown[]) => unknown;
  const counted = function (this: unknown, ...args: unknown[]): unknown {
    called = decoder;
    return original.apply(this, args);
  };
  Reflect.set(prototype, method, counted);
}
