// Threads that can't be started, that die, and jobs that wait for them meanwhile.
import { liveThreads } from './helpers/threads.js';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as WorkerThreads from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision } from '../dist/esm/index.js';
import { canStartThreads } from '../dist/esm/image/binding.js';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { refused, settles, until } from './helpers/assertions.js';
import { TINY_MODEL, noise } from './helpers/fixtures.js';
import { installedProject } from './helpers/installed.js';

const threads = createRequire(import.meta.url)('node:worker_threads') as {
  Worker: typeof WorkerThreads.Worker;
};
const KIB = 1024;

// What was thrown or rejected where nobody could catch it.
const stray: unknown[] = [];
process.on('unhandledRejection', (error) => stray.push(error));
process.on('uncaughtException', (error) => stray.push(error));

/** Runs work while the system refuses every thread but the first few. */
async function withThreads<T>(allowed: number, work: () => Promise<T>): Promise<T> {
  const { Worker } = threads;
  let left = allowed;
  class Refused extends Worker {
    constructor(filename: string | URL, options?: WorkerThreads.WorkerOptions) {
      if (left-- <= 0) {
        // As Node does where the system's answer is EAGAIN.
        throw Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
      }
      super(filename, options);
    }
  }
  threads.Worker = Refused;
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    threads.Worker = Worker;
    syncBuiltinESMExports();
  }
}

const LIMIT = /could not be started: EAGAIN.*RLIMIT_NPROC.*pids/;
const create = (workers: number) =>
  SemanticVision.create({ model: TINY_MODEL, workers, intraOpNumThreads: 1 });
let seed = 0;
const fresh = () => noise(40_000 + ++seed);

const starting = suite('threads that cannot be started');

starting('create is refused, whichever thread it is, and leaves none', async () => {
  for (const allowed of [0, 1, 2]) {
    await withThreads(allowed, () =>
      settles(refused(create(3), 'WORKER_FAILED', LIMIT), `${allowed} threads`),
    );
    await until(() => liveThreads().length === 0, 'no thread left');
  }
});

starting('a worker that died and cannot be replaced: its requests are refused until it can be', async () => {
  const vision = await create(1);
  await vision.embedImage(fresh());
  await withThreads(0, async () => {
    await liveThreads().at(-1)!.terminate();
    for (let i = 0; i < 3; i++)
      await settles(refused(vision.embedImage(fresh()), 'WORKER_FAILED', LIMIT), 'it');
    // The file is not to blame.
    const same = fresh();
    for (let i = 0; i < 3; i++) await refused(vision.embedImage(same), 'WORKER_FAILED', LIMIT);
  });
  await settles(vision.embedImage(fresh()), 'when threads can be had again');
  assert.equal(vision.stats().queue, { interactive: 0, bulk: 0, running: 0 });
  await settles(vision.close(), 'close');
  await until(() => liveThreads().length === 0, 'no thread left');
});

starting('a busy pool whose other workers live goes on', async () => {
  const vision = await create(2);
  await withThreads(0, async () => {
    await liveThreads().at(-1)!.terminate();
    const results = await settles(
      Promise.allSettled(Array.from({ length: 12 }, () => vision.embedImage(fresh()))),
      'all requests',
    );
    assert.ok(results.some(({ status }) => status === 'fulfilled'));
    for (const result of results)
      if (result.status === 'rejected')
        await refused(Promise.reject(result.reason as Error), 'WORKER_FAILED');
  });
  await settles(vision.close(), 'close');
});

starting('the system says whether it grants more threads', () => {
  assert.ok(canStartThreads(0) && canStartThreads(1) && canStartThreads(32));
});

starting('under a real limit: an error that names it, or success; nothing else', () => {
  const { uid = 0 } = process.getuid ? { uid: process.getuid() } : {};
  if (process.platform !== 'linux' || uid !== 0 || !existsSync('/usr/bin/setpriv')) {
    console.log('skipped: limits on threads need Linux, root and setpriv');
    return;
  }
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major === 20 && minor < 19) {
    console.log('skipped: this Node aborts by itself where it gets too few threads');
    return;
  }
  const project = installedProject();
  const script = join(project, 'script.mjs');
  writeFileSync(
    script,
    `import { SemanticVision } from 'semantic-vision';
    const told = (error) => console.log(error.name, error.code, /RLIMIT_NPROC/.test(error.message));
    await SemanticVision.create({ workers: 2, intraOpNumThreads: 2 }).then(async (vision) => {
      await vision.embedText('a dog').catch(told);
      await vision.close();
      console.log('closed');
    }, told);`,
  );
  chmodSync(project, 0o755);
  const endings = new Set<string>();
  // Below 11 Node itself does not start. A user id that nobody has, so that nobody else's threads count.
  for (let most = 11; most <= 24; most++) {
    const { stdout, stderr, status, signal } = spawnSync(
      'setpriv',
      [
        ...['--reuid=54321', '--regid=54321', '--clear-groups', 'prlimit', `--nproc=${most}`],
        ...[process.execPath, script],
      ],
      { cwd: project, env: { ...process.env, HOME: project }, encoding: 'utf8', timeout: 60_000 },
    );
    assert.equal([status, signal, stderr], [0, null, ''], `at most ${most}: ${stdout} ${stderr}`);
    for (const line of stdout.trim().split('\n')) endings.add(line);
  }
  assert.ok(endings.has('closed') && endings.has('VisionError WORKER_FAILED true'), [...endings].join('; '));
  assert.is(endings.size, 2, [...endings].join('; '));
  rmSync(project, { recursive: true });
});

const hashing = suite('the hashing thread');

hashing('that dies or cannot be started hangs nobody', async () => {
  const hasher = new Hasher();
  const bytes = () => new Uint8Array(300 * KIB);
  await hasher.bytes(bytes());
  await withThreads(0, async () => {
    const waiting = Array.from({ length: 5 }, () => hasher.bytes(bytes()));
    void liveThreads().at(-1)!.terminate();
    const results = await settles(Promise.allSettled(waiting), 'those that wait');
    for (const result of results)
      if (result.status === 'rejected')
        await refused(Promise.reject(result.reason as Error), 'WORKER_FAILED');
    assert.ok(results.some(({ status }) => status === 'rejected'));
  });
  assert.match((await settles(hasher.bytes(bytes()), 'with a new thread')).sha256, /^[0-9a-f]{64}$/);
  await withThreads(0, async () => {
    void liveThreads().at(-1)!.terminate();
    await settles(hasher.close(), 'close');
  });
  await until(() => liveThreads().length === 0, 'no thread left');
});

hashing('that never starts: all that wait are told, close ends', async () => {
  const hasher = new Hasher();
  await withThreads(0, async () => {
    const waiting = Array.from({ length: 3 }, () => hasher.file(fileURLToPath(import.meta.url)));
    for (const each of waiting) await settles(refused(each, 'WORKER_FAILED', LIMIT), 'one that waits');
    await settles(hasher.close(), 'close');
  });
});

hashing.after(() => assert.equal(stray, []));
starting.run();
hashing.run();
