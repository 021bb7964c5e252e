// What the workers' sessions are opened with.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sessionOptions } from '../dist/esm/pool/session-options.js';

const options = { workers: 1, intraOpNumThreads: 2, executionProviders: ['cpu'], sessionOptions: {} };

test('threads spin where each has a CPU of its own, and only while an image runs', () => {
  const extra = (workers: number, intraOpNumThreads: number, cpus: number) =>
    sessionOptions({ ...options, workers, intraOpNumThreads }, cpus).extra;
  const spinning = (value: string) => ({
    session: { intra_op: { allow_spinning: value }, force_spinning_stop: '1' },
  });
  assert.equal(extra(1, 2, 2), spinning('1'));
  assert.equal(extra(2, 2, 4), spinning('1'));
  assert.equal(extra(2, 2, 2), spinning('0'));
  assert.equal(extra(1, 4, 2), spinning('0'));
});

test("the caller's own options are laid over", () => {
  const result = sessionOptions({ ...options, sessionOptions: { extra: {}, logSeverityLevel: 4 } }, 2);
  assert.equal(result.extra, {});
  assert.is(result.logSeverityLevel, 4);
  assert.is(result.intraOpNumThreads, 2);
});

test.run();
