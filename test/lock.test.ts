// The lock: one at a time, gone with its holder, gone from the disk.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LocksRefused, withLock } from '../dist/esm/files/lock.js';
import { storageError } from '../dist/esm/models/hub/storage.js';
import { refused, settles } from './helpers/assertions.js';

const directory = mkdtempSync(join(tmpdir(), 'semantic-vision-lock-'));
const path = join(directory, 'folder', 'x.lock');

const lock = suite('withLock');

lock.after(() => rmSync(directory, { recursive: true }));

lock('many at once take turns', async () => {
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, 1));
    inside--;
  };
  await settles(
    Promise.all(Array.from({ length: 30 }, () => withLock(path, 1, undefined, work))),
    'all turns',
  );
  assert.is(most, 1);
  assert.equal(readdirSync(dirname(path)), []);
});

lock('ends with the work, also when that fails, and hands on what it returns', async () => {
  assert.is(await withLock(path, 1, undefined, () => Promise.resolve(7)), 7);
  const failure = new Error('of the work');
  await withLock(path, 1, undefined, () => Promise.reject(failure)).then(
    () => assert.unreachable(),
    (error: unknown) => assert.is(error, failure),
  );
  assert.is(existsSync(path), false);
});

lock('an aborted wait ends at once and leaves the holder alone', async () => {
  const controller = new AbortController();
  let finish = (): void => undefined;
  let holder: Promise<void> | undefined;
  await new Promise<void>((held) => {
    holder = withLock(path, 1, undefined, () => {
      held();
      return new Promise<void>((resolve) => (finish = resolve));
    });
  });
  const waiting = withLock(path, 60_000, controller.signal, () => Promise.reject(new Error('has worked')));
  setTimeout(() => controller.abort(), 5);
  await settles(refused(waiting, 'ABORTED'), 'the aborted wait');
  assert.is(existsSync(path), true);
  finish();
  await holder;
  assert.is(existsSync(path), false);
});

lock('a folder that cannot be made is an error of the file system', async () => {
  await withLock(join('/dev/null', 'x'), 1, undefined, () => Promise.resolve()).then(
    () => assert.unreachable(),
    (error: unknown) => assert.is((error as NodeJS.ErrnoException).syscall, 'mkdir'),
  );
});

lock('where there are none, each caller says what that means: here the cache of models', async () => {
  const cause = new Error('ENOLCK');
  const refusing = storageError(new LocksRefused('its file system refuses locks', { cause }), '/cache');
  const error = await refused(() => {
    throw refusing;
  }, 'CACHE_UNUSABLE');
  assert.match(error.message, /\/cache: its file system refuses locks.*HF_HUB_CACHE/);
  assert.is(error.cause, cause);
});

// The last one: what it does to later loading stays.
lock(
  'its package is not looked for again: a process that has given up its rights may not find it',
  async () => {
    await withLock(path, 1, undefined, () => Promise.resolve());
    const loader = Module as unknown as { _resolveFilename: (request: string, ...rest: unknown[]) => string };
    const resolve = loader._resolveFilename;
    loader._resolveFilename = (request, ...rest) => {
      if (request === 'fs-native-extensions') throw new Error('looked for again');
      return resolve(request, ...rest);
    };
    const here = createRequire(import.meta.url);
    assert.throws(() => here.resolve('fs-native-extensions'), /looked for again/);
    assert.is(await withLock(path, 1, undefined, () => Promise.resolve(7)), 7);
  },
);

lock.run();
