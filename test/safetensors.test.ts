// Single numbers out of safetensors files, and every way in which such a file can be wrong.
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VisionError } from '../dist/esm/errors.js';
import { readScalars } from '../dist/esm/models/safetensors.js';
import { refused } from './helpers/assertions.js';
import { safetensors } from './helpers/safetensors.js';

const reading = suite('readScalars');

function rangesOf(bytes: Buffer, asked: number[] = []) {
  return (start: number, length: number) => {
    asked.push(length);
    return Promise.resolve(bytes.subarray(start, start + length));
  };
}

reading(
  'finds float32, float64 and bfloat16 scalars of any shape of ones between other tensors',
  async () => {
    const file = safetensors({
      'vision.weight': { dtype: 'F32', shape: [4], bytes: Buffer.alloc(16, 7) },
      logit_scale: { dtype: 'F32', shape: [1], bytes: f32(4.75) },
      half: { dtype: 'BF16', shape: [], bytes: Buffer.from([0x80, 0xc1]) },
      logit_bias: { dtype: 'F64', shape: [1, 1], bytes: f64(-12.5) },
    });
    const asked: number[] = [];
    const found = await readScalars(rangesOf(file, asked), ['logit_scale', 'logit_bias', 'half'], 'x');
    assert.equal(found, { logit_scale: 4.75, logit_bias: -12.5, half: -16 });
    assert.is(asked.length, 5);
    assert.ok(asked.reduce((sum, length) => sum + length) < file.length);
  },
);

reading('a tensor that is missing, larger, or of integers', async () => {
  const file = safetensors({
    two: { dtype: 'F32', shape: [2], bytes: Buffer.alloc(8) },
    integer: { dtype: 'I64', shape: [], bytes: Buffer.alloc(8) },
  });
  for (const name of ['nowhere', 'two', 'integer', 'toString', '__proto__']) {
    await refused(readScalars(rangesOf(file), [name], 'x.safetensors'), 'MODEL_INVALID', /x\.safetensors/);
  }
});

reading('damaged files: MODEL_INVALID, never another error and never a huge read', async () => {
  const file = safetensors({ a: { dtype: 'F32', shape: [1], bytes: f32(1) } });
  await fc.assert(
    fc.asyncProperty(
      fc.nat(file.length),
      fc.nat(file.length - 1),
      fc.integer({ min: 1, max: 255 }),
      async (cut, at, flip) => {
        const damaged = Buffer.from(file);
        damaged[at] = damaged[at]! ^ flip;
        const asked: number[] = [];
        try {
          const { a } = await readScalars(rangesOf(damaged.subarray(0, cut), asked), ['a'], 'x');
          assert.type(a, 'number');
        } catch (error) {
          assert.ok(error instanceof VisionError && error.code === 'MODEL_INVALID', String(error));
        }
        assert.ok(asked.every((length) => length <= 16 * 1024 * 1024));
      },
    ),
    { numRuns: 500 },
  );
});

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function f64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

reading.run();
