// Accuracy in numbers: what a graph keeps of another's embeddings.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  DEFAULT_TARGET,
  compareEmbeddings,
  cosineOf,
  holds,
  surelyMisses,
  targetOf,
} from '../dist/esm/optimize/evaluate.js';

const vectors = (count: number, length = 8, seed = 1) =>
  Array.from({ length: count }, (_, i) =>
    Float32Array.from({ length }, (_, j) => Math.sin(seed + 7 * i + 3 * j * (i + 1))),
  );

const evaluate = suite('evaluate');

evaluate('equal embeddings lose nothing, of whatever length they are', () => {
  const reference = vectors(20);
  const scaled = reference.map((vector, i) => vector.map((value) => value * (i + 1)));
  const accuracy = compareEmbeddings(reference, scaled);
  assert.ok(accuracy.minCosine > 1 - 1e-12 && accuracy.meanCosine > 1 - 1e-12);
  assert.is(accuracy.neighbourOverlap, 1);
  assert.ok(accuracy.similarityChange.max < 1e-6);
});

evaluate('one embedding turned: the least cosine, the mean, and every pair that it is in', () => {
  const [a, b, c] = [Float32Array.of(1, 0), Float32Array.of(0, 1), Float32Array.of(1, 1)];
  const { meanCosine, minCosine, similarityChange, neighbourOverlap } = compareEmbeddings(
    [a, b, c],
    [a, b, a],
  );
  const half = Math.SQRT1_2;
  assert.ok(Math.abs(minCosine - half) < 1e-7);
  assert.ok(Math.abs(meanCosine - (2 + half) / 3) < 1e-7);
  // a-c: from half to 1; b-c: from half to 0; a-b stays.
  assert.ok(Math.abs(similarityChange.max - half) < 1e-7);
  assert.ok(Math.abs(similarityChange.mean - 1 / 3) < 1e-7);
  assert.is(neighbourOverlap, 1, 'with two others both are neighbours');
});

evaluate('of 12 images one neighbour can be lost', () => {
  const circle = (shift: number) =>
    Array.from({ length: 12 }, (_, i) =>
      Float32Array.of(Math.cos(i / 4), Math.sin((i + (i === 0 ? shift : 0)) / 4)),
    );
  assert.is(compareEmbeddings(circle(0), circle(0)).neighbourOverlap, 1);
  const turned = circle(0).map((vector, i) => (i === 0 ? vector.map((value) => -value) : vector));
  // The first lost its nearest ten for the farthest: one of them differs. Others keep all, or trade the first.
  assert.ok(compareEmbeddings(circle(0), turned).neighbourOverlap < 1);
});

evaluate('embeddings that are zero or not finite have no cosine', () => {
  assert.is(cosineOf(Float32Array.of(0, 0), Float32Array.of(1, 0)), 0);
  assert.is(cosineOf(Float32Array.of(NaN, 0), Float32Array.of(1, 0)), 0);
  assert.is(cosineOf(Float32Array.of(Infinity, 0), Float32Array.of(1, 0)), 0);
});

evaluate('the default target is 0.999 and 0.995', () => {
  assert.equal(DEFAULT_TARGET, { mean: 0.999, min: 0.995 });
  assert.equal(targetOf(0.99), { mean: 0.99, min: 0.95 });
});

evaluate('a graph is given up only when the rest of the images could not save it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.9, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 }),
      fc.double({ min: 0.95, max: 0.9999, noNaN: true }),
      fc.nat(29),
      (cosines, mean, cut) => {
        const target = targetOf(mean);
        const accuracy = {
          meanCosine: cosines.reduce((sum, value) => sum + value, 0) / cosines.length,
          minCosine: Math.min(...cosines),
          neighbourOverlap: 1,
          similarityChange: { mean: 0, max: 0 },
        };
        const early = surelyMisses(cosines.slice(0, cut), cosines.length, target);
        assert.not(early && holds(accuracy, target) && Math.abs(accuracy.meanCosine - mean) > 1e-12);
      },
    ),
  );
});

evaluate.run();
