// The first frame of a GIF: found, cut out, freed of transparency, and known to be whole.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { firstGifFrame } from '../dist/esm/image/structure/gif.js';
import { goldenBytes } from './helpers/golden.js';
import sharp from './helpers/sharp.js';

const ANIMATED = goldenBytes('gif_animated.gif');
const TRANSPARENT = goldenBytes('gif_transparent.gif');

interface Made {
  screen?: [number, number];
  frame?: [left: number, top: number, width: number, height: number];
  localTable?: boolean;
  controlFlags?: number;
}

/** A GIF of 4 x 4 pixels, all of colour 0; data: clear, 16 times colour 0, end, in LZW codes of 3 bits and more. */
function made({
  screen = [4, 4],
  frame = [0, 0, 4, 4],
  localTable = false,
  controlFlags,
}: Made = {}): Buffer {
  const u16 = (value: number) => [value & 255, value >> 8];
  const table = [10, 20, 30, 40, 50, 60];
  return Buffer.from([
    ...Buffer.from('GIF89a'),
    ...[...u16(screen[0]), ...u16(screen[1]), localTable ? 0 : 0x80, 0, 0],
    ...(localTable ? [] : table),
    ...[0x21, 0xfe, 2, 0x68, 0x69, 0], // a comment
    ...(controlFlags === undefined ? [] : [0x21, 0xf9, 4, controlFlags, 0, 0, 0, 0]),
    ...[0x2c, ...frame.flatMap(u16), localTable ? 0x80 : 0],
    ...(localTable ? table : []),
    ...[2, 4, 0x84, 0x8f, 0x09, 0x05, 0], // code size, one sub-block, terminator
    ...[0x3b],
  ]);
}

const structure = suite('firstGifFrame');

structure('screen and frame; outside is what reaches beyond the screen', () => {
  const of = (given: Made) => {
    const { width, height, outside } = firstGifFrame(made(given))!;
    return [width, height, outside];
  };
  assert.equal(of({}), [4, 4, false]);
  assert.equal(of({ localTable: true }), [4, 4, false]);
  assert.equal(of({ screen: [10, 20] }), [10, 20, false]);
  assert.equal(of({ screen: [10, 20], frame: [6, 16, 4, 4] }), [10, 20, false]);
  assert.equal(of({ screen: [10, 20], frame: [7, 16, 4, 4] }), [11, 20, true]);
  assert.equal(of({ screen: [10, 20], frame: [0, 0, 65_535, 20] }), [65_535, 20, true]);
  assert.equal(of({ screen: [0, 0] }), [4, 4, true]);
});

structure('transparency that is asked for stays', () => {
  const input = made({ controlFlags: 0x0d });
  assert.ok(Buffer.from(firstGifFrame(input, true)!.bytes).equals(input));
});

structure('the transparency flag is cleared, nothing else is changed, the input is left alone', () => {
  for (const localTable of [false, true]) {
    const input = made({ localTable, controlFlags: 0x0d });
    const before = Buffer.from(input);
    const { bytes } = firstGifFrame(input)!;
    assert.ok(input.equals(before));
    assert.ok(Buffer.from(bytes).equals(made({ localTable, controlFlags: 0x0c })));
  }
});

structure('an animation: whole from the end of its first frame on, and always the same frame', () => {
  const whole = firstGifFrame(ANIMATED)!;
  const end = whole.bytes.length - 1; // the trailer is ours
  assert.ok(end < ANIMATED.length / 2);
  assert.is(whole.bytes[end], 0x3b);
  for (let length = 0; length < end; length++) {
    assert.is(firstGifFrame(ANIMATED.subarray(0, length)), undefined, `${length} bytes`);
  }
  for (let length = end; length <= ANIMATED.length; length++) {
    assert.ok(Buffer.from(firstGifFrame(ANIMATED.subarray(0, length))!.bytes).equals(whole.bytes));
  }
});

structure('what is cut out is a GIF of one opaque frame', async () => {
  for (const bytes of [ANIMATED, TRANSPARENT]) {
    const image = sharp(firstGifFrame(bytes)!.bytes, { animated: true });
    const { pages = 1, width, height } = await image.metadata();
    const { isOpaque } = await image.stats();
    assert.equal([pages, isOpaque], [1, true]);
    assert.equal([width, height], [firstGifFrame(bytes)!.width, firstGifFrame(bytes)!.height]);
  }
  assert.not((await sharp(TRANSPARENT).stats()).isOpaque, 'the original is not');
});

structure('any bytes: a frame that lies within them, or undefined', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(13), (bytes, keep) => {
      const gif = Buffer.concat([made().subarray(0, keep), bytes]);
      const frame = firstGifFrame(gif);
      assert.ok(frame === undefined || frame.bytes.length <= gif.length + 1);
    }),
    { numRuns: 2000 },
  );
});

structure('20 MB of tiny extensions are done with soon', () => {
  const unit = Buffer.from([0x21, 0xf9, 0]);
  const bytes = Buffer.concat([made().subarray(0, 19), Buffer.alloc(20 * 1024 * 1024, unit)]);
  const start = performance.now();
  assert.is(firstGifFrame(bytes), undefined);
  assert.ok(performance.now() - start < 10_000); // a hang guard
});

structure.run();
