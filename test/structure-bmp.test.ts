// What decides about a BMP's decoding, read from its headers as the reference reads them.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bmpVersion, readBmpStructure } from '../dist/esm/image/structure/bmp.js';
import { bmpOf } from './helpers/bmp.js';
import { neverThrows } from './helpers/hostile.js';

const VERSIONS = [12, 40, 52, 56, 64, 108, 124];
const LONG_VERSIONS = VERSIONS.filter((bytes) => bytes > 12);
const NO_PIXELS = Buffer.alloc(0);
const BLACK = [0, 0, 0] as const;

const structure = suite('readBmpStructure');

structure('every field of the long headers', () => {
  const side = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  fc.assert(
    fc.property(
      fc.constantFrom(...LONG_VERSIONS),
      side,
      side,
      fc.nat(0xffff),
      fc.nat(0xffff),
      fc.nat(40).filter((each) => each !== 3),
      (headerBytes, width, height, planes, bits, compression) => {
        const parts = { headerBytes, width, height, planes, bits, compression, pixels: NO_PIXELS };
        const read = readBmpStructure(bmpOf({ ...parts, coloursUsed: 7 }))!;
        const expected = { headerBytes, width, height: Math.abs(height), planes, bits, compression };
        assert.equal({ ...read, ...expected }, read);
        assert.is(read.topDown, height < 0);
        assert.equal(read.masks, []);
        assert.is(read.palette.entries, bits <= 8 ? 7 : 0);
      },
    ),
  );
});

structure("OS/2's first header: sides of 16 bits, colours of three bytes, never compressed", () => {
  const side = fc.nat(0xffff);
  fc.assert(
    fc.property(side, side, fc.constantFrom(1, 4, 8, 24), (width, height, bits) => {
      const read = readBmpStructure(bmpOf({ headerBytes: 12, width, height, bits, pixels: NO_PIXELS }))!;
      const { topDown, compression, palette } = read;
      assert.equal(
        [read.width, read.height, read.bits, topDown, compression],
        [width, height, bits, false, 0],
      );
      assert.equal(palette, { at: 26, entries: bits === 24 ? 0 : 2 ** bits, entryBytes: 3 });
    }),
  );
});

structure('masks: three behind 40 bytes and in 52, four in longer headers', () => {
  const mask = fc.nat(0xffffffff);
  fc.assert(
    fc.property(fc.constantFrom(...LONG_VERSIONS), fc.tuple(mask, mask, mask, mask), (headerBytes, four) => {
      const masks = headerBytes >= 56 ? four : four.slice(0, 3);
      const parts = { headerBytes, width: 1, height: 1, bits: 32, compression: 3, masks };
      const read = readBmpStructure(bmpOf({ ...parts, pixels: Buffer.alloc(4) }))!;
      assert.equal(read.masks, masks);
      assert.is(read.dataAt, 14 + headerBytes + (headerBytes === 40 ? 12 : 0));
    }),
  );
});

structure('where pixels begin: as the file says; behind the palette where it says 0 or forgets it', () => {
  const at = (offset: number, bits: number, coloursUsed = 0, headerBytes = 40) => {
    const palette = bits <= 8 ? new Array<typeof BLACK>(coloursUsed || 2 ** bits).fill(BLACK) : [];
    const parts = { headerBytes, width: 1, height: 1, bits, coloursUsed, palette, pixels: Buffer.alloc(4) };
    return readBmpStructure(bmpOf({ ...parts, offset }))!.dataAt;
  };
  assert.is(at(1234, 24), 1234);
  assert.is(at(1234, 8), 1234);
  for (const forgotten of [0, 54]) {
    assert.is(at(forgotten, 8), 54 + 1024);
    assert.is(at(forgotten, 8, 10), 54 + 40);
    assert.is(at(forgotten, 1), 54 + 8);
    assert.is(at(forgotten, 24), 54);
  }
  assert.is(at(0, 8, 0, 12), 26 + 3 * 256);
  assert.is(at(26, 4, 0, 12), 26 + 3 * 16);
  assert.is(at(0, 24, 0, 124), 138);
});

structure('an offset of 0 before pixels without indices, where a palette may stand: nobody can tell', () => {
  const parts = { width: 1, height: 1, pixels: Buffer.alloc(4), offset: 0 };
  assert.is(readBmpStructure(bmpOf({ ...parts, bits: 24, coloursUsed: 5 }))!.dataAt, 0);
  assert.is(readBmpStructure(bmpOf({ ...parts, bits: 24 }))!.dataAt, 54);
});

structure('versions: those of the list are known, the bytes decide', () => {
  const version = (headerBytes: number) => {
    const b = Buffer.alloc(18);
    b.writeUInt32LE(headerBytes, 14);
    return bmpVersion(b);
  };
  fc.assert(
    fc.property(fc.oneof(fc.nat(0xffffffff), fc.nat(200)), (headerBytes) => {
      assert.equal(version(headerBytes), { headerBytes, known: VERSIONS.includes(headerBytes) });
    }),
  );
  assert.is(bmpVersion(Buffer.alloc(17)), undefined);
});

structure('headers that are cut off: undefined', () => {
  for (const headerBytes of VERSIONS) {
    const whole = bmpOf({ headerBytes, width: 1, height: 1, bits: 24, pixels: NO_PIXELS });
    assert.ok(readBmpStructure(whole));
    for (let length = 0; length < whole.length; length++) {
      assert.is(readBmpStructure(whole.subarray(0, length)), undefined, `${length} of ${headerBytes}`);
    }
  }
  const masked = { width: 1, height: 1, bits: 16, compression: 3, masks: [1, 2, 4], pixels: NO_PIXELS };
  assert.ok(readBmpStructure(bmpOf(masked)));
  assert.is(readBmpStructure(bmpOf(masked).subarray(0, -1)), undefined);
});

structure('any bytes: an answer', () => {
  for (const headerBytes of VERSIONS) {
    const parts = { headerBytes, width: 3, height: 2, bits: 8, compression: headerBytes === 12 ? 0 : 3 };
    neverThrows(readBmpStructure, bmpOf({ ...parts, pixels: Buffer.alloc(20, 7) }), 2);
  }
});

structure.run();
