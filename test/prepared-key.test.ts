// What a prepared graph depends on.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cpuType } from '../dist/esm/models/prepared/cpu.js';
import { canonical, keyOf, keyParts, whyNotPreparable } from '../dist/esm/models/prepared/key.js';
import { runtimeVersion } from '../dist/esm/models/prepared/runtime.js';

const PROBE = { input: 'pixel_values', height: 2, width: 3 } as const;
const key = (options: Record<string, unknown>, source = 'a') => keyOf(keyParts(source, options, PROBE));

const keys = suite('the key of a prepared graph');

keys('is the same for the same options, however they are written', () => {
  const nested = { a: 1, extra: { session: { x: '1', intra_op: { allow_spinning: '0' } }, ep: { y: 2 } } };
  const flat = { extra: { 'ep.y': 2, 'session.x': '1' }, a: 1, b: undefined };
  assert.is(key(nested), key(flat));
  assert.match(key({}), /^[0-9a-f]{32}$/);
});

keys('does not depend on threads, memory and logging', () => {
  for (const name of [
    'intraOpNumThreads',
    'interOpNumThreads',
    'enableCpuMemArena',
    'logId',
    'executionMode',
  ])
    assert.is(key({ [name]: 3 }), key({}), name);
  const spinning = { intra_op: { allow_spinning: '1' }, force_spinning_stop: '1' };
  assert.is(key({ extra: { session: spinning } }), key({}));
});

keys('depends on everything else', () => {
  const all = [
    key({}),
    key({}, 'b'),
    keyOf(keyParts('a', {}, { ...PROBE, height: 3 })),
    key({ graphOptimizationLevel: 'basic' }),
    key({ executionProviders: ['cpu'] }),
    key({ extra: { session: { disable_prepacking: '1' } } }),
    keyOf({ ...keyParts('a', {}, PROBE), runtime: '1.29.0' }),
    keyOf({ ...keyParts('a', {}, PROBE), cpu: { ...cpuType(), features: 'x' } }),
  ];
  assert.is(new Set(all).size, all.length);
});

keys('canonical JSON does not depend on the order of keys, and nothing else is lost', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const reversed = Object.fromEntries(Object.entries(value).reverse());
      assert.is(canonical(reversed), canonical(value));
      assert.equal(JSON.parse(canonical(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

keys('only the CPU provider can be saved', () => {
  for (const executionProviders of [undefined, ['cpu'], [{ name: 'cpu', useArena: true }]])
    assert.is(whyNotPreparable({ executionProviders }), undefined);
  for (const executionProviders of [['cuda'], ['cpu', 'coreml'], [{ name: 'dml' }]])
    assert.match(whyNotPreparable({ executionProviders })!, /provider/);
});

keys('names the installed runtime', () => assert.match(runtimeVersion(), /^\d+\.\d+\.\d+/));

keys('a type of CPU is what its cores can do, not how fast or how many they are', () => {
  const core = (flags: string, mhz: number) =>
    `processor\t: 0\nvendor_id\t: AMD\nmodel name\t: EPYC\ncpu MHz\t\t: ${mhz}\nflags\t\t: ${flags}\nbogomips\t: ${mhz}\n\n`;
  const { features } = cpuType(core('fpu avx2', 1000));
  assert.match(features, /^[0-9a-f]{64}$/);
  assert.is(cpuType(core('fpu avx2', 2000).repeat(4)).features, features);
  assert.is.not(cpuType(core('fpu avx2 avx512f', 1000)).features, features);
  const mixed = [core('a', 1), core('b', 1)];
  assert.is(cpuType(mixed.join('')).features, cpuType(mixed.reverse().join('')).features);
  const arm = (part: string) =>
    `processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: ${part}\nFeatures\t: asimd\n`;
  assert.is.not(cpuType(arm('0xd0c')).features, cpuType(arm('0xd49')).features);
  assert.equal(cpuType(), cpuType());
});

keys.run();
