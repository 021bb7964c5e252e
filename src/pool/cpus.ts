// How many CPUs this process may use: its affinity and its cgroup quota, whichever is less.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { posix } from 'node:path';

/**
 * CPUs this process may keep busy: at least 1. Affinity comes from the operating system through libuv; on Linux the
 * CPU quota of the cgroup (v2 `cpu.max`, v1 `cpu.cfs_quota_us`) and of its parents is read as well, because a container
 * with `--cpus=2` on a 64-core machine sees all 64 otherwise.
 * @param affinity - CPUs by affinity
 * @param root - where the file system starts; only tests pass it
 * @returns the number of CPUs
 */
export function availableCpus(affinity = availableParallelism(), root = '/'): number {
  return Math.max(1, Math.min(affinity, Math.floor(cgroupQuota(root))));
}

/**
 * The smallest CPU quota that applies to this process, in CPUs.
 * @param root - where the file system starts
 * @returns CPUs, possibly fractional; Infinity when there is no quota or no cgroup
 */
export function cgroupQuota(root = '/'): number {
  const membership = read(posix.join(root, 'proc/self/cgroup'));
  if (membership === undefined) return Infinity;
  let quota = Infinity;
  for (const line of membership.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (controllers === '') {
      quota = Math.min(quota, smallest(posix.join(root, 'sys/fs/cgroup'), path, quotaV2));
    } else if (controllers.split(',').includes('cpu')) {
      for (const mount of ['cpu', 'cpu,cpuacct']) {
        quota = Math.min(quota, smallest(posix.join(root, 'sys/fs/cgroup', mount), path, quotaV1));
      }
    }
  }
  return quota;
}

// A parent's quota binds its children too. Inside a container the path in /proc may not exist below the mount, which
// then is the container's own group: the walk up to the mount covers both.
function smallest(mount: string, path: string, quotaOf: (directory: string) => number): number {
  let quota = Infinity;
  for (let current = posix.join('/', path); ; current = posix.dirname(current)) {
    quota = Math.min(quota, quotaOf(posix.join(mount, current)));
    if (current === '/') return quota;
  }
}

function quotaV2(directory: string): number {
  const [quota, period] = (read(posix.join(directory, 'cpu.max')) ?? '').trim().split(/\s+/);
  return ratio(quota, period);
}

function quotaV1(directory: string): number {
  return ratio(
    read(posix.join(directory, 'cpu.cfs_quota_us')),
    read(posix.join(directory, 'cpu.cfs_period_us')),
  );
}

// "max" (v2) and -1 (v1) both mean that there is no limit.
function ratio(quota: string | undefined, period: string | undefined): number {
  const cpus = Number(quota) / Number(period);
  return cpus > 0 && Number.isFinite(cpus) ? cpus : Infinity;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
