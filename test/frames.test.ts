// The frames between a worker and its decoder process: whole again, however they are cut.
import { closeSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FrameReader, frameHead, readFrame, writeFrame, type Frame } from '../dist/esm/pool/frames.js';

const frames = suite('frames');
const arbitrary = fc.record({
  message: fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean())),
  bytes: fc.uint8Array({ maxLength: 300 }),
});

function plain({ message, bytes }: { message: unknown; bytes: Uint8Array }) {
  return { message: JSON.stringify(message), bytes: [...bytes] };
}

frames('any frames, cut anywhere', () => {
  fc.assert(
    fc.property(fc.array(arbitrary, { maxLength: 5 }), fc.array(fc.nat(40)), (sent, cuts) => {
      const stream = Buffer.concat(
        sent.flatMap(({ message, bytes }) => [frameHead(message, bytes.length), bytes]),
      );
      const received: Frame[] = [];
      const reader = new FrameReader(300, (frame) => received.push(frame));
      let offset = 0;
      for (const length of [...cuts, stream.length]) {
        reader.push(stream.subarray(offset, offset + length));
        offset += length;
      }
      assert.equal(received.map(plain), sent.map(plain));
    }),
  );
});

frames('blocking, through a descriptor, up to its end', () => {
  const file = join(tmpdir(), `semantic-vision-frames-${process.pid}`);
  fc.assert(
    fc.property(fc.array(arbitrary, { maxLength: 5 }), (sent) => {
      const output = openSync(file, 'w');
      for (const { message, bytes } of sent) writeFrame(output, message, bytes);
      closeSync(output);
      const input = openSync(file, 'r');
      const received: Frame[] = [];
      for (let frame; (frame = readFrame(input)) !== undefined;) received.push(frame);
      closeSync(input);
      assert.equal(received.map(plain), sent.map(plain));
    }),
    { numRuns: 30 },
  );
  rmSync(file);
});

frames('what no honest process sends is refused before memory is taken for it', () => {
  const reader = () => new FrameReader(100, () => assert.unreachable());
  assert.throws(() => reader().push(frameHead({}, 101)), /101 bytes is too long/);
  assert.throws(() => reader().push(Buffer.alloc(8, 0xff)), /too long/);
  assert.throws(() => reader().push(Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0x7b])), SyntaxError);
});

frames('behind what is no frame nothing is one', () => {
  const reader = new FrameReader(100, () => assert.unreachable());
  assert.throws(() => reader.push(frameHead({}, 1000)), /too long/);
  for (const chunk of [Buffer.alloc(0), Buffer.alloc(1000), frameHead({}, 0)]) {
    assert.throws(() => reader.push(chunk), /behind what is no frame/);
  }
});

frames('nor behind one that its hearer refuses', () => {
  let heard = 0;
  const reader = new FrameReader(100, () => {
    heard++;
    throw new Error('refused');
  });
  assert.throws(() => reader.push(Buffer.concat([frameHead({}, 0), frameHead({}, 0)])), /^refused$/);
  assert.throws(() => reader.push(frameHead({}, 0)), /behind what is no frame/);
  assert.is(heard, 1);
});

frames.run();
