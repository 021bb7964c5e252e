// Inks to light: the integer formula against its definition, for every ink and every black that there is.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cmykToRgb } from '../dist/esm/image/cmyk.js';

/** What an ink leaves of what black leaves: the share of it that is not covered, rounded to the nearest. */
function light(ink: number, black: number): number {
  const left = 255 - black;
  return Math.max(0, left - Math.round((ink * left) / 255));
}

const cmyk = suite('cmykToRgb');

cmyk('all 65,536 pairs of ink and black, in each of the three places', () => {
  const inks = new Uint8Array(4 * 65_536);
  const expected = new Uint8Array(3 * 65_536);
  for (let ink = 0; ink < 256; ink++) {
    for (let black = 0; black < 256; black++) {
      const pixel = ink * 256 + black;
      // The others differ, so that a mix-up of places is seen.
      const three = [ink, (ink + 85) & 255, (ink + 170) & 255];
      inks.set([...three, black], 4 * pixel);
      expected.set(
        three.map((each) => light(each, black)),
        3 * pixel,
      );
    }
  }
  assert.ok(Buffer.from(cmykToRgb(inks)).equals(expected));
});

cmyk('no ink is white, black is black, no pixels are none; the input is left alone', () => {
  const inks = Uint8Array.of(0, 0, 0, 0, 9, 99, 200, 255, 255, 0, 0, 0);
  const before = Uint8Array.from(inks);
  assert.equal([...cmykToRgb(inks)], [255, 255, 255, 0, 0, 0, 0, 255, 255]);
  assert.equal(inks, before);
  assert.is(cmykToRgb(new Uint8Array(0)).length, 0);
});

cmyk.run();
