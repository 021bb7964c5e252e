// One file from the hub: the protocol, what is checked, what is resumed, what is tried again, and every error.
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { refused } from './helpers/assertions.js';
import { Client, REPO, holds, large, small } from './helpers/hub-client.js';
import { HubServer, type Fault } from './helpers/hub-server.js';

const KIB = 1024;
const hasher = new Hasher();
const server = await HubServer.start();
const model = large(300 * KIB);
const config = small(700);
server.commit(REPO, { 'model.onnx': model, 'config.json': config });
const ONLY_MODEL = { files: ['model.onnx'] };
const cutAt = (at: number, reset = false): Fault => ({ kind: 'cut', at, reset });

const downloading = suite('download');
let client: Client;

downloading.before.each(() => {
  server.reset();
  client = new Client(server, hasher);
});
downloading.after.each(() => client.remove());
downloading.after(async () => {
  await hasher.close();
  await server.close();
});

const partialOf = (): string => `${client.blob(model)}.semantic-vision.incomplete`;

downloading('a small and a large file: contents, names, links, requests', async () => {
  const snapshot = await client.fetch();
  holds(snapshot, { 'model.onnx': model, 'config.json': config });
  assert.ok(readFileSync(client.blob(model)).equals(model.content));
  assert.ok(readFileSync(client.blob(config)).equals(config.content));
  assert.is(readFileSync(client.path('refs', 'main'), 'utf8'), snapshot.commit);
  client.isTidy();
  // A HEAD and a GET each; the large one's second GET goes to the other server.
  assert.is(server.count('HEAD'), 2);
  assert.is(server.count('GET', 'hub'), 2);
  assert.is(server.count('GET', 'cdn'), 1);
});

downloading('the first request names the revision, the others its commit', async () => {
  const { commit } = await client.fetch();
  const revisions = server.seen.filter(({ at }) => at === 'hub').map(({ path }) => path.split('/')[4]);
  assert.is(revisions[0], 'main');
  assert.equal(revisions.slice(1), [commit, commit, commit]);
});

downloading('the token goes to the hub and never to the server that it redirects to', async () => {
  await client.fetch({ settings: { token: 'hf_secret' } });
  for (const { at, authorization } of server.seen) {
    assert.is(authorization, at === 'hub' ? 'Bearer hf_secret' : undefined);
  }
  assert.is(server.count('GET', 'cdn'), 1);
});

downloading('a renamed repository is followed', async () => {
  server.moved.set('old/name', REPO);
  const snapshot = await client.fetch({ repo: 'old/name' });
  holds(snapshot, { 'model.onnx': model, 'config.json': config });
});

downloading('an empty file', async () => {
  const empty = { ...small(0), lfs: false };
  server.commit('org/empty', { 'empty.txt': empty });
  holds(await client.fetch({ repo: 'org/empty', files: ['empty.txt'] }), { 'empty.txt': empty });
});

for (const reset of [false, true]) {
  downloading(`resumes where the connection was ${reset ? 'reset' : 'closed'}`, async () => {
    server.faults.push(undefined, cutAt(100 * KIB, reset), cutAt(200 * KIB, reset));
    holds(await client.fetch(ONLY_MODEL), { 'model.onnx': model });
    const starts = server.seen
      .filter(({ at }) => at === 'cdn')
      .map(({ range }) => Number(range?.slice(6, -1) ?? 0));
    assert.is(starts.length, 3);
    assert.is(starts[0], 0);
    // What is on its way when a connection ends may be lost, what is on the disk may not.
    assert.ok(starts[1]! > 0 && starts[1]! <= 100 * KIB, starts.join());
    assert.ok(starts[2]! > starts[1]! && starts[2]! <= 200 * KIB, starts.join());
    client.isTidy();
  });
}

downloading('resumes what an earlier call left', async () => {
  server.faults.push(undefined, cutAt(200 * KIB));
  await refused(
    client.fetch({ ...ONLY_MODEL, timing: { attempts: 1 } }),
    'HUB_UNREACHABLE',
    /what has arrived is kept/,
  );
  const { length } = readFileSync(partialOf());
  assert.ok(length > 0 && length <= 200 * KIB);
  assert.ok(model.content.subarray(0, length).equals(readFileSync(partialOf())));
  assert.is(existsSync(client.blob(model)), false);
  server.reset();
  holds(await client.fetch(ONLY_MODEL), { 'model.onnx': model });
  assert.is(server.seen.at(-1)?.range, `bytes=${length}-`);
  client.isTidy();
});

downloading('a partial file that is complete needs no body', async () => {
  mkdirSync(dirname(partialOf()), { recursive: true });
  writeFileSync(partialOf(), model.content);
  holds(await client.fetch(ONLY_MODEL), { 'model.onnx': model });
  assert.is(server.count('GET'), 0);
});

for (const [what, spoil] of [
  ['is damaged', () => writeFileSync(partialOf(), Buffer.alloc(200 * KIB, 1))],
  ['is longer than the file', () => writeFileSync(partialOf(), Buffer.alloc(400 * KIB, 1))],
] as const) {
  downloading(`a partial file that ${what} is not trusted`, async () => {
    mkdirSync(dirname(partialOf()), { recursive: true });
    spoil();
    holds(await client.fetch(ONLY_MODEL), { 'model.onnx': model });
    client.isTidy();
  });
}

for (const fault of [
  { kind: 'whole' },
  { kind: 'shifted', by: 50 },
  { kind: 'status', status: 416 },
] as const) {
  downloading(`a server that answers a range with "${fault.kind}" makes it start anew`, async () => {
    const between = fault.kind === 'status' ? [undefined] : [];
    server.faults.push(undefined, cutAt(100 * KIB), ...between, fault);
    holds(await client.fetch(ONLY_MODEL), { 'model.onnx': model });
    client.isTidy();
  });
}

downloading('a server that never continues is given up although bytes come each time', async () => {
  server.ranges = false;
  server.faults.push(...Array.from({ length: 99 }, () => cutAt(100 * KIB)));
  try {
    await refused(client.fetch({ ...ONLY_MODEL, timing: { attempts: 4 } }), 'HUB_UNREACHABLE');
  } finally {
    server.ranges = true;
  }
  assert.ok(server.count('GET', 'cdn') <= 12, `${server.count('GET', 'cdn')} requests`);
});

downloading('a flipped byte: fetched again, then an error, and nothing is kept', async () => {
  for (const file of ['model.onnx', 'config.json']) {
    server.reset();
    server.faults.push({ kind: 'flip', at: 5 });
    await client.fetch({ files: [file] });
    client.isTidy();
    client.remove();
    server.reset();
    server.faults.push({ kind: 'flip', at: 5 }, { kind: 'flip', at: 300 });
    await refused(client.fetch({ files: [file] }), 'DOWNLOAD_CORRUPT', /twice.*another hash/);
    assert.equal(client.list(), []);
  }
});

downloading('too many bytes, or too few with matching headers', async () => {
  server.faults.push({ kind: 'length', by: 9 });
  holds(await client.fetch(ONLY_MODEL), { 'model.onnx': model });
  client.remove();
  server.faults.push({ kind: 'length', by: 9 }, { kind: 'length', by: 1 });
  await refused(client.fetch(ONLY_MODEL), 'DOWNLOAD_CORRUPT', /more came/);
  server.faults.push({ kind: 'length', by: -9 });
  holds(await client.fetch(ONLY_MODEL), { 'model.onnx': model });
});

downloading('429 and 5xx are tried again, Retry-After is honoured within reason', async () => {
  const busy = (status: number, after?: string): Fault => ({
    kind: 'status',
    status,
    ...(after !== undefined && { headers: { 'retry-after': after } }),
  });
  server.faults.push(
    busy(429, '0'),
    busy(503, new Date().toUTCString()),
    busy(500),
    undefined,
    busy(502),
    busy(504),
  );
  holds(await client.fetch(ONLY_MODEL), { 'model.onnx': model });
  client.remove();

  server.reset();
  server.faults.push(busy(429, '3600'));
  const controller = new AbortController();
  server.before = () => void setTimeout(() => controller.abort(), 50);
  const timing = { longestRetryAfter: 4_000_000 };
  await refused(client.fetch({ ...ONLY_MODEL, signal: controller.signal, timing }), 'ABORTED');
  server.before = undefined;
  assert.is(server.seen.length, 1, 'waits instead of asking again');

  server.reset();
  server.faults.push(busy(429, '3600'));
  await refused(client.fetch(ONLY_MODEL), 'HUB_UNREACHABLE', /429.*1 try.*wait 3600 s/);
  assert.is(server.seen.length, 1);
});

downloading('gives up after so many tries', async () => {
  for (const status of [429, 500]) {
    server.reset();
    server.faults.push(...Array.from({ length: 9 }, (): Fault => ({ kind: 'status', status })));
    await refused(
      client.fetch({ timing: { attempts: 5 } }),
      'HUB_UNREACHABLE',
      new RegExp(`${status}.*5 tries`),
    );
    assert.is(server.seen.length, 5);
  }
});

downloading('a server that falls silent, before or within an answer', async () => {
  const timing = { answer: 200, idle: 200 };
  server.faults.push({ kind: 'silence' }, undefined, { kind: 'stall', at: 90 * KIB });
  holds(await client.fetch({ ...ONLY_MODEL, timing }), { 'model.onnx': model });
  assert.is(server.seen.at(-1)?.range, `bytes=${90 * KIB}-`);
  server.faults.push({ kind: 'silence' });
  await refused(
    client.fetch({ files: ['config.json'], timing: { ...timing, attempts: 1 } }),
    'HUB_UNREACHABLE',
    /sends nothing for 200 ms/,
  );
});

downloading('resets before any answer', async () => {
  server.faults.push({ kind: 'reset' }, { kind: 'reset' }, undefined, { kind: 'reset' });
  holds(await client.fetch(ONLY_MODEL), { 'model.onnx': model });
});

downloading('no network', async () => {
  const settings = { endpoint: 'http://127.0.0.1:9' };
  await refused(
    client.fetch({ settings, timing: { attempts: 2 } }),
    'HUB_UNREACHABLE',
    /127\.0\.0\.1:9.*2 tries/,
  );
  assert.equal(client.list(), []);
});

downloading('401, 403, gated', async () => {
  server.token = 'right';
  try {
    await refused(
      client.fetch(),
      'HUB_ACCESS_DENIED',
      /gated: accept its licence at .*org\/some-model, then set HF_TOKEN/,
    );
    const wrong = await refused(
      client.fetch({ settings: { token: 'wrong' } }),
      'HUB_ACCESS_DENIED',
      /account of HF_TOKEN/,
    );
    assert.not.match(wrong.message, /wrong/);
    await client.fetch({ settings: { token: 'right' } });
  } finally {
    server.token = undefined;
  }
  for (const status of [401, 403]) {
    client.remove();
    server.reset();
    server.faults.push({ kind: 'status', status });
    await refused(client.fetch(), 'HUB_ACCESS_DENIED', new RegExp(`set HF_TOKEN.*answered ${status}`));
    assert.is(server.seen.length, 1);
  }
});

downloading('404: repository, revision, file', async () => {
  await refused(
    client.fetch({ repo: 'org/none' }),
    'MODEL_NOT_FOUND',
    /no public repository org\/none.*RepoNotFound/,
  );
  await refused(client.fetch({ revision: 'v9' }), 'MODEL_NOT_FOUND', /no revision v9/);
  await refused(
    client.fetch({ files: ['none.bin'] }),
    'MODEL_NOT_FOUND',
    /Expected none\.bin in org\/some-model at main/,
  );
  assert.is(server.seen.length, 3);
  assert.equal(client.list(), []);
});

downloading('a server that is no hub, or answers nonsense', async () => {
  server.faults.push({ kind: 'status', status: 200, headers: { etag: '"x"' } });
  await refused(client.fetch(), 'HUB_UNREACHABLE', /X-Repo-Commit/);
  server.faults.push({ kind: 'status', status: 200, headers: { 'x-repo-commit': '../../evil' } });
  await refused(client.fetch(), 'HUB_UNREACHABLE', /X-Repo-Commit/);
  server.faults.push({ kind: 'status', status: 418 });
  await refused(client.fetch(), 'HUB_UNREACHABLE', /418/);
  for (const location of ['file:///etc/passwd', 'http://[', '/loop']) {
    server.reset();
    const fault: Fault = { kind: 'status', status: 302, headers: { location } };
    server.faults.push(...Array.from({ length: 40 }, () => fault));
    await refused(client.fetch({ timing: { attempts: 2 } }), 'HUB_UNREACHABLE', /redirects/);
  }
  assert.equal(client.list(), []);
});

downloading(
  'a name that is no hash: only the size is checked, nothing is resumed, no path is made of it',
  async () => {
    for (const etag of ['W/"abc"', '"../../../evil"', 'x', `W/"${'a'.repeat(40)}"`]) {
      const odd = { ...small(150 * KIB), etag };
      server.commit('org/odd', { 'odd.bin': odd });
      server.faults.push(undefined, cutAt(70 * KIB));
      holds(await client.fetch({ repo: 'org/odd', files: ['odd.bin'] }), { 'odd.bin': odd });
      assert.is(server.seen.at(-1)?.range, undefined);
      const blobs = client.list().filter((path) => path.includes('blobs'));
      assert.equal(blobs.length, 1);
      assert.match(blobs[0]!, /^models--org--odd\/blobs\/etag-[0-9a-f]{40}$/);
      client.isTidy();
      client.remove();
    }
  },
);

downloading('a damaged blob in the cache is replaced, a damaged file found by its hash', async () => {
  const { files } = await client.fetch();
  for (const spoil of [
    () => appendFileSync(client.blob(model), 'x'),
    () => truncateSync(client.blob(model), 1000),
    () => writeFileSync(client.blob(model), Buffer.alloc(model.content.length)),
  ]) {
    spoil();
    holds(await client.fetch(), { 'model.onnx': model, 'config.json': config });
    assert.ok(readFileSync(files.get('model.onnx')!.path).equals(model.content));
  }
});

downloading.run();
