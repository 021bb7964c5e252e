// Composing over a colour as a reader would write it: what the C++ kernels are compared with.

/** Pixels of any layout that a decoder leaves, rows without padding. */
export interface Samples {
  data: Uint8Array;
  width: number;
  height: number;
  channels: number;
  bytesPerSample: number;
}

/**
 * One sample over another, as Pillow's `Image.paste` with a mask rounds it.
 * @param sample - 0 to 255
 * @param alpha - 0 to 255
 * @param under - 0 to 255, of the background
 * @returns 0 to 255
 */
export function composedSample(sample: number, alpha: number, under: number): number {
  const sum = sample * alpha + under * (255 - alpha) + 128;
  return ((sum >> 8) + sum) >> 8;
}

/**
 * The opaque picture; orientation is left as it is.
 * @param pixels - of the machine's byte order, if they have 16 bits
 * @param background - 0xRRGGBB; undefined: alpha is dropped
 * @returns interleaved 8-bit RGB
 */
export function composedPixels(pixels: Samples, background: number | undefined): Uint8Array {
  const { data, width, height, channels, bytesPerSample } = pixels;
  const wide = new Uint16Array(new Uint8Array(data).buffer, 0, bytesPerSample === 2 ? data.length / 2 : 0);
  const stored = (pixel: number, channel: number): number => {
    const at = pixel * channels + channel;
    return bytesPerSample === 2 ? wide[at]! >> 8 : data[at]!;
  };
  const result = new Uint8Array(3 * width * height);
  for (let i = 0; i < result.length; i++) {
    const [pixel, channel] = [Math.floor(i / 3), i % 3];
    const sample = stored(pixel, channels < 3 ? 0 : channel);
    const hasAlpha = channels === 2 || channels === 4;
    result[i] =
      background === undefined || !hasAlpha
        ? sample
        : composedSample(sample, stored(pixel, channels - 1), (background >> (16 - 8 * channel)) & 255);
  }
  return result;
}
