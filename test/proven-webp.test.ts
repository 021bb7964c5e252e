// Which decoder is right for which WebP: every combination of what decides.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { provenForWebp } from '../dist/esm/image/proven/webp.js';
import type { WebpStructure } from '../dist/esm/image/structure/webp.js';
import { BOTH, SIZE } from './helpers/proven.js';

const webp = suite('proven WebPs');

webp('every combination', () => {
  for (const coding of ['VP8 ', 'VP8L'] as const) {
    for (const [animated, alphaFlag, alphaPlane, large] of flags(4)) {
      const structure: WebpStructure = {
        coding,
        animated: animated!,
        alphaFlag: alphaFlag!,
        alphaPlane: alphaPlane!,
        missingBytes: 0,
      };
      const isPlain = !animated && !large && (coding === 'VP8L' || alphaFlag === alphaPlane);
      const { decoders, structure: name } = provenForWebp(
        structure,
        large ? { width: 16_000, height: 16_000 } : SIZE,
      );
      assert.equal(decoders, isPlain ? BOTH : ['sharp']);
      const plain = `a WebP (${animated ? 'animated, ' : ''}${coding === 'VP8L' ? 'lossless' : 'lossy'})`;
      // Where it is for the size that sharp is needed, the name says so.
      const isTooLarge = large && !animated && (coding === 'VP8L' || alphaFlag === alphaPlane);
      assert.is(name.startsWith(plain) && name.includes('480 MiB'), isTooLarge);
    }
  }
});

function flags(count: number): boolean[][] {
  return Array.from({ length: 2 ** count }, (_, number) =>
    Array.from({ length: count }, (__, bit) => Math.floor(number / 2 ** bit) % 2 === 1),
  );
}

webp.run();
