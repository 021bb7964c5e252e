// Sums of stage times.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StageClock } from '../dist/esm/stats.js';

const stats = suite('StageClock');

stats('starts at zero, without a division by it', () => {
  const zero = { count: 0, totalMs: 0, meanMs: 0, maxMs: 0 };
  assert.equal(new StageClock().timings(), { decode: zero, preprocess: zero, inference: zero });
});

stats('sums, averages and keeps the longest, stage by stage', () => {
  const clock = new StageClock();
  clock.add({ decode: 1, preprocess: 10, inference: 100 });
  clock.add({ decode: 3, preprocess: 2, inference: 100 });
  assert.equal(clock.timings(), {
    decode: { count: 2, totalMs: 4, meanMs: 2, maxMs: 3 },
    preprocess: { count: 2, totalMs: 12, meanMs: 6, maxMs: 10 },
    inference: { count: 2, totalMs: 200, meanMs: 100, maxMs: 100 },
  });
});

stats('a snapshot does not change afterwards', () => {
  const clock = new StageClock();
  const before = clock.timings();
  clock.add({ decode: 1, preprocess: 1, inference: 1 });
  assert.is(before.decode.count, 0);
});

stats.run();
