// What is believed of the files in the hub's cache, and what is read whatever is known of it.
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { HubSnapshot } from '../dist/esm/models/hub/snapshot.js';
import { refused } from './helpers/assertions.js';
import { CountingHasher, LARGE, digestsIn, forge, recordsIn } from './helpers/digests.js';
import { Client, REPO, large, small } from './helpers/hub-client.js';
import { HubServer, sha256 } from './helpers/hub-server.js';
import { scratchFolder } from './helpers/prepared.js';

const hasher = new CountingHasher();
const files = { 'model.onnx': large(LARGE), 'config.json': small(300) };
let server: HubServer;
let client: Client;
let assets = '';

const hub = suite('digests of the hub’s files');

hub.before.each(async () => {
  server = await HubServer.start();
  server.commit(REPO, files);
  client = new Client(server, hasher);
  assets = scratchFolder();
});
hub.after.each(async () => {
  rmSync(client.directory, { recursive: true });
  await server.close();
});
hub.after(() => hasher.close());

/** @returns the snapshot, and how often the graph was read for it */
async function fetch(
  options: { offline?: boolean; believe?: boolean; revision?: string } = {},
): Promise<{ snapshot: HubSnapshot; reads: number }> {
  const { offline = false, believe = true, revision = 'main' } = options;
  hasher.read = [];
  const digests = digestsIn(hasher, assets, believe);
  const snapshot = await client.fetch({ digests, revision, settings: { offline } });
  const names = ['model.onnx', sha256(files['model.onnx'].content)];
  return { snapshot, reads: hasher.read.filter((path) => names.some((name) => path.includes(name))).length };
}

/** Changes a byte and leaves size and time as they were. */
function damage(path: string): void {
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  bytes[1000]! ^= 1;
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

hub(
  'a graph is read when it arrives and at the next start, then it is known; small files are read',
  async () => {
    assert.is((await fetch()).reads, 1);
    assert.equal([(await fetch()).reads, (await fetch()).reads], [1, 0]);
    const { snapshot, reads } = await fetch({ offline: true });
    assert.is(reads, 0);
    assert.is(hasher.read.length, 1);
    assert.is(snapshot.files.get('model.onnx')?.sha256, sha256(files['model.onnx'].content));
    assert.is(snapshot.files.get('model.onnx')?.size, LARGE);
    assert.is(recordsIn(assets).length, 1);
  },
);

hub('another commit with the same content is known as well', async () => {
  await fetch();
  await fetch();
  const commit = server.commit(REPO, { ...files, 'config.json': small(301) }, 'next');
  await fetch({ revision: 'next' });
  assert.equal([(await fetch({ revision: commit, offline: true })).reads], [0]);
});

hub('damage is noticed as ever, offline as an error, online by fetching it anew', async () => {
  await fetch();
  await fetch();
  damage(client.blob(files['model.onnx']));
  await refused(fetch({ offline: true }), 'MODEL_INVALID', /model\.onnx is damaged/);
  const { snapshot } = await fetch();
  const found = snapshot.files.get('model.onnx')!;
  assert.equal(readFileSync(found.path), files['model.onnx'].content);
  assert.is(found.sha256, sha256(files['model.onnx'].content));
});

hub('damage that nothing shows is found by whoever checks, and mended', async () => {
  const blob = client.blob(files['model.onnx']);
  await fetch();
  damage(blob);
  // The record of a file that was whole: as if the disk had changed it behind the back of the file system.
  await refused(fetch({ offline: true }), 'MODEL_INVALID');
  const [record] = recordsIn(assets);
  forge(record!, sha256(files['model.onnx'].content));
  assert.is((await fetch({ offline: true })).reads, 0);
  await refused(fetch({ offline: true, believe: false }), 'MODEL_INVALID', /damaged/);
  // From now on everybody knows.
  await refused(fetch({ offline: true }), 'MODEL_INVALID', /damaged/);
  await fetch({ believe: false });
  assert.equal(readFileSync(blob), files['model.onnx'].content);
});

hub('what a download finds in its place is read, whatever is known of it', async () => {
  const blob = client.blob(files['model.onnx']);
  const { snapshot } = await fetch();
  damage(blob);
  await refused(fetch({ offline: true }), 'MODEL_INVALID');
  forge(recordsIn(assets)[0]!, sha256(files['model.onnx'].content));
  rmSync(join(snapshot.directory, 'model.onnx'));
  const again = await fetch();
  assert.is(again.reads, 2, 'the blob that was there, and what came');
  assert.equal(readFileSync(blob), files['model.onnx'].content);
});

hub.run();
