// A snapshot: what the cache has is used, what it lacks is fetched, what cannot be had is said.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DownloadProgress } from '../dist/esm/types.js';
import { Digests } from '../dist/esm/models/digests.js';
import { HubSession } from '../dist/esm/models/hub/snapshot.js';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { refused, settles, until } from './helpers/assertions.js';
import { Client, QUICK, REPO, holds, large, small } from './helpers/hub-client.js';
import { HubServer, type ServedFile } from './helpers/hub-server.js';

const KIB = 1024;
const hasher = new Hasher();
const files = { 'model.onnx': large(300 * KIB), 'config.json': small(700) };
const OFFLINE = { offline: true };
// Nobody listens there: any request fails.
const UNPLUGGED = { endpoint: 'http://127.0.0.1:9' };

const snapshots = suite('HubSession');
let server: HubServer;
let client: Client;
let commit = '';

snapshots.before.each(async () => {
  server = await HubServer.start();
  commit = server.commit(REPO, files);
  client = new Client(server, hasher);
});
snapshots.after.each(async () => {
  client.remove();
  await server.close();
});
snapshots.after(() => hasher.close());

// What Python writes, without its help.
function writeAsPython(contents: Record<string, ServedFile>): void {
  for (const [path, file] of Object.entries(contents)) {
    const pointer = client.path('snapshots', commit, ...path.split('/'));
    for (const folder of [dirname(client.blob(file)), dirname(pointer), client.path('refs')])
      mkdirSync(folder, { recursive: true });
    writeFileSync(client.blob(file), file.content);
    symlinkSync(
      join(...path.split('/').map(() => '..'), '..', 'blobs', client.blob(file).split('/').at(-1)!),
      pointer,
    );
  }
  writeFileSync(client.path('refs', 'main'), commit);
}

snapshots('what Python has downloaded is used: by commit without a request, by branch with one', async () => {
  writeAsPython(files);
  holds(await client.fetch({ revision: commit }), files);
  assert.is(server.seen.length, 0);
  const snapshot = await client.fetch();
  holds(snapshot, files);
  assert.is(snapshot.commit, commit);
  assert.is(snapshot.directory, client.path('snapshots', commit));
  assert.is(server.seen.length, 1);
  holds(await client.fetch({ settings: OFFLINE }), files);
  assert.is(server.seen.length, 1);
});

snapshots('what Python has as copies, without blobs, is used', async () => {
  for (const [path, { content }] of Object.entries(files)) {
    const pointer = client.path('snapshots', commit, path);
    mkdirSync(dirname(pointer), { recursive: true });
    writeFileSync(pointer, content);
  }
  holds(await client.fetch({ revision: commit }), files);
  assert.is(server.seen.length, 0);
});

snapshots('only what is missing is fetched', async () => {
  writeAsPython({ 'config.json': files['config.json'] });
  holds(await client.fetch({ revision: commit }), files);
  assert.equal(
    server.seen.map(({ method, at }) => `${method} ${at}`),
    ['HEAD hub', 'GET hub', 'GET cdn'],
  );
});

snapshots('links go where Python puts them, from any depth', async () => {
  server.commit(REPO, { 'onnx/fp16/model.onnx': files['model.onnx'] }, 'deep');
  const { files: found } = await client.fetch({ revision: 'deep', files: ['onnx/fp16/model.onnx'] });
  const target = readlinkSync(found.get('onnx/fp16/model.onnx')!.path);
  assert.match(target, /^\.\.\/\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
});

snapshots('a branch that moves: the new commit, old blobs used again, the old snapshot kept', async () => {
  const before = await client.fetch();
  const changed = { ...files, 'config.json': small(701) };
  const next = server.commit(REPO, changed);
  server.reset();
  const after = await client.fetch();
  assert.is(after.commit, next);
  holds(after, changed);
  holds(before, files);
  assert.is(server.count('GET', 'cdn'), 0);
  assert.is(readFileSync(client.path('refs', 'main'), 'utf8'), next);
});

snapshots('an update that fails half way leaves the old commit in use', async () => {
  await client.fetch();
  server.commit(REPO, { ...files, 'model.onnx': large(200 * KIB) });
  server.before = ({ at }) => {
    if (at === 'cdn') server.faults.length = 0;
    if (at === 'hub') server.faults.push({ kind: 'cut', at: 10, reset: false });
  };
  holds(await client.fetch({ timing: { attempts: 2 } }), files);
  server.before = undefined;
  assert.is(readFileSync(client.path('refs', 'main'), 'utf8'), commit);
  holds(await client.fetch({ settings: OFFLINE }), files);
});

snapshots('optional files: their absence is remembered as Python does', async () => {
  const wish = { files: ['config.json', { path: 'a/none.json', optional: true }] };
  const { files: found } = await client.fetch(wish);
  assert.equal([...found.keys()], ['config.json']);
  const marker = client.path('.no_exist', commit, 'a', 'none.json');
  assert.is(readFileSync(marker, 'utf8'), '');
  server.reset();
  await client.fetch({ ...wish, revision: commit });
  assert.is(server.seen.length, 0);
  await client.fetch({ ...wish, settings: OFFLINE });
  await refused(client.fetch({ files: ['a/none.json'], revision: commit }), 'MODEL_NOT_FOUND');
});

snapshots('optional files alone still give the commit; a missing repository is no missing file', async () => {
  const wish = { files: [{ path: 'none.json', optional: true }] };
  const snapshot = await client.fetch(wish);
  assert.is(snapshot.commit, commit);
  assert.is(snapshot.files.size, 0);
  await refused(client.fetch({ ...wish, repo: 'org/none' }), 'MODEL_NOT_FOUND', /repository/);
  await refused(client.fetch({ ...wish, revision: 'none' }), 'MODEL_NOT_FOUND', /revision/);
});

snapshots('offline: no request, and an error that says what is missing', async () => {
  const nothing = await refused(client.fetch({ settings: OFFLINE }), 'MODEL_NOT_CACHED');
  assert.match(nothing.message, /model\.onnx, config\.json of org\/some-model at main .*HF_HUB_OFFLINE/);
  assert.ok(nothing.message.includes(client.directory));
  writeAsPython({ 'config.json': files['config.json'] });
  await refused(client.fetch({ settings: OFFLINE }), 'MODEL_NOT_CACHED', /find model\.onnx of/);
  await refused(client.fetch({ settings: OFFLINE, revision: 'other' }), 'MODEL_NOT_CACHED', /at other/);
  assert.is(server.seen.length, 0);
});

snapshots('offline: a damaged file is an error and not used', async () => {
  await client.fetch();
  writeFileSync(client.blob(files['model.onnx']), 'damaged');
  await refused(client.fetch({ settings: OFFLINE }), 'MODEL_INVALID', /model\.onnx is damaged/);
  holds(await client.fetch(), files);
});

snapshots('a hub out of reach: the cache is used if it has everything, after one try', async () => {
  await refused(client.fetch({ settings: UNPLUGGED, timing: { attempts: 2 } }), 'HUB_UNREACHABLE');
  await client.fetch();
  holds(await client.fetch({ settings: UNPLUGGED }), files);
  for (const status of [500, 429, 401, 403]) {
    server.reset();
    server.faults.push({ kind: 'status', status });
    holds(await client.fetch(), files);
    assert.is(server.seen.length, 1, `${status}`);
  }
  await refused(
    client.fetch({ settings: UNPLUGGED, files: ['other.bin'], timing: { attempts: 2 } }),
    'HUB_UNREACHABLE',
  );
});

snapshots('a hub that was down a moment ago is not waited for again where the cache may do', async () => {
  const settings = {
    endpoint: server.endpoint,
    cacheDirectory: client.directory,
    assetsDirectory: client.directory,
    token: undefined,
    offline: false,
  };
  await client.fetch();
  server.reset();
  server.down = () => true;
  const digests = new Digests(hasher);
  const session = new HubSession({ repo: REPO, revision: 'main', settings, digests }, QUICK);
  await session.get([{ path: 'config.json' }], true);
  await refused(session.first(['onnx/model.onnx', 'model.onnx'], false), 'HUB_UNREACHABLE');
  assert.equal(
    server.seen.map(({ path }) => path.split('/').at(-1)),
    ['config.json', 'model.onnx'],
    'each is asked for once',
  );
});

snapshots('a revision that the hub no longer has is an error even if it is cached', async () => {
  await client.fetch();
  server.faults.push({ kind: 'status', status: 404, headers: { 'x-error-code': 'RevisionNotFound' } });
  await refused(client.fetch(), 'MODEL_NOT_FOUND');
});

snapshots('names are checked before anything else', async () => {
  await refused(client.fetch({ repo: '../x' }), 'INVALID_OPTION');
  await refused(client.fetch({ revision: '../x' }), 'INVALID_OPTION');
  await refused(client.fetch({ files: ['config.json', '../x'] }), 'INVALID_ARGUMENT');
  await refused(client.fetch({ files: [] }), 'INVALID_ARGUMENT');
  assert.is(server.seen.length, 0);
});

snapshots('names with anything else in them are sent and stored as they are', async () => {
  const odd = { 'a b/ü+#?%20.txt': small(10) };
  // ? is not for Windows and refused; the rest must survive.
  await refused(client.fetch({ files: Object.keys(odd) }), 'INVALID_ARGUMENT');
  const good = { 'a b/ü+#%20.txt': small(10) };
  server.commit(REPO, good, 'refs/pr/7');
  holds(await client.fetch({ revision: 'refs/pr/7', files: Object.keys(good) }), good);
  assert.ok(existsSync(client.path('refs', 'refs', 'pr', '7')));
});

snapshots('progress: begins, grows, ends with everything; nothing for what the cache has', async () => {
  const reports: DownloadProgress[] = [];
  const onProgress = (progress: DownloadProgress) => void reports.push(progress);
  await client.fetch({ onProgress, timing: { report: 0 } });
  const total = 300 * KIB + 700;
  assert.equal(reports.at(-1), { file: 'config.json', fileBytes: 700, fileTotal: 700, bytes: total, total });
  const ofModel = reports.filter(({ file }) => file === 'model.onnx');
  assert.ok(ofModel.length > 2);
  assert.equal(
    reports.map(({ bytes }) => bytes),
    reports.map(({ bytes }) => bytes).sort((a, b) => a - b),
  );
  reports.length = 0;
  await client.fetch({ onProgress });
  assert.equal(reports, []);
  client.remove();
  await client.fetch({ onProgress, timing: { report: 1e9 } });
  // The first bytes of each file, and its end.
  assert.ok(reports.length <= 4, `${reports.length} reports`);
  assert.is(reports.at(-1)?.bytes, total);
});

snapshots('an abort stops at once, keeps what has arrived, leaves no lock', async () => {
  for (const when of ['HEAD', 'GET'] as const) {
    const controller = new AbortController();
    server.before = ({ method }) => {
      if (method === when) controller.abort(new Error('mine'));
      return method === when ? new Promise<void>(() => undefined) : undefined;
    };
    const error = await settles(refused(client.fetch({ signal: controller.signal }), 'ABORTED'), when);
    assert.is((error.cause as Error).message, 'mine');
    server.before = undefined;
  }
  const controller = new AbortController();
  server.faults.push(undefined, { kind: 'stall', at: 200 * KIB });
  const onProgress = ({ fileBytes }: DownloadProgress) => {
    if (fileBytes >= 200 * KIB) controller.abort();
  };
  const timing = { report: 0 };
  const wish = { files: ['model.onnx'], signal: controller.signal, onProgress, timing };
  await settles(refused(client.fetch(wish), 'ABORTED'), 'the abort');
  assert.equal(
    client.list().map((path) => path.split('.').slice(-2).join('.')),
    ['semantic-vision.incomplete'],
  );
  server.reset();
  holds(await client.fetch(), files);
  assert.is(server.seen.find(({ at }) => at === 'cdn')?.range, `bytes=${200 * KIB}-`);
  client.isTidy();
  const late = AbortSignal.abort();
  await refused(client.fetch({ signal: late }), 'ABORTED');
});

snapshots('an abort, and silence, end a body even after a garbage collection', async () => {
  const stalled = async () => {
    server.faults.push(undefined, { kind: 'stall', at: 200 * KIB });
    const before = server.count('GET', 'cdn');
    await until(() => server.count('GET', 'cdn') > before, 'the stall');
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      (globalThis as { gc?: () => void }).gc?.();
    }
  };
  const controller = new AbortController();
  const first = refused(client.fetch({ files: ['model.onnx'], signal: controller.signal }), 'ABORTED');
  await stalled();
  controller.abort();
  await settles(first, 'the abort');
  server.reset();
  const second = client.fetch({ files: ['model.onnx'], timing: { idle: 300 } });
  await stalled();
  holds(await settles(second, 'the silence'), { 'model.onnx': files['model.onnx'] });
});

snapshots('many calls at once download once', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => client.fetch()));
  for (const snapshot of all) holds(snapshot, files);
  assert.is(server.count('GET', 'cdn'), 1);
  assert.is(server.count('GET', 'hub'), 2);
  client.isTidy();
});

snapshots('one that waits goes on when the one that downloads is aborted', async () => {
  const controller = new AbortController();
  server.faults.push(undefined, { kind: 'stall', at: 200 * KIB });
  const wish = { files: ['model.onnx'] };
  const first = client.fetch({ ...wish, signal: controller.signal });
  await until(() => server.count('GET', 'cdn') === 1, 'the first download');
  const second = client.fetch(wish);
  await until(() => server.count('HEAD') === 2, 'the second call');
  controller.abort();
  await refused(first, 'ABORTED');
  holds(await settles(second, 'the second call'), { 'model.onnx': files['model.onnx'] });
});

snapshots('an error of the caller goes to the caller', async () => {
  const mine = new Error('mine');
  const onProgress = () => {
    throw mine;
  };
  await client.fetch({ onProgress }).then(
    () => assert.unreachable(),
    (error: unknown) => assert.is(error, mine),
  );
  assert.is(client.list().filter((path) => path.endsWith('.lock')).length, 0);
});

snapshots('a cache that cannot be written', async () => {
  writeFileSync(client.path(), 'a file where the folder should be');
  await refused(client.fetch(), 'CACHE_UNUSABLE', /HF_HUB_CACHE/);
});

snapshots('a read-only cache is used, and an error where something is missing', async () => {
  await client.fetch();
  server.commit(REPO, { 'model.onnx': small(5) }, 'other');
  const folders = ['..', '', 'refs', 'snapshots', 'blobs'].map((name) => client.path(name));
  for (const folder of folders) chmodSync(folder, 0o555);
  // Root may write everywhere, so be nobody meanwhile.
  const root = process.getuid?.() === 0;
  if (root) process.seteuid?.(65534);
  try {
    holds(await client.fetch(), files);
    await refused(
      client.fetch({ revision: 'other', files: ['model.onnx'] }),
      'CACHE_UNUSABLE',
      /HF_HUB_CACHE/,
    );
  } finally {
    if (root) process.seteuid?.(0);
    for (const folder of folders) chmodSync(folder, 0o755);
  }
});

snapshots('leftovers of others are left alone', async () => {
  mkdirSync(client.path('blobs'), { recursive: true });
  const pythons = `${client.blob(files['model.onnx'])}.incomplete`;
  writeFileSync(pythons, 'half a file of Python');
  holds(await client.fetch(), files);
  assert.is(readFileSync(pythons, 'utf8'), 'half a file of Python');
  rmSync(pythons);
  client.isTidy();
});

snapshots.run();
