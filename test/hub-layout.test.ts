// The cache on the disk: the layout that Python's huggingface_hub reads and writes.
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RepoCache } from '../dist/esm/models/hub/layout.js';
import { fileSize } from '../dist/esm/models/hub/storage.js';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const BLOB = 'ab'.repeat(20);

const layout = suite('cache layout');
let directory = '';
let cache: RepoCache;

layout.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'semantic-vision-layout-'));
  cache = new RepoCache(directory, 'org/name');
});
layout.after.each(() => rmSync(directory, { recursive: true }));

function inRepo(...parts: string[]): string {
  return join(directory, 'models--org--name', ...parts);
}

layout('paths', () => {
  assert.is(cache.blob(BLOB), inRepo('blobs', BLOB));
  assert.is(cache.snapshot(COMMIT), inRepo('snapshots', COMMIT));
  assert.is(cache.pointer(COMMIT, 'onnx/model.onnx'), inRepo('snapshots', COMMIT, 'onnx', 'model.onnx'));
  assert.is(new RepoCache(directory, 'gpt2').blob(BLOB), join(directory, 'models--gpt2', 'blobs', BLOB));
  assert.ok(cache.lock(BLOB).startsWith(join(directory, '.locks', 'models--org--name', BLOB)));
  // Python owns BLOB.incomplete and BLOB.lock.
  assert.is.not(cache.partial(BLOB), inRepo('blobs', `${BLOB}.incomplete`));
  assert.is.not(cache.lock(BLOB), join(directory, '.locks', 'models--org--name', `${BLOB}.lock`));
});

layout('refs hold a commit and nothing else', async () => {
  assert.is(await cache.commitOf('main'), undefined);
  assert.is(await cache.commitOf(COMMIT), COMMIT);
  await cache.remember('main', COMMIT);
  await cache.remember('refs/pr/1', COMMIT);
  assert.is(readFileSync(inRepo('refs', 'main'), 'utf8'), COMMIT);
  assert.is(readFileSync(inRepo('refs', 'refs', 'pr', '1'), 'utf8'), COMMIT);
  assert.is(await cache.commitOf('refs/pr/1'), COMMIT);
  writeFileSync(inRepo('refs', 'main'), '../../../evil');
  assert.is(await cache.commitOf('main'), undefined);
});

layout('a missing file is remembered with an empty marker', async () => {
  assert.is(await cache.isAbsent(COMMIT, 'a/b.json'), false);
  await cache.rememberAbsent(COMMIT, 'a/b.json');
  assert.is(readFileSync(inRepo('.no_exist', COMMIT, 'a', 'b.json'), 'utf8'), '');
  assert.is(await cache.isAbsent(COMMIT, 'a/b.json'), true);
});

layout('a snapshot links to the blob, relatively; a link to nothing or elsewhere is replaced', async () => {
  mkdirSync(inRepo('blobs'), { recursive: true });
  writeFileSync(cache.blob(BLOB), 'content');
  for (const other of ['cd'.repeat(20), BLOB]) {
    await cache.place(COMMIT, 'config.json', other);
    await cache.place(COMMIT, 'onnx/deep/model.onnx', other);
  }
  assert.is(readlinkSync(cache.pointer(COMMIT, 'config.json')), join('..', '..', 'blobs', BLOB));
  const deep = cache.pointer(COMMIT, 'onnx/deep/model.onnx');
  assert.is(readlinkSync(deep), join('..', '..', '..', '..', 'blobs', BLOB));
  assert.is(readFileSync(deep, 'utf8'), 'content');
  assert.is(await cache.blobOf(deep), BLOB);
});

layout('where links are impossible the file is a copy', async () => {
  mkdirSync(inRepo('blobs'), { recursive: true });
  writeFileSync(cache.blob(BLOB), 'content');
  const link = () => Promise.reject(Object.assign(new Error('no privilege'), { code: 'EPERM' }));
  await cache.place(COMMIT, 'config.json', BLOB, link);
  const pointer = cache.pointer(COMMIT, 'config.json');
  assert.is(lstatSync(pointer).isSymbolicLink(), false);
  assert.is(readFileSync(pointer, 'utf8'), 'content');
  assert.is(await cache.blobOf(pointer), undefined);
});

layout('sizes: of files, through links, and nothing else', async () => {
  assert.is(await fileSize(directory), undefined);
  assert.is(await fileSize(inRepo('none')), undefined);
  await cache.place(COMMIT, 'dangling', BLOB);
  assert.is(await fileSize(cache.pointer(COMMIT, 'dangling')), undefined);
  await cache.remember('main', COMMIT);
  assert.is(await fileSize(inRepo('refs', 'main')), 40);
  assert.is(await fileSize(inRepo('refs', 'main', 'below-a-file')), undefined);
});

layout.run();
