// Normalising and comparing vectors.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cosine, l2Normalize } from '../dist/esm/inference/postprocess.js';
import { lengthOf } from './helpers/assertions.js';

const vector = (length: number) =>
  fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
    minLength: length,
    maxLength: length,
  });

const postprocess = suite('postprocess');

postprocess('l2Normalize gives length 1, keeps the direction and leaves its input alone', () => {
  fc.assert(
    fc.property(vector(16), (values) => {
      const input = Float32Array.from(values);
      const before = input.slice();
      const unit = l2Normalize(input);
      assert.equal(input, before);
      if (input.every((value) => Math.abs(value) < 1e-20)) return;
      assert.ok(Math.abs(lengthOf(unit!) - 1) < 1e-6);
      assert.ok(cosine(unit!, input) > 0.999999);
    }),
  );
  assert.equal(l2Normalize(Float32Array.of(3, 0, -4)), Float32Array.of(0.6, 0, -0.8));
});

postprocess('l2Normalize survives values whose squares leave float32', () => {
  for (const scale of [1e-30, 1e-38, 1e30, 3e38]) {
    const unit = l2Normalize(Float32Array.of(scale, 0, -scale));
    assert.ok(Math.abs(unit![0]! - Math.SQRT1_2) < 1e-6, `${scale}`);
  }
});

postprocess('l2Normalize refuses what has no direction', () => {
  for (const values of [[], [0, 0], [-0, 0], [NaN, 1], [Infinity, 1], [-Infinity, 0]]) {
    assert.is(l2Normalize(Float32Array.from(values)), undefined);
  }
});

postprocess('cosine: exact on simple vectors, symmetric, bounded, 0 for zeros', () => {
  assert.is(cosine(Float32Array.of(1, 0), Float32Array.of(0, 1)), 0);
  assert.is(cosine(Float32Array.of(2, 0), Float32Array.of(5, 0)), 1);
  assert.is(cosine(Float32Array.of(1, 1), Float32Array.of(-2, -2)), -1);
  assert.is(cosine(Float32Array.of(0, 0), Float32Array.of(1, 1)), 0);
  assert.is(cosine(new Float32Array(0), new Float32Array(0)), 0);
  assert.ok(
    Math.abs(cosine(Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)) - 32 / Math.sqrt(14 * 77)) < 1e-15,
  );
  fc.assert(
    fc.property(vector(8), vector(8), (a, b) => {
      const [left, right] = [Float32Array.from(a), Float32Array.from(b)];
      const similarity = cosine(left, right);
      assert.ok(similarity >= -1 && similarity <= 1);
      assert.is(cosine(right, left), similarity);
    }),
  );
});

postprocess.run();
