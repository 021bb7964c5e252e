// One input through the whole public API: workers, queue and pool see it, and must answer rightly afterwards.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Library from '../../dist/esm/index.js';
import { TINY_MODEL, fixture } from '../helpers/fixtures.js';
import { refusal, type Trier } from './try-decode.js';

const CHECK_EVERY = 200;

/**
 * Starts the library.
 * @param root - where it was built
 * @returns what tries inputs
 */
export async function apiTrier(root: string): Promise<Trier> {
  const { SemanticVision } = (await import(
    pathToFileURL(join(root, 'dist', 'esm', 'index.js')).href
  )) as typeof Library;
  const good = readFileSync(fixture('golden/images/png_rgb.png'));
  const vision = await SemanticVision.create({
    model: TINY_MODEL,
    workers: 2,
    intraOpNumThreads: 1,
    cacheMaxBytes: 0,
    limitInputPixels: 16_000_000,
  });
  const { vector: expected } = await vision.embedImage(good);
  let tried = 0;

  return {
    async try({ bytes }) {
      let answer: Awaited<ReturnType<typeof vision.embedImage>>;
      try {
        answer = await vision.embedImage(bytes);
      } catch (error) {
        const refused = refusal(error);
        if (refused.code !== 'WORKER_FAILED') return refused;
        return { failure: { what: 'crash', detail: String(error) } };
      }
      if (!answer.vector.every(Number.isFinite))
        return { failure: { what: 'wrong picture', detail: 'the vector is not finite' } };
      if (tried++ % CHECK_EVERY === 0) {
        const { vector } = await vision.embedImage(good);
        if (!vector.every((value, i) => value === expected[i]))
          return { failure: { what: 'poisoned worker', detail: 'a sound picture has another vector now' } };
      }
      return {};
    },
    async [Symbol.asyncDispose]() {
      await vision.close();
    },
  };
}
