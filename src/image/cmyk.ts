// Inks to light, by the plain formula of the reference: no colour profile takes part.

/**
 * Converts interleaved 8-bit CMYK (0: no ink) to RGB: each colour is the white that its ink and black leave.
 * @param inks - four bytes a pixel
 * @returns three bytes a pixel
 * @see Pillow, `Convert.c`, `cmyk2rgb`
 */
export function cmykToRgb(inks: Uint8Array): Uint8Array {
  const pixels = inks.length / 4;
  const rgb = Buffer.allocUnsafeSlow(3 * pixels);
  for (let from = 0, to = 0; from < inks.length; from += 4) {
    const left = 255 - (inks[from + 3] as number);
    for (let c = 0; c < 3; c++) {
      const product = (inks[from + c] as number) * left + 128;
      rgb[to++] = Math.max(0, left - (((product >> 8) + product) >> 8)); // product / 255, rounded
    }
  }
  return rgb;
}
