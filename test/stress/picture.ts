// Pictures as both sides of the comparison give them: RGB of 8 bits, upright.
import type { Pixels } from '../../dist/esm/image/pixels.js';

/** RGB rows without padding. */
export interface Picture {
  rgb: Uint8Array;
  width: number;
  height: number;
}

/** How far two pictures of the same size are apart. */
export interface Difference {
  mean: number;
  max: number;
}

/**
 * What the kernel sees of decoded pixels: alpha dropped, 16-bit samples by their high byte, grey as RGB, turned.
 * @param pixels - as the library decodes them
 * @returns the picture
 */
export function pictureOf({ data, width, height, channels, bytesPerSample, orientation }: Pixels): Picture {
  const step = channels * bytesPerSample;
  const high = bytesPerSample - 1; // the machine is little-endian
  const [green, blue] = channels < 3 ? [0, 0] : [bytesPerSample, 2 * bytesPerSample];
  const rgb = new Uint8Array(3 * width * height);
  for (let from = high, to = 0; to < rgb.length; from += step, to += 3) {
    rgb[to] = data[from]!;
    rgb[to + 1] = data[from + green]!;
    rgb[to + 2] = data[from + blue]!;
  }
  return turn({ rgb, width, height }, orientation);
}

/**
 * Turns a picture upright.
 * @param picture - as stored
 * @param orientation - EXIF's 1 to 8
 * @returns the picture
 */
export function turn({ rgb, width, height }: Picture, orientation: number): Picture {
  if (orientation === 1) return { rgb, width, height };
  const transposed = orientation >= 5;
  const mirrored = [2, 3, 7, 8].includes(orientation); // columns run backwards in the stored picture
  const flipped = [3, 4, 6, 7].includes(orientation); // and rows
  const [newWidth, newHeight] = transposed ? [height, width] : [width, height];
  const turned = new Uint8Array(rgb.length);
  for (let y = 0, to = 0; y < newHeight; y++)
    for (let x = 0; x < newWidth; x++, to += 3) {
      const [column, row] = transposed ? [y, x] : [x, y];
      const from =
        3 * ((flipped ? height - 1 - row : row) * width + (mirrored ? width - 1 - column : column));
      turned.set(rgb.subarray(from, from + 3), to);
    }
  return { rgb: turned, width: newWidth, height: newHeight };
}

/**
 * How far two pictures are apart.
 * @param a - one
 * @param b - the other
 * @returns undefined when their sizes differ
 */
export function difference(a: Picture, b: Picture): Difference | undefined {
  if (a.width !== b.width || a.height !== b.height || a.rgb.length !== b.rgb.length) return undefined;
  let max = 0;
  let sum = 0;
  for (let i = 0; i < a.rgb.length; i++) {
    const apart = Math.abs(a.rgb[i]! - b.rgb[i]!);
    sum += apart;
    if (apart > max) max = apart;
  }
  return { mean: sum / a.rgb.length, max };
}
