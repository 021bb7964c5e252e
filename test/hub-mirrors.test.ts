// Mirrors that leave headers of the hub out: a commit that was asked for is enough; what cannot be checked is refused.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readCheckpointLogits } from '../dist/esm/models/hub/checkpoint.js';
import { Digests } from '../dist/esm/models/digests.js';
import { findOnHub } from '../dist/esm/models/find-on-hub.js';
import { resolveFetchOptions } from '../dist/esm/models/model-options.js';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { refused } from './helpers/assertions.js';
import { Client, QUICK, REPO, holds, large, small } from './helpers/hub-client.js';
import { HubServer, type ServedFile } from './helpers/hub-server.js';
import { safetensors } from './helpers/safetensors.js';

const HASHES = ['etag', 'x-linked-etag'];
const SIZES = ['content-length', 'x-linked-size'];
const KIB = 1024;

const hasher = new Hasher();
const model = large(300 * KIB);
const config = small(2 * KIB);
const files = { 'model.onnx': model, 'config.json': config };
let server: HubServer;
let client: Client;
let revision = '';

const mirrors = suite('mirrors');

mirrors.before.each(async () => {
  server = await HubServer.start();
  revision = server.commit(REPO, files);
  client = new Client(server, hasher);
  server.lacks.add('x-repo-commit');
});
mirrors.after.each(async () => {
  client.remove();
  await server.close();
});
mirrors.after(() => hasher.close());

mirrors('a full commit needs no X-Repo-Commit; a branch does, and the message says so', async () => {
  const snapshot = await client.fetch({ revision });
  holds(snapshot, files);
  assert.is(snapshot.commit, revision);
  assert.is(readFileSync(client.blob(model)).length, model.content.length);
  const { message } = await refused(client.fetch(), 'HUB_UNREACHABLE', /X-Repo-Commit .*"main"/);
  assert.match(message, /Set the option "revision" to a commit hash/);
});

mirrors('its next start asks nobody; offline neither', async () => {
  await client.fetch({ revision });
  server.reset();
  holds(await client.fetch({ revision }), files);
  holds(await client.fetch({ revision, settings: { offline: true } }), files);
  assert.is(server.seen.length, 0);
});

mirrors(
  'whichever other headers are left out, a broken or changed download is never taken for a whole one',
  async () => {
    for (const lacks of [
      [],
      HASHES,
      SIZES,
      [...HASHES, ...SIZES],
      ['x-linked-etag'],
      ['x-linked-size'],
      ['etag'],
    ]) {
      for (const name of lacks) server.lacks.add(name);
      for (const reset of [false, true]) {
        client.remove();
        server.reset();
        // Of a HEAD the fault is kept for the next body.
        server.faults.push({ kind: 'cut', at: 70 * KIB, reset });
        holds(await client.fetch({ revision }), files);
        client.isTidy();
      }
      for (const name of lacks) server.lacks.delete(name);
    }
  },
);

mirrors('a changed byte is found wherever there is a hash', async () => {
  for (const lacks of [[], SIZES, ['x-linked-size']]) {
    for (const name of lacks) server.lacks.add(name);
    client.remove();
    server.reset();
    server.faults.push({ kind: 'flip', at: 5 }, { kind: 'flip', at: 6 });
    await refused(client.fetch({ revision, files: ['config.json'] }), 'DOWNLOAD_CORRUPT');
    for (const name of lacks) server.lacks.delete(name);
  }
});

mirrors(
  'neither hash nor length nor an end of its own: refused, since nobody could tell whether it is whole',
  async () => {
    for (const name of [...HASHES, ...SIZES, 'transfer-encoding']) server.lacks.add(name);
    const { message } = await refused(client.fetch({ revision }), 'HUB_UNREACHABLE', /hash or a length/);
    assert.match(message, /X-Linked-Etag or ETag, X-Linked-Size or Content-Length/);
    assert.equal(
      client.list().filter((path) => path.includes('snapshots')),
      [],
    );
    // With a hash the end of the connection may be the end of the file.
    for (const name of HASHES) server.lacks.delete(name);
    holds(await client.fetch({ revision }), files);
  },
);

mirrors('two files with one tag that is no hash are two contents', async () => {
  const [a, b] = [1, 2].map((seed) => ({ ...small(500, seed), etag: '"66f2-1f4"' })) as [
    ServedFile,
    ServedFile,
  ];
  const commit = server.commit('org/tags', { 'a.json': a, 'b.json': b });
  holds(await client.fetch({ repo: 'org/tags', revision: commit, files: ['a.json', 'b.json'] }), {
    'a.json': a,
    'b.json': b,
  });
});

mirrors('another commit than the one that was asked for is refused', async () => {
  server.lacks.clear();
  const other = 'f'.repeat(40);
  server.faults.push({ kind: 'status', status: 200, headers: { 'x-repo-commit': other } });
  await refused(client.fetch({ revision }), 'HUB_UNREACHABLE', /at commit .* but received it at f{40}/);
  assert.equal(client.list(), []);
  // What is no commit says nothing.
  server.faults.push({ kind: 'status', status: 200, headers: { 'x-repo-commit': 'main' } });
  holds(await client.fetch({ revision, files: ['config.json'] }), { 'config.json': config });
});

mirrors('a file that a mirror lacks is not noted as one that the hub lacks', async () => {
  const wish = { revision, files: ['model.onnx', { path: 'tokenizer.json', optional: true }] };
  holds(await client.fetch(wish), { 'model.onnx': model });
  assert.is(
    client.list().some((path) => path.includes('.no_exist')),
    false,
  );
  server.lacks.clear();
  holds(await client.fetch(wish), { 'model.onnx': model });
  assert.is(
    client.list().some((path) => path.includes('.no_exist')),
    true,
  );
});

mirrors('a whole model by its commit, again, then offline', async () => {
  const json = (value: unknown): ServedFile => ({ content: Buffer.from(JSON.stringify(value)), lfs: false });
  const whole = {
    'preprocessor_config.json': small(300),
    'config.json': json({ model_type: 'siglip' }),
    'tokenizer.json': small(3000),
    'tokenizer_config.json': small(400),
    'onnx/vision_model.onnx': large(200_000),
    'onnx/text_model.onnx': large(300_000),
  };
  const repo = 'org/whole';
  const commit = server.commit(repo, whole);
  process.env.HF_ENDPOINT = server.endpoint;
  const find = async (localFilesOnly: boolean) => {
    const options = { cacheDir: client.directory, localFilesOnly };
    const source = { kind: 'hub' as const, id: repo, repo, entry: undefined, revision: commit };
    const request = { ...resolveFetchOptions(repo, options), dtype: 'fp32' as const };
    return findOnHub(source, request, new Digests(hasher), { ...QUICK, attempts: 2 });
  };
  const found = await find(false);
  assert.is(found.revision, commit);
  assert.ok(found.text);
  assert.equal(await find(false), found);
  // A mirror that is down is no reason to guess that it lacks the file of external data.
  server.down = () => true;
  await refused(find(false), 'HUB_UNREACHABLE');
  assert.equal(await find(true), found);
});

mirrors('the numbers of a checkpoint, whose commit nobody names, are read from one content', async () => {
  const assetsDirectory = mkdtempSync(join(tmpdir(), 'semantic-vision-mirror-'));
  try {
    const checkpoint = (scale: number, more = 0): ServedFile => {
      const tensor = (value: number) => ({
        dtype: 'F32',
        shape: [],
        bytes: Buffer.from(Float32Array.of(value).buffer),
      });
      const rest = { dtype: 'U8', shape: [more], bytes: Buffer.alloc(more) };
      return {
        content: safetensors({ logit_scale: tensor(scale), logit_bias: tensor(-10), rest }),
        lfs: true,
      };
    };
    server.commit('google/some', { 'model.safetensors': checkpoint(2) });
    const settings = {
      endpoint: server.endpoint,
      token: undefined,
      offline: false,
      cacheDirectory: client.directory,
      assetsDirectory,
    };
    const { scale, bias } = await readCheckpointLogits('google/some', settings, undefined, QUICK);
    assert.equal([scale.toFixed(4), bias], [Math.exp(2).toFixed(4), -10]);
    // The branch moves in the middle.
    server.commit('google/moves', { 'model.safetensors': checkpoint(3) });
    let parts = 0;
    server.before = ({ method, at }) => {
      if (method === 'GET' && at === 'hub' && ++parts === 2)
        server.commit('google/moves', { 'model.safetensors': checkpoint(4, 64) });
    };
    await refused(
      readCheckpointLogits('google/moves', settings, undefined, QUICK),
      'HUB_UNREACHABLE',
      /changed while/,
    );
  } finally {
    rmSync(assetsDirectory, { recursive: true });
  }
});

mirrors.run();
