// Which files of a hub's repository make a model: never fewer than there are, whatever the network and the cache do.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Digests } from '../dist/esm/models/digests.js';
import { findOnHub } from '../dist/esm/models/find-on-hub.js';
import type { FoundModel } from '../dist/esm/models/found.js';
import { fileDtype } from '../dist/esm/models/dtype.js';
import { resolveFetchOptions, type FetchOptions } from '../dist/esm/models/model-options.js';
import { Hasher } from '../dist/esm/pool/hasher.js';
import type { DownloadProgress } from '../dist/esm/types.js';
import { refused } from './helpers/assertions.js';
import { QUICK, REPO, large, small } from './helpers/hub-client.js';
import { HubServer, type Seen, type ServedFile } from './helpers/hub-server.js';

const hasher = new Hasher();
const VISION = 'onnx/vision_model.onnx';
const TEXT = 'onnx/text_model.onnx';
const FILES: Record<string, ServedFile> = {
  'preprocessor_config.json': small(300),
  'config.json': json({ model_type: 'siglip' }),
  'tokenizer.json': small(3000),
  'tokenizer_config.json': small(400),
  [VISION]: large(200_000),
  [TEXT]: large(300_000),
};
let server: HubServer;
let commit = '';
let cacheDir = '';

const finding = suite('findOnHub');

finding.before.each(async () => {
  server = await HubServer.start();
  process.env.HF_ENDPOINT = server.endpoint;
  commit = server.commit(REPO, FILES);
  cacheDir = mkdtempSync(join(tmpdir(), 'semantic-vision-hub-find-'));
});
finding.after.each(async () => {
  rmSync(cacheDir, { recursive: true });
  await server.close();
});
finding.after(() => hasher.close());

function find(options: FetchOptions = {}, attempts = 3): Promise<FoundModel> {
  const source = { kind: 'hub' as const, id: REPO, repo: REPO, entry: undefined };
  const { dtype, ...rest } = resolveFetchOptions(REPO, { cacheDir, ...options });
  const request = { ...rest, dtype: fileDtype(dtype) };
  const revision = options.revision ?? 'main';
  return findOnHub({ ...source, revision }, request, new Digests(hasher), { ...QUICK, attempts, report: 0 });
}

function inCache(...parts: string[]): string {
  return join(cacheDir, `models--${REPO.replaceAll('/', '--')}`, ...parts);
}

function json(value: unknown): ServedFile {
  return { content: Buffer.from(JSON.stringify(value)), lfs: false };
}

const asks =
  (what: string) =>
  ({ path }: Seen): boolean =>
    path.endsWith(what);

finding('one failure at any request changes nothing', async () => {
  await find();
  const requests = server.seen.length;
  for (let at = 0; at < requests; at++) {
    rmSync(inCache(), { recursive: true });
    server.reset();
    server.faults.push(...Array.from({ length: at }, () => undefined), { kind: 'status', status: 503 });
    const { vision, text } = await find();
    assert.equal([vision.name, text?.graph.name], [VISION, TEXT], `request ${at} of ${requests}`);
    assert.is(server.faults.length, 0);
  }
});

finding('a hub that stays down for one file is unreachable, whatever else is there', async () => {
  for (const file of [VISION, `${VISION}_data`, TEXT, 'tokenizer.json']) {
    rmSync(inCache(), { recursive: true, force: true });
    server.reset();
    server.down = asks(file);
    await refused(find(), 'HUB_UNREACHABLE', new RegExp(`${file} of`));
    // Asked as often as patience says, not once as for something that is cached.
    assert.is(server.seen.filter(asks(file)).length, 3, file);
  }
  assert.not(existsSync(inCache('refs', 'main')));
  server.down = undefined;
  await find({ text: false });
  server.down = asks(TEXT);
  await refused(find(), 'HUB_UNREACHABLE');
  assert.is((await find({ text: false })).text, undefined);
});

finding('offline: what nobody knows is not cached; what the hub lacks is not there', async () => {
  await find({ text: false });
  const offline = { localFilesOnly: true };
  server.reset();
  await refused(find({ ...offline, dtype: 'hub-int8' }), 'MODEL_NOT_CACHED', /vision_model_int8\.onnx/);
  const error = await refused(find(offline), 'MODEL_NOT_CACHED');
  assert.match(error.message, /tokenizer\.json, tokenizer_config\.json, onnx\/text_model\.onnx of/);
  assert.is((await find({ ...offline, text: false })).vision.name, VISION);
  assert.is(server.seen.length, 0);

  const imagesOnly = Object.fromEntries(Object.entries(FILES).filter(([path]) => path !== TEXT));
  server.commit(REPO, imagesOnly, 'images');
  assert.is((await find({ revision: 'images' })).text, undefined);
  assert.is((await find({ ...offline, revision: 'images' })).text, undefined);
});

finding('offline: a cache that Python filled, which does not say what the hub lacks, is enough', async () => {
  await find();
  rmSync(inCache('.no_exist'), { recursive: true });
  assert.is((await find({ localFilesOnly: true })).text?.graph.name, TEXT);
  // A hub that is down is no reason to guess.
  server.down = () => true;
  await refused(find({ revision: commit }), 'HUB_UNREACHABLE');

  server.down = undefined;
  server.commit(REPO, { 'preprocessor_config.json': small(300), 'onnx/model.onnx': large(1000) }, 'plain');
  await find({ revision: 'plain' });
  rmSync(inCache('.no_exist'), { recursive: true });
  const offline = { localFilesOnly: true, revision: 'plain' };
  assert.is((await find({ ...offline, text: false })).vision.name, 'onnx/model.onnx');
  await refused(find(offline), 'MODEL_NOT_CACHED', /config\.json/);
});

finding('an update that breaks off between the files leaves the older commit in use', async () => {
  await find();
  const next = server.commit(REPO, {
    ...FILES,
    'config.json': json({ model_type: 'siglip2' }),
    [TEXT]: large(9),
  });
  for (const file of [VISION, TEXT]) {
    server.down = asks(file);
    assert.is((await find()).revision, commit);
    assert.is(readFileSync(inCache('refs', 'main'), 'utf8'), commit);
    assert.is((await find({ localFilesOnly: true })).text?.graph.name, TEXT);
  }
  const controller = new AbortController();
  server.down = undefined;
  server.before = (seen) => {
    if (asks(TEXT)(seen)) controller.abort();
  };
  await refused(find({ signal: controller.signal }), 'ABORTED');
  server.before = undefined;
  assert.is((await find({ localFilesOnly: true })).revision, commit);
  assert.is((await find()).revision, next);
  assert.is((await find({ localFilesOnly: true })).revision, next);
});

finding('progress: one count for the model, one total as soon as it is known', async () => {
  const heard: DownloadProgress[] = [];
  const onProgress = (progress: DownloadProgress) => void heard.push(progress);
  const all = Object.values(FILES).reduce((sum, { content }) => sum + content.length, 0);
  await find({ onProgress });
  const counts = heard.map(({ bytes }) => bytes);
  assert.equal(
    counts,
    [...counts].sort((a, b) => a - b),
  );
  assert.is(counts.at(-1), all);
  const totals = heard.map(({ total }) => total);
  const known = totals.findIndex((total) => total !== undefined);
  assert.equal(
    new Set(heard.slice(0, known).map(({ file }) => file)),
    new Set(Object.keys(FILES).slice(0, 2)),
  );
  assert.ok(totals.slice(known).every((total) => total === all));
  heard.length = 0;
  await find({ onProgress });
  assert.equal(heard, []);
});

finding('external data: all of its parts, before the graph', async () => {
  const parts = ['_data', '_data_1', '_data_2'].map((end) => `${VISION}${end}`);
  const data = Object.fromEntries(parts.map((path, i): [string, ServedFile] => [path, large(1000 + i)]));
  const beyond = { [`${VISION}_data_4`]: large(7) };
  server.commit(REPO, { ...FILES, ...data, ...beyond }, 'parts');
  const names = ({ vision }: FoundModel) => vision.data.map(({ name }) => name);
  assert.equal(names(await find({ revision: 'parts' })), parts);
  const fetched = server.seen
    .filter(({ method, at }) => method === 'GET' && at === 'hub')
    .map(({ path }) => path);
  assert.ok(
    fetched.findIndex((path) => path.endsWith(VISION)) >
      fetched.findIndex((path) => path.endsWith('_data_2')),
  );
  assert.equal(names(await find({ revision: 'parts', localFilesOnly: true })), parts);
});

const namesAsked = () =>
  server.seen
    .filter(({ method }) => method === 'HEAD')
    .map(({ path }) => path.split(/[0-9a-f]{40}\/|main\//)[1]);

finding('graphs beside the configuration, with their data, are found after the folder', async () => {
  const graph = FILES[VISION]!;
  const configs = Object.fromEntries(Object.entries(FILES).filter(([path]) => !path.startsWith('onnx/')));
  const root = {
    ...configs,
    'vision_model.onnx': graph,
    'vision_model.onnx_data': large(77),
    'text_model.onnx': large(88),
  };
  server.commit(REPO, root, 'root');
  const { vision, text } = await find({ revision: 'root' });
  assert.equal(
    [vision.name, vision.data.map(({ name }) => name), text?.graph.name],
    ['vision_model.onnx', ['vision_model.onnx_data'], 'text_model.onnx'],
  );
  assert.is(namesAsked().filter((path) => path?.startsWith('onnx/')).length, 1);
  server.reset();
  const offline = await find({ revision: 'root', localFilesOnly: true });
  assert.equal([offline.vision, offline.text], [vision, text]);

  // As Qdrant has them: one tower, one graph.
  const clip = { ...configs, 'config.json': json({ model_type: 'clip' }), 'model.onnx': graph };
  const one = server.commit(REPO, clip, 'one');
  assert.is((await find({ revision: 'one' })).vision.name, 'model.onnx');
  const graphs = namesAsked().filter((path) => path?.endsWith('.onnx'));
  assert.equal(graphs, [VISION, 'vision_model.onnx', 'onnx/model.onnx', 'model.onnx']);
  // A cache that Python filled.
  rmSync(inCache('.no_exist', one), { recursive: true });
  server.reset();
  assert.is((await find({ revision: 'one', localFilesOnly: true, text: false })).vision.name, 'model.onnx');
  assert.is(server.seen.length, 0);
});

finding('where the folder has the graph, nobody asks for it elsewhere', async () => {
  await find();
  assert.equal(
    namesAsked().filter((path) => path?.includes('.onnx')),
    [VISION, `${VISION}_data`, `${TEXT}_data`, TEXT],
  );
  assert.not(namesAsked().includes('processor_config.json'));
});

finding('no graph anywhere: all places are named, online and offline', async () => {
  const places = /onnx\/vision_model\.onnx, vision_model\.onnx, onnx\/model\.onnx/;
  const bare = { 'preprocessor_config.json': small(300), 'config.json': json({ model_type: 'clip' }) };
  const revision = server.commit(REPO, { ...bare, 'onnx/model.onnx': large(1000) });
  await refused(
    find({ revision, dtype: 'fp16' }),
    'MODEL_NOT_FOUND',
    /onnx\/model_fp16\.onnx or model_fp16\.onnx .*"dtype"/,
  );
  const offline = { revision, localFilesOnly: true };
  // The hub is known to lack these: to go online would not help.
  await refused(find({ ...offline, dtype: 'fp16' }), 'MODEL_NOT_FOUND', /vision_model_fp16\.onnx/);
  await refused(find(offline), 'MODEL_NOT_CACHED', places);
  await find({ revision });
  assert.is((await find(offline)).vision.name, 'onnx/model.onnx');
});

finding('processor_config.json is asked for where preprocessor_config.json is not there', async () => {
  const { 'preprocessor_config.json': preprocessor, ...others } = FILES;
  const commits = server.commit(REPO, { ...others, 'processor_config.json': preprocessor! }, 'v5');
  assert.is((await find({ revision: 'v5' })).preprocessor.name, 'processor_config.json');
  server.reset();
  assert.is((await find({ revision: commits })).preprocessor.name, 'processor_config.json');
  assert.is(server.seen.length, 0, 'what the hub lacks is known');
  const offline = { revision: 'v5', localFilesOnly: true };
  assert.is((await find(offline)).preprocessor.name, 'processor_config.json');
  rmSync(inCache('.no_exist'), { recursive: true });
  assert.is((await find(offline)).preprocessor.name, 'processor_config.json');
  // A hub that is down is no reason to guess.
  server.down = () => true;
  await refused(find({ revision: commits }), 'HUB_UNREACHABLE');
  server.down = undefined;

  server.commit(REPO, others, 'none');
  const either = /preprocessor_config\.json or processor_config\.json/;
  await refused(find({ revision: 'none' }), 'MODEL_NOT_FOUND', either);
  await refused(find({ revision: 'none', localFilesOnly: true }), 'MODEL_NOT_CACHED');
});

finding('the graph of both towers does not stand in for an image tower of a known family', async () => {
  const { [VISION]: vision, ...others } = FILES;
  server.commit(REPO, { ...others, 'onnx/model.onnx': vision! }, 'both');
  await refused(find({ revision: 'both' }), 'MODEL_NOT_FOUND', /vision_model\.onnx .*another "dtype"/);
  assert.not(server.seen.some(asks('onnx/model.onnx')));
  assert.not(server.seen.some(({ method, path }) => method === 'GET' && path.endsWith('.onnx')));
});

finding.run();
