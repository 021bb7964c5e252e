// Options: defaults, validation, freezing, and how many threads follow from how many CPUs.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { resolveOptions, type SemanticVisionOptions } from '../dist/esm/options.js';
import { refused } from './helpers/assertions.js';

const options = suite('options');

options('defaults', () => {
  const resolved = resolveOptions(undefined, 2);
  assert.equal(resolved, {
    model: 'bundled',
    revision: undefined,
    dtype: undefined,
    cacheDir: undefined,
    localFilesOnly: undefined,
    text: true,
    onProgress: undefined,
    optimize: undefined,
    onOptimize: undefined,
    workers: 2,
    intraOpNumThreads: 1,
    executionProviders: ['cpu'],
    sessionOptions: {},
    maxQueue: 1024,
    cacheMaxBytes: 64 * 1024 * 1024,
    limitInputPixels: 100_000_000,
    limitInputBytes: 128 * 1024 * 1024,
    autoOrient: true,
    decode: 'exact',
    flatten: undefined,
    isolation: 'none',
    signal: undefined,
  });
  assert.equal(resolveOptions({}, 2), resolved);
});

options('undefined is the same as left out', () => {
  const names = Object.keys(resolveOptions({}, 4));
  const given = Object.fromEntries(names.map((name) => [name, undefined]));
  assert.equal(resolveOptions(given, 4), resolveOptions({}, 4));
});

options('frozen, deep enough that the caller cannot change them afterwards', () => {
  const providers = ['cpu'];
  const extra = { session: { intra_op: { allow_spinning: '1' } } };
  const resolved = resolveOptions({ executionProviders: providers, sessionOptions: { extra } }, 2);
  providers.push('cuda');
  extra.session.intra_op.allow_spinning = '0';
  assert.equal(resolved.executionProviders, ['cpu']);
  assert.equal(resolved.sessionOptions, { extra: { session: { intra_op: { allow_spinning: '1' } } } });
  for (const value of [resolved, resolved.executionProviders, resolved.sessionOptions]) {
    assert.ok(Object.isFrozen(value));
  }
});

options('threads: the product never exceeds the CPUs unless both are given', () => {
  const expected: [number, SemanticVisionOptions, number, number][] = [
    [1, {}, 1, 1],
    [2, {}, 2, 1],
    [3, {}, 3, 1],
    [4, {}, 4, 1],
    [7, {}, 4, 1],
    [8, {}, 4, 2],
    [64, {}, 4, 16],
    [8, { workers: 1 }, 1, 8],
    [8, { workers: 3 }, 3, 2],
    [2, { workers: 5 }, 5, 1],
    [8, { intraOpNumThreads: 8 }, 1, 8],
    [8, { intraOpNumThreads: 3 }, 2, 3],
    [2, { intraOpNumThreads: 16 }, 1, 16],
    [2, { workers: 3, intraOpNumThreads: 5 }, 3, 5],
  ];
  for (const [cpus, given, workers, threads] of expected) {
    const resolved = resolveOptions(given, cpus);
    assert.equal([resolved.workers, resolved.intraOpNumThreads], [workers, threads], `${cpus} CPUs`);
  }
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 512 }), (cpus) => {
      const { workers, intraOpNumThreads } = resolveOptions({}, cpus);
      assert.ok(workers >= 1 && intraOpNumThreads >= 1 && workers * intraOpNumThreads <= cpus);
    }),
  );
});

options('every wrong value is INVALID_OPTION and named', async () => {
  const numbers = [-1, 1.5, NaN, Infinity, '1', null, true, {}, 2 ** 60, 10n];
  const wrong: Record<string, unknown[]> = {
    workers: [0, 1025, ...numbers],
    intraOpNumThreads: [0, 1025, ...numbers],
    maxQueue: [0, ...numbers],
    cacheMaxBytes: numbers,
    limitInputPixels: [0, 2 ** 31, ...numbers],
    limitInputBytes: [0, 2 ** 31, ...numbers],
    model: ['', 1, null, {}, new URL('file:///model'), ['bundled']],
    revision: ['', 1, null, {}],
    dtype: ['', 'FP32', 'int4', 1, null, {}, ['fp32']],
    cacheDir: ['', 1, null, new URL('file:///cache')],
    localFilesOnly: ['true', 1, 0, null],
    text: ['true', 1, 0, null],
    onProgress: ['x', 1, null, {}],
    optimize: [
      null,
      1,
      { target: 0 },
      { target: 1 },
      { target: '0.9' },
      { calibrate: '' },
      { force: 1 },
      { alpha: 1 },
    ],
    onOptimize: ['x', 1, null, {}],
    autoOrient: ['true', 1, 0, null],
    decode: ['', 'Fast', 'exact ', 1, true, null, {}, ['fast']],
    flatten: [
      '',
      '#fff',
      'ffffff',
      '#fffffff',
      '#ggggg0',
      ' #ffffff',
      'white',
      0xffffff,
      null,
      {},
      ['#ffffff'],
    ],
    isolation: ['', 'None', 'thread', 1, true, null, {}, ['process']],
    executionProviders: ['cpu', [], [1], [null], {}, null, new Set(['cpu'])],
    sessionOptions: ['x', 1, null, [], { callback: () => 1 }],
    signal: ['x', 1, null, {}, new AbortController()],
  };
  assert.equal(Object.keys(wrong).sort(), Object.keys(resolveOptions({}, 1)).sort());
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      await refused(() => resolveOptions({ [name]: value }, 2), 'INVALID_OPTION', new RegExp(name));
    }
  }
});

options('an unknown name is refused, with the known ones', async () => {
  await refused(() => resolveOptions({ worker: 1 } as never, 2), 'INVALID_OPTION', /"worker".*workers/);
  await refused(() => resolveOptions({ dType: 'fp16' } as never, 2), 'INVALID_OPTION');
});

options('what is no object is refused', async () => {
  for (const given of [null, 1, 'bundled', [], true, () => ({})]) {
    await refused(() => resolveOptions(given as never, 2), 'INVALID_OPTION');
  }
});

options('both ways of decoding are allowed', () => {
  for (const decode of ['exact', 'fast'] as const) assert.is(resolveOptions({ decode }, 1).decode, decode);
});

options('a colour in upper or lower case is the same number', () => {
  for (const flatten of ['#0A1bFf', '#0a1bff', '#0A1BFF'])
    assert.is(resolveOptions({ flatten }, 1).flatten, 0x0a1bff);
  assert.is(resolveOptions({ flatten: '#000000' }, 1).flatten, 0);
});

options('the ends of the ranges are allowed', () => {
  resolveOptions({ workers: 1024, intraOpNumThreads: 1024, cacheMaxBytes: 0, maxQueue: 1 }, 1);
  resolveOptions({ limitInputBytes: 2 ** 31 - 1, limitInputPixels: 2 ** 31 - 1 }, 1);
});

options.run();
