// The index on disk: what survives a save, what damage is noticed, and what is left after failures and kills.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VisionError, type VisionErrorCode } from '../dist/esm/errors.js';
import { VectorIndex, type VectorIndexOptions } from '../dist/esm/index/vector-index.js';

const MODULE = new URL('../dist/esm/index/vector-index.js', import.meta.url).href;

const root = mkdtempSync(join(tmpdir(), 'index-store-'));
let folders = 0;
const newFolder = () => join(root, String(folders++));

function vectorOf(n: number, dimensions = 8): Float32Array {
  return Float32Array.from({ length: dimensions }, (_, i) => Math.sin(n * (i + 1) * 0.37) + 0.01);
}

function indexOf(count: number, options: Partial<VectorIndexOptions> = {}): VectorIndex<{ n: number }> {
  const index = VectorIndex.create<{ n: number }>({ dimensions: 8, ...options });
  for (let n = 0; n < count; n++) index.add(`id${n}`, vectorOf(n), { n });
  return index;
}

async function failure(
  promise: Promise<unknown>,
  code: VisionErrorCode,
  message: RegExp,
): Promise<VisionError> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, VisionError);
    assert.is((error as VisionError).code, code);
    assert.match((error as VisionError).message, message);
    return error as VisionError;
  }
  assert.unreachable(`expected ${code}`);
  throw new Error('unreachable');
}

function dataFiles(folder: string): { graph: string; entries: string; manifest: string } {
  const names = readdirSync(folder);
  const find = (start: string) =>
    join(
      folder,
      names.find((name) => name.startsWith(start))!,
    );
  return { graph: find('graph-'), entries: find('entries-'), manifest: find('manifest.json') };
}

interface ManifestText {
  [key: string]: unknown;
  sha256?: string;
  files: Record<string, { name: string; bytes: number; sha256: string }>;
}

// Changes a manifest and signs it again: what the hash cannot catch.
function forge(path: string, change: (manifest: ManifestText) => void): void {
  const body = JSON.parse(readFileSync(path, 'utf8')) as ManifestText;
  delete body.sha256;
  change(body);
  const hash = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  writeFileSync(path, JSON.stringify({ ...body, sha256: hash }));
}

function hashOf(path: string): { bytes: number; sha256: string } {
  const bytes = readFileSync(path);
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

const store = suite('store');
store.after(() => rmSync(root, { recursive: true, force: true }));

store('everything survives saving and opening', async () => {
  const folder = newFolder();
  const index = indexOf(300, { space: 'l2', m: 8, efConstruction: 50, efSearch: 77, model: 'fingerprint' });
  index.add('\u2028 "odd" \ud800 id\n', vectorOf(999));
  for (let n = 0; n < 50; n++) index.delete(`id${n}`);
  await index.save(folder);
  const again = await VectorIndex.open<{ n: number }>(folder, { model: 'fingerprint', dimensions: 8 });
  assert.equal(again.settings, { dimensions: 8, space: 'l2', m: 8, efConstruction: 50, efSearch: 77 });
  assert.is(again.model, 'fingerprint');
  assert.equal(again.ids(), index.ids());
  for (const id of index.ids()) assert.equal(again.get(id), index.get(id));
  for (let n = 0; n < 60; n++) {
    assert.equal(again.search(vectorOf(n), { k: 20 }), index.search(vectorOf(n), { k: 20 }));
  }
  again.add('id0', vectorOf(0), { n: 0 });
  assert.is(again.search(vectorOf(0))[0]!.id, 'id0');
  await again.save();
  assert.is((await VectorIndex.open(folder)).size, 252);
  assert.is(readdirSync(folder).length, 3);
});

store('efSearch is applied after opening, not only remembered', async () => {
  const folder = newFolder();
  const random = (n: number) =>
    Float32Array.from({ length: 48 }, (_, i) => (Math.sin(n * 12.9898 + i * 78.233) * 43758.5) % 1);
  const index = VectorIndex.create({ dimensions: 48, m: 4, efConstruction: 20, efSearch: 500 });
  for (let n = 0; n < 1500; n++) index.add(String(n), random(n));
  await index.save(folder);
  const again = await VectorIndex.open(folder);
  let differences = 0;
  for (let n = 2000; n < 2050; n++) {
    const ids = (hits: { id: string }[]) => hits.map(({ id }) => id);
    assert.equal(ids(again.search(random(n))), ids(index.search(random(n), { efSearch: 500 })));
    // 10 is what hnswlib falls back to.
    if (String(ids(again.search(random(n), { efSearch: 10 }))) !== String(ids(again.search(random(n)))))
      differences++;
  }
  assert.ok(differences > 5, `efSearch makes a difference for ${differences} of 50 queries`);
});

store('an index that is empty, or all deleted, survives too', async () => {
  for (const deleted of [0, 3]) {
    const folder = newFolder();
    const index = indexOf(deleted);
    for (let n = 0; n < deleted; n++) index.delete(`id${n}`);
    await index.save(folder);
    const again = await VectorIndex.open(folder);
    assert.is(again.size, 0);
    assert.equal(again.search(vectorOf(1)), []);
    again.add('a', vectorOf(1));
    assert.is(again.search(vectorOf(1)).length, 1);
  }
});

store('saving drops what was deleted once that is more than half', async () => {
  const folder = newFolder();
  const index = indexOf(200);
  for (let n = 0; n < 90; n++) index.delete(`id${n}`);
  await index.save(folder);
  const elements = () =>
    (JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { elements: number }).elements;
  assert.is(elements(), 200);
  for (let n = 90; n < 120; n++) index.delete(`id${n}`);
  await index.save();
  assert.is(elements(), 80);
  assert.equal((await VectorIndex.open(folder)).ids(), index.ids());
});

store('what is missing, foreign or disagreeing is refused by name', async () => {
  const empty = newFolder();
  mkdirSync(empty);
  await failure(VectorIndex.open(empty), 'INDEX_NOT_FOUND', /found no file .*manifest\.json/);
  await failure(VectorIndex.open(newFolder()), 'INDEX_NOT_FOUND', /manifest\.json/);
  writeFileSync(join(empty, 'file'), '');
  await failure(VectorIndex.open(join(empty, 'file')), 'INDEX_NOT_FOUND', /manifest\.json/);
  await failure(VectorIndex.open(5 as never), 'INVALID_ARGUMENT', /a path for folder but received 5/);
  await failure(
    VectorIndex.create({ dimensions: 2 }).save(),
    'INVALID_ARGUMENT',
    /folder but received undefined/,
  );

  const folder = newFolder();
  await indexOf(5, { model: 'A' }).save(folder);
  await failure(
    VectorIndex.open(folder, { model: 'B' }),
    'MODEL_MISMATCH',
    /Expected model "B".*received "A"/,
  );
  await failure(
    VectorIndex.open(folder, { dimensions: 9 }),
    'DIMENSION_MISMATCH',
    /Expected 9 .* received 8/,
  );
  await failure(VectorIndex.open(folder, { dimensions: '8' as never }), 'INVALID_OPTION', /"dimensions"/);
  await failure(
    VectorIndex.open(folder, { modle: 'A' } as never),
    'INVALID_OPTION',
    /Unknown option "modle"/,
  );
  await failure(VectorIndex.create({ dimensions: 9 }).load(folder), 'DIMENSION_MISMATCH', /received 8/);
  await failure(
    VectorIndex.create({ dimensions: 8, model: 'B' }).load(folder),
    'MODEL_MISMATCH',
    /received "A"/,
  );

  const { manifest } = dataFiles(folder);
  for (const [text, message] of [
    ['', /Expected JSON in .*manifest\.json/],
    ['[]', /Expected format "semantic-vision-index"/],
    ['null', /Expected format "semantic-vision-index"/],
    ['{"format":"faiss"}', /found "faiss"/],
    ['{"format":"semantic-vision-index","version":2}', /Expected version 1 .* found 2 .*another version/],
    ['{"format":"semantic-vision-index","version":1}', /Expected sha256/],
  ] as const) {
    writeFileSync(manifest, text);
    await failure(VectorIndex.open(folder), 'INDEX_CORRUPT', message);
  }
});

store('damage anywhere is noticed, named, and leaves the loaded index alone', async () => {
  const good = newFolder();
  await indexOf(120).save(good);
  const index = indexOf(7);
  const damage = async (message: RegExp, change: (files: ReturnType<typeof dataFiles>) => void) => {
    const folder = newFolder();
    cpSync(good, folder, { recursive: true });
    change(dataFiles(folder));
    const error = await failure(index.load(folder), 'INDEX_CORRUPT', message);
    assert.match(error.message, /Restore the folder from a backup, or build the index again/);
    assert.is(index.size, 7);
    assert.is(index.search(vectorOf(3))[0]!.id, 'id3');
  };
  for (const kind of ['graph', 'entries', 'manifest'] as const) {
    const length = readFileSync(dataFiles(good)[kind]).length;
    for (let region = 0; region < 12; region++) {
      const at = Math.floor((region / 12) * length);
      await damage(kind === 'manifest' ? /manifest\.json/ : /sha256/, (files) => {
        const bytes = readFileSync(files[kind]);
        bytes[at]! ^= 0x41;
        writeFileSync(files[kind], bytes);
      });
    }
    for (const size of [0, 1, Math.floor(length / 2), length - 2]) {
      await damage(/Expected/, (files) => truncateSync(files[kind], size));
    }
  }
  await damage(/the file that the manifest names .*graph-/, ({ graph }) => rmSync(graph));
  await damage(/the file that the manifest names .*entries-/, ({ entries }) => rmSync(entries));
  await damage(/bytes/, ({ graph }) => writeFileSync(graph, 'a foreign file'));
  await damage(/Expected \d+ bytes/, ({ graph }) => {
    rmSync(graph);
    mkdirSync(graph);
  });
});

store('a manifest that lies is refused before hnswlib reads anything', async () => {
  const good = newFolder();
  await indexOf(50).save(good);
  const lie = async (
    message: RegExp,
    change: (manifest: ManifestText, files: ReturnType<typeof dataFiles>) => void,
  ) => {
    const folder = newFolder();
    cpSync(good, folder, { recursive: true });
    const files = dataFiles(folder);
    forge(files.manifest, (manifest) => change(manifest, files));
    await failure(VectorIndex.open(folder), 'INDEX_CORRUPT', message);
  };
  const rewrite = (
    manifest: ManifestText,
    kind: 'graph' | 'entries',
    path: string,
    bytes: Uint8Array | string,
  ) => {
    writeFileSync(path, bytes);
    Object.assign(manifest.files[kind]!, hashOf(path));
  };
  await lie(/"files\.graph\.name" is "\.\./, (manifest) => (manifest.files.graph!.name = '../../etc/passwd'));
  await lie(/valid manifest/, (manifest) => (manifest.files = {}));
  await lie(/"dimensions"/, (manifest) => (manifest.dimensions = 1e9));
  await lie(/bytes per vector/, (manifest) => (manifest.dimensions = 4));
  await lie(/"count"/, (manifest) => (manifest.count = 51));
  await lie(/distinct ids and labels/, (manifest) => (manifest.count = 49));
  await lie(/Expected 60 vectors/, (manifest) => (manifest.elements = 60));
  for (const [offset, message] of [
    [16, /vectors/],
    [24, /bytes per vector/],
    [72, /links per vector/],
  ] as const) {
    await lie(message, (manifest, { graph }) => {
      const bytes = readFileSync(graph);
      bytes.writeBigUInt64LE(2n ** 60n, offset);
      rewrite(manifest, 'graph', graph, bytes);
    });
  }
  await lie(/bytes/, (manifest, { graph }) => {
    rewrite(manifest, 'graph', graph, readFileSync(graph).subarray(0, -3));
  });
  await lie(/bytes or more/, (manifest, { graph }) => rewrite(manifest, 'graph', graph, 'short'));
  await lie(/readable file/, (manifest, { entries }) =>
    rewrite(manifest, 'entries', entries, '["a",0]\n{"no'),
  );
  await lie(/distinct ids and labels/, (manifest, { entries }) => {
    const lines = readFileSync(entries, 'utf8').split('\n');
    lines[1] = lines[0]!;
    rewrite(manifest, 'entries', entries, lines.join('\n'));
  });
});

store('a failed save says so, leaves no files behind, and the former state loads', async () => {
  const file = join(root, 'a-file');
  writeFileSync(file, '');
  const index = indexOf(20);
  const error = await failure(
    index.save(join(file, 'folder')),
    'INDEX_WRITE_FAILED',
    /Cannot save the index in/,
  );
  assert.is((error.cause as NodeJS.ErrnoException).code, 'ENOTDIR');

  // A folder in the manifest's place: everything is written, and the rename, the very last step, fails.
  const folder = newFolder();
  mkdirSync(join(folder, 'manifest.json', 'x'), { recursive: true });
  await failure(index.save(folder), 'INDEX_WRITE_FAILED', /stored there before is still whole/);
  assert.equal(readdirSync(folder), ['manifest.json']);
  await failure(VectorIndex.open(folder), 'INDEX_CORRUPT', /found a folder/);

  rmSync(folder, { recursive: true });
  await index.save(folder);
  index.add('later', vectorOf(500));
  await failure(index.save(join(file, 'folder')), 'INDEX_WRITE_FAILED', /ENOTDIR/);
  assert.is((await VectorIndex.open(folder)).size, 20);
  await index.save();
  assert.is((await VectorIndex.open(folder)).size, 21);
});

store('a graph that could not be written whole is noticed although hnswlib says nothing', async () => {
  if (process.platform === 'win32') return;
  const folder = newFolder();
  await indexOf(100).save(folder);
  const script = `
    import { VectorIndex } from ${JSON.stringify(MODULE)};
    const index = await VectorIndex.open(${JSON.stringify(folder)});
    for (let n = 100; n < 5000; n++) index.add('id' + n, new Float32Array(8).fill(1));
    for (let attempt = 0; attempt < 2; attempt++) {
      await index.save().catch(({ code, message }) => console.log(code, message));
    }
    console.log(index.size);`;
  // Files may be 256 or 512 KiB, as shells differ: more than the entries take, less than the graph.
  const limited = ['-c', 'ulimit -f 512; exec "$0" --input-type=module -e "$1"', process.execPath, script];
  const lines = execFileSync('sh', limited, { encoding: 'utf8' }).trim().split('\n');
  assert.is(lines.length, 3);
  for (const line of lines.slice(0, 2)) {
    assert.match(line, /^INDEX_WRITE_FAILED .* should have \d+ bytes.* but has .*Check the free space/);
  }
  assert.is(lines[2], '5000');
  assert.is(readdirSync(folder).length, 3);
  assert.is((await VectorIndex.open(folder)).size, 100);
});

store('changes made while a save runs are searchable at once, and in the next save', async () => {
  const folder = newFolder();
  const index = VectorIndex.create<number>({ dimensions: 64 });
  for (let n = 0; n < 1500; n++) index.add(`id${n}`, vectorOf(n, 64), n);
  const progress = { saved: false };
  const saving = index.save(folder).then(() => (progress.saved = true));
  for (let n = 0; n < 50 || (!progress.saved && n < 700); n++) {
    index.add(`new${n}`, vectorOf(5000 + n, 64), -n);
    index.delete(`id${n}`);
    index.set(`id${1499 - n}`, vectorOf(9000 + n, 64), n);
    assert.is(index.search(vectorOf(5000 + n, 64), { k: 1 })[0]!.id, `new${n}`);
    assert.is(index.search(vectorOf(9000 + n, 64), { k: 1 })[0]!.id, `id${1499 - n}`);
    assert.is(
      index.search(vectorOf(n, 64), { k: 5 }).some(({ id }) => id === `id${n}`),
      false,
    );
    assert.ok(index.get(`new${n}`)!.vector.length === 64);
    if (n > 0) {
      index.delete(`new${n - 1}`);
      assert.not(index.search(vectorOf(5000 + n - 1, 64), { k: 5 }).some(({ id }) => id === `new${n - 1}`));
    }
    assert.is(index.search(vectorOf(0, 64), { k: 100_000 }).length, index.size);
    if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await saving;
  const then = await VectorIndex.open<number>(folder);
  // One moment of the past: every new entry but the last was deleted one step after it was added.
  const added = then.ids().filter((id) => id.startsWith('new'));
  assert.ok(added.length <= 1, added.join());
  assert.is(then.search(vectorOf(3, 64), { k: 100_000 }).length, then.size);
  await index.save();
  const now = await VectorIndex.open<number>(folder);
  assert.equal(new Set(now.ids()), new Set(index.ids()));
  for (const id of index.ids()) assert.equal(now.get(id), index.get(id));
});

store('a save in the middle of addMany holds a beginning of what is added', async () => {
  const folder = newFolder();
  const index = VectorIndex.create({ dimensions: 64 });
  const vectors = Array.from({ length: 3000 }, (_, n) => vectorOf(n, 64));
  const adding = index.addMany(vectors.map((vector, n) => ({ id: String(n), vector })));
  const sizes: number[] = [];
  for (let round = 0; round < 4; round++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    await index.save(folder);
    const then = await VectorIndex.open(folder);
    assert.equal(
      then.ids(),
      Array.from({ length: then.size }, (_, n) => String(n)),
    );
    sizes.push(then.size);
  }
  assert.is(await adding, 3000);
  assert.ok(sizes[0]! > 0 && sizes[0]! < 3000, sizes.join());
  await index.save();
  assert.is((await VectorIndex.open(folder)).size, 3000);
});

store('saves, loads and compactions called at once run one after the other', async () => {
  const [first, second] = [newFolder(), newFolder()];
  await indexOf(400).save(second);
  const index = indexOf(200);
  for (let n = 0; n < 20; n++) index.delete(`id${n}`);
  await Promise.all([
    index.save(first),
    index.compact(),
    index.save(first),
    index.load(second),
    index.compact(),
    index.save(second),
    index.close(),
  ]);
  assert.is((await VectorIndex.open(first)).size, 180);
  assert.is((await VectorIndex.open(second)).size, 400);
});

store('leftovers of dead writers go once they are old, strangers stay', async () => {
  const folder = newFolder();
  const index = indexOf(5);
  await index.save(folder);
  const old = [
    'graph-00000000000000aa.hnsw',
    'entries-00000000000000aa.jsonl',
    'manifest.json.00000000000000aa.tmp',
  ];
  const kept = ['graph-00000000000000bb.hnsw', 'notes.txt', 'graph-mine.hnsw'];
  for (const name of [...old, ...kept]) writeFileSync(join(folder, name), 'x');
  for (const name of [...old, 'notes.txt', 'graph-mine.hnsw']) utimesSync(join(folder, name), 1, 1);
  await index.save();
  const names = readdirSync(folder);
  for (const name of old) assert.not(names.includes(name));
  for (const name of kept) assert.ok(names.includes(name));
});

function spawnSaver(folder: string, first: number, pauseMs: number): ChildProcess {
  const script = `
    import { VectorIndex } from ${JSON.stringify(MODULE)};
    const vector = (n) => Float32Array.from({ length: 8 }, (_, i) => Math.sin(n * (i + 1) * 0.37) + 0.01);
    const index = VectorIndex.create({ dimensions: 8 });
    for (let n = ${first}; n < ${first} + 300; n++) index.add('id' + n, vector(n), { n });
    for (let n = ${first} + 300; ; n++) {
      index.add('id' + n, vector(n), { n });
      await index.save(${JSON.stringify(folder)}, { overwrite: true });
      process.stdout.write('.');
      await new Promise((resolve) => setTimeout(resolve, ${pauseMs}));
    }`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function saves(child: ChildProcess, count: number): Promise<void> {
  let seen = 0;
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the saver ended by itself')));
    // Goes on reading to the end: a closed pipe would end the saver.
    child.stdout!.on('data', (chunk: Buffer) => {
      seen += chunk.length;
      if (seen >= count) resolve();
    });
  });
}

function checkWhole(index: VectorIndex, first: number): void {
  assert.ok(index.size >= 301);
  for (const [position, id] of index.ids().entries()) {
    assert.is(id, `id${first + position}`);
    assert.equal(index.get(id)!.metadata, { n: first + position });
  }
  assert.is(index.search(vectorOf(first), { k: 100_000 }).length, index.size);
}

store('kill -9 in the middle of saves always leaves an index that loads', async () => {
  const folder = newFolder();
  for (let round = 0; round < 12; round++) {
    const child = spawnSaver(folder, 0, 0);
    const exited = once(child, 'exit');
    // The first save of all must have happened; later rounds may be killed inside their first one.
    if (round === 0) await saves(child, 1);
    await new Promise((resolve) => setTimeout(resolve, 300 + round * 7.3));
    child.kill('SIGKILL');
    await exited;
    const index = await VectorIndex.open(folder);
    checkWhole(index, 0);
    await index.close();
  }
});

store('two processes that overwrite one folder never mix, and it always loads', async () => {
  const folder = newFolder();
  const children = [spawnSaver(folder, 0, 7), spawnSaver(folder, 100_000, 9)];
  try {
    await Promise.all(children.map((child) => saves(child, 3)));
    const seen = new Set<string>();
    for (let round = 0; round < 60; round++) {
      const index = await VectorIndex.open(folder);
      const first = index.has('id0') ? 0 : 100_000;
      seen.add(String(first));
      checkWhole(index, first);
      await index.close();
    }
    assert.is(seen.size, 2);
  } finally {
    // Awaited: one still running could make the folder again after the clean-up.
    for (const child of children) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
  }
  assert.ok(existsSync(join(folder, 'manifest.json')));
});

store.run();
