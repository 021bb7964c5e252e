// Names that become paths: whatever is accepted stays inside the cache.
import { isAbsolute, join, relative, sep, win32 } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkPath, checkRepo, checkRevision } from '../dist/esm/models/hub/names.js';
import { refused } from './helpers/assertions.js';

const names = suite('names on the hub');

names('repositories as the hub allows them', async () => {
  for (const good of ['google/siglip-base-patch16-224', 'Xenova/x', 'gpt2', 'a/b.c_d-e', 'a/_b_'])
    checkRepo(good);
  const bad = [
    '',
    '/',
    'a/',
    '/b',
    'a/b/c',
    '../b',
    'a/..',
    'a/.b',
    'a/b.',
    'a/-b',
    'a--b/c',
    'a/b..c',
    'a/b.git',
  ];
  for (const repo of [
    ...bad,
    'a\\b',
    'a/b c',
    'a/b\0',
    'a/ü',
    `a/${'b'.repeat(100)}`,
    'a/b?x',
    'a/b#x',
    'a/%2e%2e',
  ]) {
    await refused(() => checkRepo(repo), 'INVALID_OPTION', /repository/);
  }
});

names('revisions: branches, tags, pull requests, commits', async () => {
  for (const good of ['main', 'v1.0', 'refs/pr/1', 'feature/x', '0'.repeat(40), 'abc1234'])
    checkRevision(good);
  for (const bad of [
    '',
    '..',
    'a/../b',
    '/a',
    'a/',
    'a//b',
    '.',
    'a\\b',
    'a b',
    'a~1',
    'a^',
    'a:b',
    'a\n',
    'C:x',
  ]) {
    await refused(() => checkRevision(bad), 'INVALID_OPTION', /revision/);
  }
});

names('files', async () => {
  for (const good of ['config.json', 'onnx/model.onnx', '.gitattributes', 'a b/ü (1).txt', 'a..b', '...'])
    checkPath(good);
  for (const bad of [
    '',
    '/etc/passwd',
    '../x',
    'a/../../x',
    'a\\..\\x',
    'C:\\x',
    'C:x',
    'a/./b',
    'a//b',
    'a/',
    'a\0',
  ]) {
    await refused(() => checkPath(bad), 'INVALID_ARGUMENT', /relative path/);
  }
});

names('whatever is accepted stays below its folder, on every system', () => {
  const part = fc.oneof(fc.constantFrom('..', '.', '', 'C:', '\\', '\\\\host', '%2e%2e', '~'), fc.string());
  const anything = fc
    .array(part, { maxLength: 5 })
    .chain((parts) => fc.constantFrom(parts.join('/'), parts.join('\\')));
  for (const check of [checkRepo, checkRevision, checkPath]) {
    fc.assert(
      fc.property(anything, (name) => {
        try {
          check(name);
        } catch {
          return;
        }
        const steps = relative('/cache/x', join('/cache/x', ...name.split('/')));
        assert.ok(steps !== '' && !isAbsolute(steps) && steps.split(sep)[0] !== '..', name);
        const windows = win32.relative('C:\\cache\\x', win32.join('C:\\cache\\x', ...name.split('/')));
        assert.ok(!win32.isAbsolute(windows) && windows.split('\\')[0] !== '..', name);
      }),
      { numRuns: 2000 },
    );
  }
});

names.run();
