// Several writers of one index folder: what a save has acknowledged is never lost unnoticed, whoever saves next.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { VisionError } from '../dist/esm/errors.js';
import { VectorIndex } from '../dist/esm/index/vector-index.js';
import { refused, settles } from './helpers/assertions.js';

const dist = (path: string) => JSON.stringify(new URL(`../dist/esm/${path}`, import.meta.url).href);
const VECTOR = Float32Array.of(1, 2, 3);
const GUARD_MS = 120_000;

const root = mkdtempSync(join(tmpdir(), 'index-conflict-'));
let folders = 0;
const newFolder = () => join(root, String(folders++));

const conflict = suite('index conflict');
conflict.after(() => rmSync(root, { recursive: true, force: true }));

function indexOf(...ids: string[]): VectorIndex {
  const index = VectorIndex.create({ dimensions: 3 });
  for (const id of ids) index.add(id, VECTOR);
  return index;
}

async function stored(folder: string): Promise<string[]> {
  const index = await VectorIndex.open(folder);
  const ids = index.ids();
  await index.close();
  return ids;
}

async function conflicts(saving: Promise<void>): Promise<VisionError> {
  return refused(saving, 'INDEX_CONFLICT');
}

conflict('a new index does not replace one that is there, unless it is told to', async () => {
  const folder = newFolder();
  await indexOf('a', 'b').save(folder);
  const before = readdirSync(folder).sort();
  const index = indexOf('c');
  const { message } = await conflicts(index.save(folder));
  const { mtime } = statSync(join(folder, 'manifest.json'));
  assert.match(message, `2 entries, saved at ${mtime.toISOString()}`);
  assert.match(message, folder);
  assert.match(message, /Open it and add to it, save to another folder, or .*\{ overwrite: true \}/);
  assert.equal(readdirSync(folder).sort(), before);
  assert.equal(await stored(folder), ['a', 'b']);
  // It was not remembered as its folder either.
  await refused(index.save(), 'INVALID_ARGUMENT');

  await index.save(folder, { overwrite: true });
  assert.equal(await stored(folder), ['c']);
  index.add('d', VECTOR);
  await index.save();
  assert.equal(await stored(folder), ['c', 'd']);
  assert.is(readdirSync(folder).length, 3);
});

conflict('of two that were opened, the second to save is refused, and can begin anew', async () => {
  const folder = newFolder();
  await indexOf('a').save(folder);
  const [first, second] = [await VectorIndex.open(folder), await VectorIndex.open(folder)];
  first.add('first', VECTOR);
  second.add('second', VECTOR);
  await first.save();
  await conflicts(second.save());
  await conflicts(second.save());
  assert.is(second.size, 2);
  first.add('more', VECTOR);
  await first.save();
  await second.load(folder);
  second.add('second', VECTOR);
  await second.save();
  assert.equal(await stored(folder), ['a', 'first', 'more', 'second']);
  await conflicts(first.save());
});

conflict('saves of one object, to several folders in turn, are no conflict', async () => {
  const [here, there] = [newFolder(), newFolder()];
  const index = indexOf('a');
  const ids = ['a'];
  for (const folder of [here, here, there, here, there, there]) {
    ids.push(`id${ids.length}`);
    index.add(ids.at(-1)!, VECTOR);
    await index.save(folder);
    assert.equal(await stored(folder), ids);
  }
  // Its folder may have another name, be a copy, be gone, or be looked at through a link.
  const moved = newFolder();
  renameSync(there, moved);
  await index.save(moved);
  const copy = newFolder();
  cpSync(here, copy, { recursive: true });
  await index.save(copy);
  rmSync(copy, { recursive: true });
  await index.save(copy);
  if (process.platform !== 'win32') {
    symlinkSync(here, join(root, 'link'));
    await index.save(join(root, 'link'));
    assert.equal(await stored(here), ids);
  }
});

conflict('what was loaded is what may be replaced, and nothing that was held before', async () => {
  const [here, there] = [newFolder(), newFolder()];
  const index = indexOf('a');
  await index.save(here);
  await indexOf('b').save(there);
  await index.load(there);
  await conflicts(index.save(here));
  await index.save(there);
  assert.equal([await stored(here), await stored(there)], [['a'], ['b']]);
});

conflict('what cannot be read may be of value all the same', async () => {
  for (const text of ['', '{"format":"semantic-vision-index","version":2}']) {
    const folder = newFolder();
    await indexOf('a').save(folder);
    writeFileSync(join(folder, 'manifest.json'), text);
    const error = await conflicts(indexOf('b').save(folder));
    assert.match(error.message, /cannot be read as one/);
    assert.is((error.cause as VisionError).code, 'INDEX_CORRUPT');
    await indexOf('b').save(folder, { overwrite: true });
    assert.equal(await stored(folder), ['b']);
  }
});

conflict('options are checked', async () => {
  const index = indexOf('a');
  await refused(
    index.save(newFolder(), { overwrite: 1 as never }),
    'INVALID_OPTION',
    /true or false .*"overwrite"/,
  );
  await refused(
    index.save(newFolder(), { overwrit: true } as never),
    'INVALID_OPTION',
    /Unknown option "overwrit"/,
  );
  await refused(index.save(newFolder(), null as never), 'INVALID_OPTION');
  await index.save(newFolder(), { overwrite: undefined } as never);
});

conflict('of many objects that save at once, one does', async () => {
  const folder = newFolder();
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, (_, n) => indexOf(String(n)).save(folder)),
  );
  const winners = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [String(n)] : []));
  assert.is(winners.length, 1);
  assert.equal(await stored(folder), winners);
  assert.is(readdirSync(folder).length, 3);
});

// Adds entries of its own, each acknowledged once it is saved; after a conflict it begins anew from what is stored.
const WRITER = `
  import { VectorIndex } from ${dist('index/vector-index.js')};
  export async function write(folder, name, count, acknowledge) {
    for (let n = 0; n < count; n++) {
      for (;;) {
        const index = await VectorIndex.open(folder).catch((error) => {
          if (error.code !== 'INDEX_NOT_FOUND') throw error;
          return VectorIndex.create({ dimensions: 3 });
        });
        index.add(name + n, Float32Array.of(n + 1, 2, 3));
        try {
          await index.save(folder);
          acknowledge(name + n);
          break;
        } catch (error) {
          if (error.code !== 'INDEX_CONFLICT') throw error;
        } finally {
          await index.close();
        }
      }
    }
  }`;

interface Writer {
  child: ChildProcess;
  acknowledged: string[];
  ended: Promise<number | null>;
}

function startWriter(folder: string, name: string, count: number): Writer {
  const script = `${WRITER}
    await write(${JSON.stringify(folder)}, ${JSON.stringify(name)}, ${count}, (id) => console.log(id));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: string[] = [];
  let rest = '';
  child.stdout.on('data', (chunk) => {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop()!;
    acknowledged.push(...lines);
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, acknowledged, ended };
}

conflict('three processes at once: nothing that was acknowledged is lost', async () => {
  const folder = newFolder();
  const count = 40;
  const writers = ['a', 'b', 'c'].map((name) => startWriter(folder, name, count));
  const codes = await settles(Promise.all(writers.map(({ ended }) => ended)), 'three writers', GUARD_MS);
  assert.equal(codes, [0, 0, 0]);
  const all = writers.flatMap(({ acknowledged }) => acknowledged);
  assert.is(all.length, 3 * count);
  assert.equal((await stored(folder)).sort(), all.sort());
  assert.is(readdirSync(folder).length, 3);
});

conflict('nor when some of them are killed anywhere', async () => {
  const folder = newFolder();
  const all: string[] = [];
  let killed = 0;
  for (let round = 0; round < 8; round++) {
    const writers = ['a', 'b', 'c'].map((name) => startWriter(folder, `${name}${round}-`, 12));
    const victims = writers.slice(0, 2);
    victims.forEach(({ child }, i) => setTimeout(() => child.kill('SIGKILL'), 250 + round * 23 + i * 17));
    const codes = await settles(Promise.all(writers.map(({ ended }) => ended)), `round ${round}`, GUARD_MS);
    assert.is(codes[2], 0, 'the one that was left alone is not held up');
    killed += codes.filter((code) => code === null).length;
    all.push(...writers.flatMap(({ acknowledged }) => acknowledged));
    const ids = new Set(await stored(folder));
    assert.equal(
      all.filter((id) => !ids.has(id)),
      [],
      `after round ${round}`,
    );
  }
  assert.ok(killed > 0);
});

conflict('threads are no exception', async () => {
  const folder = newFolder();
  const script = `${WRITER}
    import { parentPort, workerData } from 'node:worker_threads';
    await write(workerData.folder, workerData.name, 10, (id) => parentPort.postMessage(id));`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
  const acknowledged: string[] = [];
  const threads = ['a', 'b', 'c'].map((name) => new Worker(url, { workerData: { folder, name } }));
  for (const thread of threads) thread.on('message', (id) => acknowledged.push(String(id)));
  const codes = await settles(
    Promise.all(threads.map(async (thread) => (await once(thread, 'exit'))[0] as number)),
    'three threads',
    GUARD_MS,
  );
  assert.equal(codes, [0, 0, 0]);
  assert.is(acknowledged.length, 30);
  assert.equal((await stored(folder)).sort(), acknowledged.sort());
});

function startHolder(folder: string): ChildProcess {
  const script = `
    import { withLock } from ${dist('files/lock.js')};
    await withLock(${JSON.stringify(join(folder, 'save.lock'))}, 1, undefined, () => {
      console.log('held');
      return new Promise((resolve) => process.stdin.once('data', resolve).once('end', resolve));
    });`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

conflict('a save waits for the one that is at it, and for nobody who is dead', async () => {
  const folder = newFolder();
  const index = indexOf('a');
  await index.save(folder);
  for (const end of ['finish', 'kill'] as const) {
    const holder = startHolder(folder);
    try {
      await once(holder.stdout!, 'data');
      index.add(end, VECTOR);
      let saved = false;
      const saving = index.save().then(() => (saved = true));
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.is(saved, false);
      assert.not((await stored(folder)).includes(end), 'it can be read meanwhile');
      if (end === 'kill') holder.kill('SIGKILL');
      else holder.stdin!.end();
      await settles(saving, `the save after ${end}`);
      assert.ok((await stored(folder)).includes(end));
    } finally {
      holder.kill('SIGKILL');
    }
  }
  assert.is(readdirSync(folder).length, 3);
});

conflict(
  'where there are no locks, a save is an error that says what to do, and overwriting works',
  async () => {
    const folder = newFolder();
    await indexOf('a').save(folder);
    const script = `
    import Module from 'node:module';
    const resolve = Module._resolveFilename;
    Module._resolveFilename = (request, ...rest) => {
      if (request === 'fs-native-extensions') throw new Error('not for this platform');
      return resolve(request, ...rest);
    };
    const { VectorIndex } = await import(${dist('index/vector-index.js')});
    const index = await VectorIndex.open(${JSON.stringify(folder)});
    index.add('b', Float32Array.of(1, 2, 3));
    await index.save().catch(({ code, message }) => console.log(code, message));
    await index.save(undefined, { overwrite: true });
    console.log(index.size);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    await settles(once(child, 'close'), 'the child', GUARD_MS);
    const [refusal = '', size] = output.split('\n');
    assert.match(refusal, /^NATIVE_UNAVAILABLE .*fs-native-extensions.*overwrite: true/);
    assert.is(size, '2');
    assert.equal(await stored(folder), ['a', 'b']);
    assert.is(readdirSync(folder).length, 3);
  },
);

conflict.run();
