// BMPs rewritten to their plainest form: the same picture as the slow reading of the specification, in all forms.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readBmpStructure } from '../dist/esm/image/structure/bmp.js';
import { plainBmp } from '../dist/esm/image/structure/plain-bmp.js';
import { bmpOf, packed, type BmpParts } from './helpers/bmp.js';
import { neverThrows } from './helpers/hostile.js';
import { plainOf, shows } from './helpers/plain-bmp.js';
import { coloursOf, type Colour } from './reference/bmp.js';

const side = fc.integer({ min: 1, max: 9 });
const byte = fc.nat(255);
const colour = fc.tuple(byte, byte, byte);

const uncompressed = suite('uncompressed and masked pixels');

// Red, green, blue: those of files in use, and some that nobody writes.
const MASKS: Readonly<Record<string, { bits: number; masks: number[] }>> = {
  565: { bits: 16, masks: [0xf800, 0x7e0, 0x1f] },
  555: { bits: 16, masks: [0x7c00, 0x3e0, 0x1f] },
  444: { bits: 16, masks: [0xf00, 0xf0, 0xf] },
  'BGR 565': { bits: 16, masks: [0x1f, 0x7e0, 0xf800] },
  332: { bits: 16, masks: [0xe0, 0x1c, 0x3] },
  '1010102': { bits: 32, masks: [0x3ff00000, 0xffc00, 0x3ff] },
  '2101010': { bits: 32, masks: [0xffc00000, 0x3ff000, 0xffc] },
  'ABGR bytes': { bits: 32, masks: [0xff, 0xff00, 0xff0000] },
  'RGBA bytes': { bits: 32, masks: [0xff000000, 0xff0000, 0xff00] },
  'no masks at all': { bits: 32, masks: [0, 0, 0] },
};

/** A picture of any values. */
function pictures(bits: number): fc.Arbitrary<{ width: number; height: number; pixels: Buffer }> {
  const value = fc.oneof(fc.nat(2 ** bits - 1), fc.constantFrom(0, 2 ** bits - 1));
  return fc.tuple(side, side).chain(([width, height]) =>
    fc
      .array(fc.array(value, { minLength: width, maxLength: width }), {
        minLength: height,
        maxLength: height,
      })
      .map((rows) => ({ width, height, pixels: packed(rows, bits) })),
  );
}

/** Rewritten, the file shows what it shows by the specification. */
function staysTheSame(parts: BmpParts): void {
  const bytes = bmpOf(parts);
  const before = Buffer.from(bytes);
  shows(bytes, coloursOf(bytes, readBmpStructure(bytes)!));
  assert.ok(bytes.equals(before), 'the input is left alone');
}

for (const [name, { bits, masks }] of Object.entries(MASKS)) {
  uncompressed(`masks: ${name}`, () => {
    fc.assert(
      fc.property(
        pictures(bits),
        fc.boolean(),
        fc.constantFrom(40, 52, 56, 108, 124),
        (picture, topDown, headerBytes) => {
          const height = topDown ? -picture.height : picture.height;
          const all = headerBytes >= 56 ? [...masks, 0] : masks;
          staysTheSame({ ...picture, height, headerBytes, bits, compression: 3, masks: all });
        },
      ),
      { numRuns: 50 },
    );
  });
}

uncompressed('palettes of 1, 4 and 8 bits, of two versions, whole and short', () => {
  const given = fc
    .constantFrom(1, 4, 8)
    .chain((bits) =>
      fc.tuple(
        fc.constant(bits),
        pictures(bits),
        fc.array(colour, { minLength: 1, maxLength: 2 ** bits }),
        fc.boolean(),
      ),
    );
  fc.assert(
    fc.property(given, fc.boolean(), ([bits, picture, colours, isOld], topDown) => {
      if (isOld) {
        const palette = Array.from({ length: 2 ** bits }, (_, i) => colours[i % colours.length]!);
        staysTheSame({ ...picture, headerBytes: 12, bits, palette });
      } else {
        const height = topDown ? -picture.height : picture.height;
        staysTheSame({ ...picture, height, bits, palette: colours, coloursUsed: colours.length });
      }
    }),
    { numRuns: 300 },
  );
});

uncompressed('16, 24 and 32 bits without masks', () => {
  const given = fc.constantFrom(16, 24, 32).chain((bits) => fc.tuple(fc.constant(bits), pictures(bits)));
  fc.assert(
    fc.property(given, fc.boolean(), ([bits, picture], topDown) => {
      staysTheSame({ ...picture, height: topDown ? -picture.height : picture.height, bits });
    }),
    { numRuns: 300 },
  );
});

uncompressed('masks of any bits in a row: as the slow definition', () => {
  // Two cuts part the bits into three samples; each may be empty.
  const given = fc
    .constantFrom(16, 32)
    .chain((bits) =>
      fc.tuple(fc.constant(bits), pictures(bits), fc.array(fc.nat(bits), { minLength: 2, maxLength: 2 })),
    );
  fc.assert(
    fc.property(given, ([bits, picture, cuts]) => {
      const [low = 0, high = 0] = [...cuts].sort((a, b) => a - b);
      const below = (bit: number) => 2 ** bit - 1;
      const masks = [below(bits) - below(high), below(high) - below(low), below(low)];
      staysTheSame({ ...picture, bits, compression: 3, masks });
    }),
    { numRuns: 300 },
  );
});

uncompressed('pixels that are cut off or lie in the headers: undefined', () => {
  for (const bits of [1, 4, 8, 16, 24, 32]) {
    const rows = [
      [1, 0, 1],
      [0, 1, 0],
    ];
    const palette = bits <= 8 ? new Array<Colour>(2 ** bits).fill([1, 2, 3]) : [];
    const parts = { width: 3, height: 2, bits, palette, pixels: packed(rows, bits) };
    const whole = bmpOf(parts);
    assert.ok(plainOf(whole));
    assert.is(plainOf(whole.subarray(0, -1)), undefined);
    for (const offset of [1, 14, 53, whole.length, 0xffffffff]) {
      assert.is(plainOf(bmpOf({ ...parts, offset })), undefined, `${offset}`);
    }
  }
});

uncompressed('any bytes of a proven kind: an answer', () => {
  const read = (bytes: Uint8Array) => {
    const bmp = readBmpStructure(bytes);
    // What plainBmp is asked for has passed the pixel limit and the list of what is proven.
    const isAsked =
      bmp && bmp.width > 0 && bmp.width * bmp.height < 1e5 && [1, 4, 8, 16, 24, 32].includes(bmp.bits);
    if (isAsked && bmp.palette.entries <= 256) plainBmp(bytes, bmp);
  };
  for (const [bits, compression] of [
    [8, 1],
    [4, 2],
    [16, 3],
    [32, 3],
    [24, 0],
  ] as const) {
    const parts = {
      width: 3,
      height: 3,
      bits,
      compression,
      masks: compression === 3 ? [0xf800, 0x7e0, 0x1f] : [],
    };
    neverThrows(read, bmpOf({ ...parts, pixels: Buffer.alloc(40, 3) }), 2);
  }
});

uncompressed.run();
