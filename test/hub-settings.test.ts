// Options and variables: the ones that Python's huggingface_hub reads, with the same precedence.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hubSettings } from '../dist/esm/models/hub/settings.js';
import { refused } from './helpers/assertions.js';

const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-settings-'));
// A home without a token, whatever this machine's user has.
const HF_HOME = join(folder, 'home');

const settings = suite('hubSettings');

settings.after(() => rmSync(folder, { recursive: true }));

settings('defaults', () => {
  assert.equal(hubSettings({}, { HF_TOKEN_PATH: join(folder, 'none') }), {
    endpoint: 'https://huggingface.co',
    token: undefined,
    cacheDirectory: join(homedir(), '.cache', 'huggingface', 'hub'),
    assetsDirectory: join(homedir(), '.cache', 'huggingface', 'assets', 'semantic-vision'),
    offline: false,
  });
});

settings('the cache: option, then HF_HUB_CACHE, its older name, HF_HOME, XDG_CACHE_HOME', () => {
  const all = {
    HF_HUB_CACHE: '/a/hub',
    HUGGINGFACE_HUB_CACHE: '/b/hub',
    HF_HOME,
    XDG_CACHE_HOME: join(folder, 'xdg'),
  };
  const cacheOf = (env: Record<string, string>, options = {}) => hubSettings(options, env).cacheDirectory;
  assert.is(cacheOf(all, { cacheDir: 'mine' }), resolve('mine'));
  assert.is(cacheOf(all), resolve('/a/hub'));
  assert.is(cacheOf({ ...all, HF_HUB_CACHE: '' }), resolve('/b/hub'));
  assert.is(cacheOf({ HF_HOME: all.HF_HOME, XDG_CACHE_HOME: all.XDG_CACHE_HOME }), join(HF_HOME, 'hub'));
  assert.is(cacheOf({ XDG_CACHE_HOME: all.XDG_CACHE_HOME }), join(folder, 'xdg', 'huggingface', 'hub'));
});

settings('derived files: below the cache option, then HF_ASSETS_CACHE, HF_HOME', () => {
  const assetsOf = (env: Record<string, string>, options = {}) => hubSettings(options, env).assetsDirectory;
  const all = { HF_HOME, HF_ASSETS_CACHE: '/a/assets' };
  assert.is(assetsOf(all, { cacheDir: 'mine' }), resolve('mine', 'semantic-vision'));
  assert.is(assetsOf(all), resolve('/a/assets/semantic-vision'));
  assert.is(assetsOf({ HF_HOME }), join(HF_HOME, 'assets', 'semantic-vision'));
});

settings('~ and variables in paths are expanded as in Python', () => {
  const env = { DISK: '/disk', HF_HOME: '~/hf', HF_TOKEN: 'x' };
  assert.is(hubSettings({}, env).cacheDirectory, join(homedir(), 'hf', 'hub'));
  const expanded = ['$DISK/hub', '${DISK}/hub'].map(
    (HF_HUB_CACHE) => hubSettings({}, { ...env, HF_HUB_CACHE }).cacheDirectory,
  );
  assert.equal(expanded, [resolve('/disk/hub'), resolve('/disk/hub')]);
  assert.is(hubSettings({}, { ...env, HF_HUB_CACHE: '/a/$UNKNOWN' }).cacheDirectory, resolve('/a/$UNKNOWN'));
});

settings('the token: HF_TOKEN, then the file', () => {
  const HF_TOKEN_PATH = join(folder, 'token');
  writeFileSync(HF_TOKEN_PATH, 'from-file\n');
  assert.is(hubSettings({}, { HF_HOME, HF_TOKEN: ' from-variable\n', HF_TOKEN_PATH }).token, 'from-variable');
  assert.is(hubSettings({}, { HF_HOME, HF_TOKEN_PATH }).token, 'from-file');
  assert.is(hubSettings({}, { HF_HOME: folder }).token, 'from-file');
  assert.is(hubSettings({}, { HF_HOME }).token, undefined);
  writeFileSync(HF_TOKEN_PATH, '\n');
  assert.is(hubSettings({}, { HF_HOME, HF_TOKEN_PATH }).token, undefined);
});

settings('a token that cannot be sent is refused without being shown', async () => {
  const error = await refused(
    () => hubSettings({}, { HF_HOME, HF_TOKEN: 'sécret wörd' }),
    'INVALID_OPTION',
    /HF_TOKEN/,
  );
  assert.not.match(error.message, /cret/);
});

settings('the endpoint loses its last slash, may have a path, and must be an http(s) URL', async () => {
  const endpointOf = (HF_ENDPOINT: string) => hubSettings({}, { HF_HOME, HF_ENDPOINT }).endpoint;
  assert.is(endpointOf('https://mirror.example/'), 'https://mirror.example');
  assert.is(endpointOf('http://host:8080/api/remote//'), 'http://host:8080/api/remote');
  for (const bad of [
    'mirror.example',
    'ftp://host',
    'file:///etc',
    'https://me:pass@host',
    'https://host?x=1',
  ]) {
    await refused(() => endpointOf(bad), 'INVALID_OPTION', /HF_ENDPOINT/);
  }
});

settings('an endpoint with a password is refused without showing it', async () => {
  for (const bad of [
    'https://me:hidden@host',
    'https://:hidden@host',
    'https://hidden@host',
    'me:hidden@host',
    'https://me:hid/hidden@host',
    'https://me:a@hidden@host',
    'https://host?token=hidden',
    'https://host/#hidden',
  ]) {
    const { message } = await refused(
      () => hubSettings({}, { HF_HOME, HF_ENDPOINT: bad }),
      'INVALID_OPTION',
      /without credentials or query for HF_ENDPOINT .*host/,
    );
    assert.not.match(message, /hid/, bad);
  }
});

settings('offline by option or variable', () => {
  const offline = (env: Record<string, string>, options = {}) =>
    hubSettings(options, { HF_HOME, ...env }).offline;
  assert.is(offline({}, { localFilesOnly: true }), true);
  for (const yes of ['1', 'on', 'Yes', 'TRUE']) assert.is(offline({ HF_HUB_OFFLINE: yes }), true, yes);
  for (const no of ['0', 'off', '', 'no']) assert.is(offline({ HF_HUB_OFFLINE: no }), false, no);
  assert.is(offline({ TRANSFORMERS_OFFLINE: '1' }), true);
});

settings.run();
