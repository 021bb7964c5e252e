// CPU counting against made-up /proc and cgroup trees.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { availableCpus, cgroupQuota } from '../dist/esm/pool/cpus.js';

const roots: string[] = [];

/** A file system with just these files. */
function tree(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'semantic-vision-cpus-'));
  roots.push(root);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

function v2(path: string, limits: Record<string, string>): string {
  return tree({
    'proc/self/cgroup': `0::${path}\n`,
    ...Object.fromEntries(
      Object.entries(limits).map(([group, limit]) => [join('sys/fs/cgroup', group, 'cpu.max'), limit]),
    ),
  });
}

function v1(line: string, mount: string, groups: Record<string, [quota: string, period: string]>): string {
  return tree({
    'proc/self/cgroup': `12:memory:/x\n${line}\n1:name=systemd:/x\n`,
    ...Object.fromEntries(
      Object.entries(groups).flatMap(([group, [quota, period]]) => [
        [join('sys/fs/cgroup', mount, group, 'cpu.cfs_quota_us'), `${quota}\n`],
        [join('sys/fs/cgroup', mount, group, 'cpu.cfs_period_us'), `${period}\n`],
      ]),
    ),
  });
}

const cpus = suite('cpus');

cpus('without cgroups: affinity alone', () => {
  assert.is(cgroupQuota(tree({})), Infinity);
  assert.is(availableCpus(7, tree({})), 7);
});

cpus('v2: the quota of the own group', () => {
  assert.is(cgroupQuota(v2('/job', { job: '250000 100000\n' })), 2.5);
  assert.is(cgroupQuota(v2('/job', { job: 'max 100000\n' })), Infinity);
  assert.is(cgroupQuota(v2('/', { '.': '300000 100000\n' })), 3);
  assert.is(cgroupQuota(v2('/job', { job: '20000 10000\n' })), 2);
});

cpus('v2: the smallest of all parents counts', () => {
  assert.is(
    cgroupQuota(v2('/a/b/c', { 'a/b/c': 'max 100000', 'a/b': '400000 100000', a: '200000 100000' })),
    2,
  );
  assert.is(cgroupQuota(v2('/a/b/c', { 'a/b/c': '100000 100000', 'a/b': '400000 100000' })), 1);
  assert.is(cgroupQuota(v2('/a/b', { '.': '150000 100000' })), 1.5);
});

cpus('v2 in a container: the path of /proc does not exist below the mount', () => {
  assert.is(cgroupQuota(v2('/system.slice/docker-1.scope', { '.': '200000 100000' })), 2);
  assert.is(cgroupQuota(v2('/../../other', { '.': '200000 100000' })), 2);
});

cpus('a path with colons and spaces', () => {
  assert.is(cgroupQuota(v2('/a:b/c d', { 'a:b/c d': '200000 100000' })), 2);
});

cpus('v1: quota and period, -1 is no limit', () => {
  for (const [line, mount] of [
    ['4:cpu:/job', 'cpu'],
    ['4:cpu,cpuacct:/job', 'cpu,cpuacct'],
    ['4:cpuacct,cpu:/job', 'cpu'],
  ] as const) {
    assert.is(cgroupQuota(v1(line, mount, { job: ['350000', '100000'] })), 3.5, line);
    assert.is(cgroupQuota(v1(line, mount, { job: ['-1', '100000'] })), Infinity, line);
    assert.is(cgroupQuota(v1(line, mount, { job: ['-1', '100000'], '.': ['200000', '100000'] })), 2, line);
  }
  assert.is(
    cgroupQuota(v1('4:cpuset:/job', 'cpu', { job: ['100000', '100000'] })),
    Infinity,
    'cpuset is not cpu',
  );
});

cpus('v1 and v2 side by side: the smaller', () => {
  const root = tree({
    'proc/self/cgroup': '3:cpu,cpuacct:/job\n0::/job\n',
    'sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us': '400000',
    'sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us': '100000',
    'sys/fs/cgroup/job/cpu.max': '300000 100000',
  });
  assert.is(cgroupQuota(root), 3);
});

cpus('damaged files are no limit', () => {
  for (const content of ['', 'max', '100000', 'x y', '100000 0', '-1 100000', '0 0', '0 100000']) {
    assert.is(cgroupQuota(v2('/job', { job: content })), Infinity, JSON.stringify(content));
  }
  for (const membership of ['', 'nonsense\n', '0::\n', '::\n', '0:/x\n']) {
    assert.is(cgroupQuota(tree({ 'proc/self/cgroup': membership })), Infinity);
  }
});

cpus('whole CPUs, at least one, at most the affinity', () => {
  const quota = (limit: string) => v2('/job', { job: limit });
  assert.is(availableCpus(8, quota('50000 100000')), 1);
  assert.is(availableCpus(8, quota('199999 100000')), 1);
  assert.is(availableCpus(8, quota('250000 100000')), 2);
  assert.is(availableCpus(2, quota('250000 10000')), 2);
  assert.is(availableCpus(8, quota('max 100000')), 8);
  assert.is(availableCpus(1, quota('800000 100000')), 1);
});

cpus('on this machine', () => {
  const count = availableCpus();
  assert.ok(Number.isInteger(count) && count >= 1);
});

cpus.after(() => {
  for (const root of roots) rmSync(root, { recursive: true });
});
cpus.run();
