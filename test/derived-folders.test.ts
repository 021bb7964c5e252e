// The folders of what is made of models: which entries go when there are too many, and that none goes that is in use.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  IN_USE_MS,
  findAndUse,
  leftoverName,
  prune,
  removeEntry,
  removeLeftovers,
  use,
} from '../dist/esm/models/derived-folders.js';
import { until } from './helpers/assertions.js';
import { scratchFolder } from './helpers/prepared.js';
import { recordTimers } from './helpers/timers.js';

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;
const NOW = Date.now();
const BOUNDS = { mark: 'record.json', entries: 8, bytes: 16 * 2 ** 30, idle: 30 * DAY };

/** @returns a folder with entries of the given ages in ms and sizes in bytes (holes in files, no real bytes) */
function entries(all: [idle: number, bytes: number][]): string {
  const root = mkdtempSync(join(scratchFolder(), 'derived-'));
  all.forEach(([idle, bytes], i) => {
    const directory = join(root, nameOf(i));
    mkdirSync(directory);
    for (const file of ['graph.onnx', 'weights.bin', 'record.json']) writeFileSync(join(directory, file), '');
    truncateSync(join(directory, 'weights.bin'), bytes);
    utimesSync(join(directory, 'record.json'), (NOW - idle) / 1000, (NOW - idle) / 1000);
  });
  return root;
}

const nameOf = (i: number) => i.toString(16).padStart(32, '0');
const left = (root: string) => readdirSync(root).sort();
const names = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => nameOf(from + i));

const pruning = suite('too many derived entries');

pruning('the ones that were not used for longest go', async () => {
  const root = entries(Array.from({ length: 12 }, (_, i) => [(13 - i) * DAY, 10]));
  await prune(root, BOUNDS, NOW);
  assert.equal(left(root), names(4, 12));
});

pruning('their bytes are bounded as well', async () => {
  const root = entries([7, 1, 5, 3].map((days) => [days * DAY, 6 * 2 ** 30]));
  await prune(root, BOUNDS, NOW);
  assert.equal(left(root), [nameOf(1), nameOf(3)]);
});

pruning('what was not used for a month goes, what is in use never', async () => {
  const root = entries([
    [31 * DAY, 1],
    [29 * DAY, 1],
    ...Array.from({ length: 10 }, (): [number, number] => [HOUR, 4 * 2 ** 30]),
  ]);
  await prune(root, BOUNDS, NOW);
  assert.equal(left(root), names(2, 12));
});

pruning('an entry of nothing but its mark goes for being idle, and for no other reason', async () => {
  const marks = Array.from({ length: 20 }, (_, i): [number, number] => [(i + 14.5) * DAY, 0]);
  const root = entries([...marks, ...Array.from({ length: 8 }, (): [number, number] => [16 * DAY, 2 ** 31])]);
  await prune(root, BOUNDS, NOW);
  assert.equal(left(root), [...names(0, 16), ...names(20, 28)]);
});

pruning('all files of an entry count, whatever they are called', async () => {
  const root = entries([
    [3 * DAY, 6],
    [2 * DAY, 6],
  ]);
  writeFileSync(join(root, nameOf(1), 'graph.onnx_data'), 'x'.repeat(5));
  await prune(root, { ...BOUNDS, bytes: 16 }, NOW);
  assert.equal(left(root), [nameOf(1)]);
});

pruning('a folder without its mark is none', async () => {
  const root = entries([
    [HOUR, 1],
    [HOUR, 1],
  ]);
  rmSync(join(root, nameOf(0), 'record.json'));
  await prune(root, BOUNDS, NOW);
  assert.equal(left(root), [nameOf(1)]);
});

pruning('leftovers go when nobody can be busy with them; what is not ours stays', async () => {
  const root = entries([]);
  const name = (kind: string, i: number) => `${nameOf(i)}.0123456789ab.${kind}`;
  const all = [name('tmp', 1), name('old', 2), name('tmp', 3), 'notes', `${nameOf(4)}.tmp`];
  for (const folder of all) mkdirSync(join(root, folder));
  writeFileSync(join(root, `${nameOf(5)}.lock`), '');
  for (const folder of all) utimesSync(join(root, folder), NOW / 1000, (NOW - 2 * IN_USE_MS) / 1000);
  // Its maker says that it is busy.
  (await use(join(root, name('tmp', 3))))();
  await prune(root, BOUNDS, NOW);
  assert.equal(left(root), [name('tmp', 3), `${nameOf(4)}.tmp`, `${nameOf(5)}.lock`, 'notes'].sort());
});

pruning('what somebody begins to use while it is being removed is there for him, or was not', async () => {
  let kept = 0;
  for (let round = 0; round < 30; round++) {
    const root = entries(Array.from({ length: 30 }, (_, i) => [(i + 31) * DAY, 10]));
    const marks = names(0, 30).map((name) => join(root, name, 'record.json'));
    const pruned = prune(root, BOUNDS, NOW);
    // One after the other, so that some begin between the look at an entry and its removal.
    const found = marks.map(async (mark, i) => {
      await setTimeout(i / 3);
      return findAndUse(mark, () => Promise.resolve(existsSync(mark) || undefined));
    });
    await pruned;
    for (const [i, used] of (await Promise.all(found)).entries()) {
      used?.release();
      if (used === undefined) continue;
      kept++;
      assert.ok(existsSync(marks[i]!), `round ${round}: entry ${i} was found and is gone`);
    }
    assert.not(left(root).some((name) => name.endsWith('.old')));
  }
  assert.ok(kept > 0);
});

pruning.run();

const using = suite('a derived entry in use');

using('is marked before it is looked at, and stays whatever the bounds are', async () => {
  const root = entries([[40 * DAY, 1]]);
  const mark = join(root, nameOf(0), 'record.json');
  const used = await findAndUse(mark, () => Promise.resolve(Date.now() - statSync(mark).mtimeMs));
  assert.ok(used !== undefined && used.found < HOUR);
  used.release();
  used.release();
  await prune(root, { ...BOUNDS, entries: 0, bytes: 0 });
  assert.equal(left(root), [nameOf(0)]);
});

using('says so every hour, until it is released', async () => {
  const root = entries([[0, 1]]);
  const mark = join(root, nameOf(0), 'record.json');
  const timers = recordTimers();
  const release = await use(mark);
  timers.restore();
  const timer = timers.started[0]!;
  assert.is(timer.ms, HOUR);
  utimesSync(mark, 1000, 1000);
  timer.tick();
  await until(() => statSync(mark).mtimeMs > NOW - 1000, 'the next mark');
  release();
  assert.is(timer.isCleared(), true);
  rmSync(join(root, nameOf(0)), { recursive: true });
  timer.tick();
  await prune(root, BOUNDS);
  assert.equal(left(root), []);
});

using('what is not there, or of no use, or cannot be looked at, is not used and not made', async () => {
  const root = scratchFolder();
  const mark = join(root, nameOf(0), 'record.json');
  assert.is(await findAndUse(mark, () => Promise.resolve(undefined)), undefined);
  const unable = new Error('unable');
  const looking = findAndUse(mark, () => Promise.reject(unable));
  assert.is(await looking.catch((error: unknown) => error), unable);
  assert.equal(left(root), []);
});

using('a removal leaves nothing, and nothing to remove is no error', async () => {
  const root = entries([[0, 1]]);
  await removeEntry(root, nameOf(0));
  await removeEntry(root, nameOf(0));
  assert.equal(left(root), []);
  const [own, other] = [leftoverName(nameOf(1), 'tmp'), leftoverName(nameOf(2), 'tmp')];
  for (const name of [own, other]) mkdirSync(join(root, name));
  await removeLeftovers(root, nameOf(1));
  assert.equal(left(root), [other]);
});

using.run();
