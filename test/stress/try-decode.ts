// One input through the library's decode path, without workers, and its picture before the references.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as DecodeModule from '../../dist/esm/image/decode.js';
import type * as HeaderModule from '../../dist/esm/image/header.js';
import type { Pixels } from '../../dist/esm/image/pixels.js';
import { decoderCalled, forgetDecoder, watchDecoders, type Decoder } from './decoders.js';
import { judge } from './judge.js';
import type { Mutant } from './mutate.js';
import type { Failure, Outcome } from './outcome.js';
import { Pillow } from './pillow.js';

// Small, so that a mutant which claims a large picture costs little; the pictures of the corpus are far below.
const LIMIT_INPUT_PIXELS = 500_000;
const TARGET = { width: 64, height: 64 };

/** What became of an input, without what its maker knows. */
export type Result = Omit<Outcome, 'number' | 'mode' | 'kind' | 'ms'>;

/** Tries inputs, one at a time. */
export interface Trier extends AsyncDisposable {
  try(mutant: Mutant): Promise<Result>;
}

/**
 * Prepares the decode path.
 * @param root - where the built library lies
 * @param withPillow - whether Pillow is there to be asked
 * @returns what tries inputs
 */
export async function decodeTrier(root: string, withPillow: boolean): Promise<Trier> {
  const load = (name: string): Promise<unknown> =>
    import(pathToFileURL(join(root, 'dist', 'esm', 'image', name)).href);
  const { readHeader } = (await load('header.js')) as typeof HeaderModule;
  const { decodePixels } = (await load('decode.js')) as typeof DecodeModule;
  watchDecoders();
  const pillow = withPillow ? new Pillow() : undefined;

  return {
    async try({ bytes, invented }) {
      const result: Result = invented?.named === false ? { unnamed: invented.field } : {};
      forgetDecoder();
      let pixels: Pixels;
      try {
        const header = readHeader(bytes, LIMIT_INPUT_PIXELS);
        result.format = header.format;
        const options = { autoOrient: true, limitInputPixels: LIMIT_INPUT_PIXELS, decode: 'exact' } as const;
        pixels = await decodePixels(bytes, header, TARGET, options);
        setDecoder(result);
      } catch (error) {
        setDecoder(result);
        return { ...result, ...refusal(error) };
      }
      const { by, failure } = await judge(bytes, result.format, pixels, result.decoder, pillow);
      result.by = by;
      if (failure !== undefined) result.failure = failure;
      else if (isUnproven(result))
        result.failure = { what: 'unproven value', detail: `decoded by ${result.decoder}` };
      return result;
    },
    async [Symbol.asyncDispose]() {
      await pillow?.[Symbol.asyncDispose]();
    },
  };
}

// What is allowed to @napi-rs/image is what it was seen to decode rightly, and nobody has tried it with invented values.
function isUnproven(result: Result): result is Result & { decoder: Decoder } {
  return result.unnamed !== undefined && result.decoder === '@napi-rs/image';
}

function setDecoder(result: Result): void {
  const decoder = decoderCalled();
  if (decoder !== undefined) result.decoder = decoder;
}

/**
 * What an error says.
 * @param error - whatever was thrown
 * @returns its code, or the failure to have one
 */
export function refusal(error: unknown): { code?: string; failure?: Failure } {
  if (error instanceof Error && error.name === 'VisionError' && 'code' in error)
    return { code: String(error.code) };
  return { failure: { what: 'foreign error', detail: String(error instanceof Error ? error.stack : error) } };
}
