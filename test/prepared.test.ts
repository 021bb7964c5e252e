// Prepared graphs: made once, found afterwards, never believed when they are not what they should be.
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTower } from '../dist/esm/inference/open-tower.js';
import { imageTensor, tokenTensor } from '../dist/esm/inference/session.js';
import { prepareGraph, type PrepareRequest } from '../dist/esm/models/prepared/prepare.js';
import { Hasher } from '../dist/esm/pool/hasher.js';
import type { PreparedGraph } from '../dist/esm/pool/protocol.js';
import { refused, sameBits, until } from './helpers/assertions.js';
import { ROOT, noise } from './helpers/fixtures.js';
import { SESSION_OPTIONS, TINY_GRAPH, scratchFolder, tinyRequest } from './helpers/prepared.js';

const hasher = new Hasher();
// Built once: building is what takes the time.
const built = scratchFolder();
const name = await (async () => {
  const { graph, outcome, reason, release } = await prepareGraph(tinyRequest(built, hasher));
  release();
  assert.is(outcome, 'built', reason);
  assert.is(graph?.path, join(built, only(built), 'graph.onnx'));
  return only(built);
})();

/** @returns a folder with the built graph, stamps and all: what a test does to it harms no other */
function copyOfBuilt(): { root: string; directory: string } {
  const root = scratchFolder();
  cpSync(built, root, { recursive: true, preserveTimestamps: true });
  return { root, directory: join(root, name) };
}

function only(root: string): string {
  const names = readdirSync(root);
  assert.is(names.length, 1, names.join(', '));
  return names[0]!;
}

async function prepare(request: PrepareRequest) {
  const preparation = await prepareGraph(request);
  preparation.release();
  return preparation;
}

function changeByte(path: string, position: number): void {
  const content = readFileSync(path);
  content[position]! ^= 1;
  writeFileSync(path, content);
}

const identical = suite('what a prepared graph computes');

async function outputs(
  prepared: PreparedGraph | undefined,
  path: string,
  threads: number,
  tensors: object[],
) {
  const options = { ...SESSION_OPTIONS, intraOpNumThreads: threads };
  const input = path.includes('text') ? 'input_ids' : 'pixel_values';
  const { session, shared } = await openTower(path, prepared, input, options);
  assert.is(shared, prepared !== undefined);
  const vectors: Float32Array[] = [];
  for (const tensor of tensors)
    vectors.push(...(await session.run(tensor as Parameters<typeof session.run>[0])));
  await session.release();
  return vectors;
}

function images(size: number) {
  return [1, 2, 3].map((seed) => {
    const pixels = Float32Array.from(noise(seed, size).data, (value) => value / 127.5 - 1);
    return imageTensor(pixels, size, size);
  });
}

const towers: [string, string, PrepareRequest['probe'], object[]][] = [
  ['the tiny model', TINY_GRAPH, { input: 'pixel_values', height: 64, width: 64 }, images(64)],
  [
    'the bundled image tower',
    join(ROOT, 'models/bundled/vision_model.onnx'),
    { input: 'pixel_values', height: 280, width: 280 },
    images(280),
  ],
  [
    'the bundled text tower',
    join(ROOT, 'models/bundled/text_model.onnx'),
    { input: 'input_ids' },
    [[1, 2, 3], [250], Array.from({ length: 40 }, (_, i) => i * 5)].map((ids) => tokenTensor([ids])),
  ],
];
for (const [title, path, probe, tensors] of towers) {
  identical(`${title}: the same bits as the graph itself, for any number of threads`, async () => {
    const request = { ...tinyRequest(scratchFolder(), hasher), path, probe };
    const { graph, reason } = await prepare(request);
    assert.ok(graph, reason);
    const expected = await outputs(undefined, path, 1, tensors);
    for (const threads of [1, 2, 3]) {
      const actual = await outputs(graph, path, threads, tensors);
      actual.forEach((vector, i) =>
        sameBits(vector, expected[i]!, `${title}, input ${i}, ${threads} threads`),
      );
    }
  });
}

identical('a graph that computes something else, or is gone, is not used: the source is', async () => {
  const { root, directory } = copyOfBuilt();
  const { graph } = await prepare(tinyRequest(root, hasher));
  const expected = await outputs(undefined, TINY_GRAPH, 1, images(64));
  const wrong: PreparedGraph[] = [
    { ...graph!, proof: graph!.proof.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) },
    { ...graph!, path: join(directory, 'gone.onnx') },
    { ...graph!, path: join(directory, 'record.json') },
  ];
  for (const prepared of wrong) {
    const { session, shared } = await openTower(TINY_GRAPH, prepared, 'pixel_values', SESSION_OPTIONS);
    assert.is(shared, false);
    sameBits((await session.run(images(64)[0]!))[0]!, expected[0]!);
    await session.release();
  }
});

identical('a source that is damaged is an error as ever', async () => {
  const record = join(built, name, 'record.json');
  const opening = openTower(record, undefined, 'pixel_values', SESSION_OPTIONS);
  await refused(opening, 'MODEL_INVALID');
});

identical.run();

const cache = suite('the folder of prepared graphs');

cache('the second start finds what the first one built', async () => {
  const before = statSync(join(built, name, 'weights.bin'));
  const { outcome, graph } = await prepare(tinyRequest(built, hasher));
  assert.is(outcome, 'found');
  assert.is(graph?.path, join(built, name, 'graph.onnx'));
  const after = statSync(join(built, name, 'weights.bin'));
  assert.equal([after.ino, after.mtimeMs], [before.ino, before.mtimeMs]);
  assert.equal(readdirSync(built), [name]);
  assert.equal(readdirSync(join(built, name)).sort(), ['graph.onnx', 'record.json', 'weights.bin']);
});

cache('a use is noted', async () => {
  const { root, directory } = copyOfBuilt();
  const record = join(directory, 'record.json');
  utimesSync(record, 1000, 1000);
  await prepare(tinyRequest(root, hasher));
  await until(() => statSync(record).mtimeMs > 1_000_000, 'the time of use');
});

cache('a copy is believed once its bytes have been read, and is not read again', async () => {
  const { root, directory } = copyOfBuilt();
  const stamps = () => /"stamp": "(.*)"/.exec(readFileSync(join(directory, 'record.json'), 'utf8'))?.[1];
  const copied = stamps();
  assert.is((await prepare(tinyRequest(root, hasher))).outcome, 'found');
  assert.is.not(stamps(), copied);
  // With nobody to read files, only the stamps can tell.
  const unable = { file: () => Promise.resolve({ ok: false }) } as unknown as Hasher;
  assert.is((await prepare(tinyRequest(root, unable))).outcome, 'found');
});

const damages: [string, (directory: string) => void][] = [
  ['a changed byte in the graph', (directory) => changeByte(join(directory, 'graph.onnx'), 100)],
  ['a changed byte in the weights', (directory) => changeByte(join(directory, 'weights.bin'), 9000)],
  [
    'a changed byte in the weights, and the time put back',
    (directory) => {
      const path = join(directory, 'weights.bin');
      const { atime, mtime } = statSync(path);
      changeByte(path, 9000);
      utimesSync(path, atime, mtime);
    },
  ],
  ['a truncated graph', (directory) => truncateSync(join(directory, 'graph.onnx'), 50)],
  ['truncated weights', (directory) => truncateSync(join(directory, 'weights.bin'), 4096)],
  ['longer weights', (directory) => appendFileSync(join(directory, 'weights.bin'), 'x')],
  ['no weights', (directory) => rmSync(join(directory, 'weights.bin'))],
  ['no graph', (directory) => rmSync(join(directory, 'graph.onnx'))],
  ['no record', (directory) => rmSync(join(directory, 'record.json'))],
  ['a record that is no JSON', (directory) => writeFileSync(join(directory, 'record.json'), '{"format"')],
  ['a record of nothing', (directory) => writeFileSync(join(directory, 'record.json'), '{"format":1}')],
  ...(
    [
      ['another format', '"format": 1', '"format": 2'],
      ['another ONNX Runtime', /"runtime": "[^"]*"/, '"runtime": "1.29.0"'],
      ['another CPU', /"features": "[^"]*"/, '"features": "avx"'],
      ['another source', '"tiny/image"', '"other/image"'],
      ['other options', '"graphOptimizationLevel": "all"', '"graphOptimizationLevel": "basic"'],
    ] as [string, string | RegExp, string][]
  ).map(([title, from, to]): [string, (directory: string) => void] => [
    title,
    (directory) => {
      const path = join(directory, 'record.json');
      const before = readFileSync(path, 'utf8');
      const after = before.replace(from, to);
      assert.is.not(after, before);
      writeFileSync(path, after);
    },
  ]),
  [
    'a foreign folder of that name',
    (directory) => {
      rmSync(directory, { recursive: true });
      mkdirSync(directory);
      writeFileSync(join(directory, 'notes.txt'), 'not ours');
    },
  ],
];
for (const [title, damage] of damages) {
  cache(`${title}: built anew`, async () => {
    const { root, directory } = copyOfBuilt();
    // Nothing but the damage is to be different: stamps of a copy are renewed first.
    await prepare(tinyRequest(root, hasher));
    damage(directory);
    const { outcome, reason, graph } = await prepare(tinyRequest(root, hasher));
    assert.is(outcome, 'built', reason);
    assert.equal(readdirSync(root), [name]);
    assert.equal(readdirSync(directory).sort(), ['graph.onnx', 'record.json', 'weights.bin']);
    const { session, shared } = await openTower(TINY_GRAPH, graph, 'pixel_values', SESSION_OPTIONS);
    assert.ok(shared);
    await session.release();
    assert.is((await prepare(tinyRequest(root, hasher))).outcome, 'found');
  });
}

cache('other options that matter, another source, another size: graphs of their own', async () => {
  const { root } = copyOfBuilt();
  const request = tinyRequest(root, hasher);
  const basic = { ...SESSION_OPTIONS, graphOptimizationLevel: 'basic' };
  assert.is((await prepare({ ...request, sessionOptions: basic })).outcome, 'built');
  assert.is((await prepare({ ...request, source: 'other' })).outcome, 'built');
  const more = { ...SESSION_OPTIONS, intraOpNumThreads: 2, logId: 'x', extra: {} };
  assert.is((await prepare({ ...request, sessionOptions: more })).outcome, 'found');
  assert.is(readdirSync(root).length, 3);
});

cache('a source that nobody has named is named by its bytes, and by those outside of it', async () => {
  const folder = scratchFolder();
  const [path, weights] = [join(folder, 'model.onnx'), join(folder, 'model.onnx_data')];
  cpSync(TINY_GRAPH, path);
  writeFileSync(weights, 'one');
  const directory = join(folder, 'prepared');
  const request = { ...tinyRequest(directory, hasher), path, outside: [weights], source: undefined };
  assert.is((await prepare(request)).outcome, 'built');
  assert.is((await prepare(request)).outcome, 'found');
  writeFileSync(weights, 'two');
  assert.is((await prepare(request)).outcome, 'built');
  assert.is(readdirSync(directory).length, 2);
  const { reason } = await prepare({ ...request, minBytes: 2_000_000 });
  assert.match(reason!, /1479016 of/);
  assert.is((await prepare({ ...request, outside: [join(folder, 'none')] })).outcome, 'failed');
});

cache('leftovers of a killed build of the same graph go with the next build', async () => {
  const root = scratchFolder();
  const own = join(root, `${name}.0123456789ab.tmp`);
  const other = join(root, `${'0'.repeat(32)}.0123456789ab.tmp`);
  const foreign = join(root, 'something.tmp');
  for (const folder of [own, other, foreign]) mkdirSync(folder);
  writeFileSync(join(own, 'weights.bin'), 'half');
  writeFileSync(join(root, `${name}.lock`), '');
  assert.is((await prepare(tinyRequest(root, hasher))).outcome, 'built');
  // Somebody else may be busy with the other one.
  assert.equal([own, other, foreign].map(existsSync), [false, true, true]);
  assert.not(existsSync(join(root, `${name}.lock`)));
});

cache('discarding removes it', async () => {
  const { root } = copyOfBuilt();
  const { discard } = await prepareGraph(tinyRequest(root, hasher));
  await discard();
  assert.equal(readdirSync(root), []);
  await discard();
});

cache.run();

const without = suite('without a prepared graph');

without('small graphs and other providers are skipped, and nothing is written', async () => {
  const root = join(scratchFolder(), 'none');
  const request = tinyRequest(root, hasher);
  const skipped: [PrepareRequest, RegExp][] = [
    [{ ...request, minBytes: undefined }, /small: 1479013/],
    [{ ...request, minBytes: 1_479_014 }, /small/],
    [{ ...request, sessionOptions: { ...SESSION_OPTIONS, executionProviders: ['cuda', 'cpu'] } }, /provider/],
    [
      { ...request, sessionOptions: { ...SESSION_OPTIONS, executionProviders: [{ name: 'xnnpack' }] } },
      /provider/,
    ],
    [
      { ...request, sessionOptions: { ...SESSION_OPTIONS, optimizedModelFilePath: 'x' } },
      /optimizedModelFilePath/,
    ],
  ];
  for (const [given, message] of skipped) {
    const { graph, outcome, reason } = await prepare(given);
    assert.equal([graph, outcome], [undefined, 'skipped']);
    assert.match(reason!, message);
  }
  assert.not(existsSync(root));
});

without('a folder that cannot be written is no error', async () => {
  const file = join(scratchFolder(), 'file');
  writeFileSync(file, '');
  const { graph, outcome, reason } = await prepare(tinyRequest(join(file, 'prepared'), hasher));
  assert.equal([graph, outcome], [undefined, 'failed']);
  assert.match(reason!, /ENOTDIR/);
});

without('a graph that cannot be loaded is no error here, and leaves nothing', async () => {
  const root = scratchFolder();
  const path = join(root, 'model.onnx');
  writeFileSync(path, 'not a graph');
  const directory = join(root, 'prepared');
  const { outcome, reason } = await prepare({ ...tinyRequest(directory, hasher), path });
  assert.is(outcome, 'failed');
  assert.match(reason!, /ONNX Runtime cannot load/);
  assert.equal(readdirSync(directory), []);
  const missing = await prepare({
    ...tinyRequest(directory, hasher),
    path: join(root, 'none', 'model.onnx'),
  });
  assert.is(missing.outcome, 'failed');
});

without('giving up ends the build at once and leaves nothing', async () => {
  const directory = scratchFolder();
  const controller = new AbortController();
  const preparing = prepare({ ...tinyRequest(directory, hasher), signal: controller.signal });
  await until(() => readdirSync(directory).some((entry) => entry.endsWith('.tmp')), 'the build');
  controller.abort(new Error('enough'));
  const { outcome, reason } = await preparing;
  assert.equal([outcome, reason], ['failed', 'enough']);
  assert.equal(readdirSync(directory), []);
  assert.is((await prepare(tinyRequest(directory, hasher))).outcome, 'built');
});

without('the runtime is not loaded into the process that asks', () => {
  if (process.platform !== 'linux') return;
  // This process has loaded it for other tests.
  const program = `import { prepareGraph } from ${JSON.stringify(join(ROOT, 'dist/esm/models/prepared/prepare.js'))};
    import { Digests } from ${JSON.stringify(join(ROOT, 'dist/esm/models/digests.js'))};
    import { Hasher } from ${JSON.stringify(join(ROOT, 'dist/esm/pool/hasher.js'))};
    import { readFileSync } from 'node:fs';
    const { outcome, release } = await prepareGraph({ ...${JSON.stringify(tinyRequest(scratchFolder(), hasher))}, digests: new Digests(new Hasher()) });
    release();
    console.log(outcome, readFileSync('/proc/self/maps', 'utf8').includes('libonnxruntime'));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  assert.is(stdout, 'built false\n', stderr);
});

without.after(() => hasher.close());
without.run();
