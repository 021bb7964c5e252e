// Regenerates the input images of the resize goldens; integers only, so that every machine gives the same bytes.

/** The linear congruential generator of the goldens: the high byte of each state, the first one after one step. */
export function lcgBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/**
 * Interleaved RGB of a golden input.
 * @param kind - `lcg` (noise), `smooth` (gradients with a little noise) or `checker` (single pixels, black and white)
 */
export function goldenPixels(kind: string, width: number, height: number, seed: number): Uint8Array {
  const pixels = kind === 'checker' ? new Uint8Array(width * height * 3) : lcgBytes(width * height * 3, seed);
  if (kind === 'lcg') return pixels;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      if (kind === 'checker') {
        pixels.fill(((x + y) & 1) * 255, at, at + 3);
        continue;
      }
      const colour = [
        Math.floor((x * 255) / Math.max(width - 1, 1)),
        Math.floor((y * 255) / Math.max(height - 1, 1)),
        (Math.floor((x * y) / 7) + 3 * x + 5 * y) & 255,
      ];
      colour.forEach((value, c) => {
        pixels[at + c] = Math.min(255, Math.floor((value * 15) / 16) + (pixels[at + c]! >> 4));
      });
    }
  }
  return pixels;
}
