// What decides about a WebP's decoder: how its first picture is coded, alpha, animation, and what is missing at its end.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readWebpStructure } from '../dist/esm/image/structure/webp.js';
import { goldenBytes } from './helpers/golden.js';
import { neverThrows, soon } from './helpers/hostile.js';
import sharp from './helpers/sharp.js';

const ALPHA = 0x10;

function chunk(type: string, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`, 'latin1');
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length & 1)]);
}

function webpOf(...chunks: Uint8Array[]): Buffer {
  const head = Buffer.from('RIFF\0\0\0\0WEBP', 'latin1');
  const whole = Buffer.concat([head, ...chunks]);
  whole.writeUInt32LE(whole.length - 8, 4);
  return whole;
}

const extended = (flags: number) => chunk('VP8X', Buffer.from([flags, 0, 0, 0, 4, 0, 0, 6, 0, 0]));
const LOSSY = chunk('VP8 ', Buffer.alloc(9));
const LOSSLESS = chunk('VP8L', Buffer.alloc(5));
const PLANE = chunk('ALPH', Buffer.alloc(3));
const frame = (...chunks: Uint8Array[]) => chunk('ANMF', Buffer.concat([Buffer.alloc(16), ...chunks]));

const NOTHING = {
  coding: undefined,
  animated: false,
  alphaFlag: false,
  alphaPlane: false,
  missingBytes: 0,
};

const structure = suite('readWebpStructure');

structure('the first picture, and what stands before it', () => {
  const cases: [chunks: Uint8Array[], expected: Partial<ReturnType<typeof readWebpStructure>>][] = [
    [[], {}],
    [[LOSSY], { coding: 'VP8 ' }],
    [[LOSSLESS], { coding: 'VP8L' }],
    [[extended(0), chunk('ICCP', Buffer.alloc(7)), LOSSY], { coding: 'VP8 ' }],
    [[extended(ALPHA), PLANE, LOSSY], { coding: 'VP8 ', alphaFlag: true, alphaPlane: true }],
    [[extended(ALPHA), LOSSLESS], { coding: 'VP8L', alphaFlag: true }],
    [[extended(0xff & ~ALPHA), PLANE, LOSSY], { coding: 'VP8 ', alphaPlane: true }],
    [[extended(0), LOSSY, PLANE], { coding: 'VP8 ' }],
    [[extended(2), chunk('ANIM', Buffer.alloc(6)), frame(LOSSLESS)], { coding: 'VP8L', animated: true }],
    [
      [extended(ALPHA | 2), chunk('ANIM', Buffer.alloc(6)), frame(PLANE, LOSSY), frame(LOSSLESS)],
      { coding: 'VP8 ', animated: true, alphaFlag: true, alphaPlane: true },
    ],
  ];
  for (const [chunks, expected] of cases) {
    assert.equal(readWebpStructure(webpOf(...chunks)), { ...NOTHING, ...expected });
  }
});

structure('what libwebp writes', async () => {
  const picture = sharp({ create: { width: 9, height: 7, channels: 4, background: '#12345680' } });
  const lossy = readWebpStructure(await picture.clone().webp().toBuffer());
  assert.equal(lossy, { ...NOTHING, coding: 'VP8 ', alphaFlag: true, alphaPlane: true });
  const lossless = readWebpStructure(await picture.clone().webp({ lossless: true }).toBuffer());
  assert.is(lossless.coding, 'VP8L');
  assert.is(lossless.alphaPlane, false);
});

structure('every byte that is missing is counted; more than the header names is none', () => {
  const whole = goldenBytes('webp_lossy.webp');
  for (const missing of [0, 1, 2, 100, whole.length - 12]) {
    assert.is(readWebpStructure(whole.subarray(0, whole.length - missing)).missingBytes, missing);
  }
  assert.is(readWebpStructure(Buffer.concat([whole, Buffer.alloc(50)])).missingBytes, 0);
});

structure('any bytes: an answer', () => {
  neverThrows(
    readWebpStructure,
    webpOf(extended(ALPHA), chunk('ANIM', Buffer.alloc(6)), frame(PLANE, LOSSY)),
    12,
  );
});

structure('a million chunks, and frames in frames in frames, are done with soon', () => {
  for (const one of [chunk('JUNK'), chunk('ANMF', Buffer.alloc(16)), PLANE]) {
    const bytes = webpOf(extended(0), Buffer.alloc(one.length * 1_000_000, one), LOSSY);
    assert.is(soon(() => readWebpStructure(bytes)).coding, undefined);
  }
});

structure.run();
