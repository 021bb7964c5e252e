// semantic-vision model optimize: the report for people and for programs, and the exit code.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ModelOptimization } from '../dist/esm/index.js';
import { run, scratch } from './helpers/cli.js';
import { TINY_MODEL } from './helpers/fixtures.js';
import { Folders, spoiled, writeTower } from './helpers/optimizing.js';

const { folder, remove } = scratch();
const folders = new Folders();
const optimize = async (...args: string[]) =>
  run(['model', 'optimize', ...args, '--cache-dir', folder], { env: { HF_HOME: folder } });

const command = suite('cli model optimize');
command.after(() => {
  remove();
  folders.remove();
});

command('a model with outliers: the layer is named, the folder is the last line', async () => {
  const model = folders.make();
  await writeTower(model, [2]);
  const { code, stdout, stderr } = await optimize(model);
  assert.is(code, 0, stderr);
  assert.match(stdout, /^GRAPH +MEAN COSINE/);
  assert.match(stdout, /target: mean 0\.999, least 0\.995: reached/);
  assert.ok(stdout.includes(spoiled(2)));
  const json = await optimize(model, '--json');
  const report = JSON.parse(json.stdout) as ModelOptimization;
  assert.equal([report.cached, report.reached, report.evened], [true, true, [spoiled(2)]]);
  assert.is(stdout.trim().split('\n').at(-1), report.directory);
});

command('a target that is missed is exit code 1, and no graph; --force keeps it', async () => {
  const missed = await optimize(TINY_MODEL, '--target', '0.99999999');
  assert.is(missed.code, 1, missed.stderr);
  assert.match(missed.stdout, /missed[^]*Nothing was written/);
  const forced = await optimize(TINY_MODEL, '--target', '0.99999999', '--force', '--json');
  assert.is(forced.code, 1, forced.stderr);
  const report = JSON.parse(forced.stdout) as ModelOptimization;
  assert.is(report.reached, false);
  assert.is.not(report.directory, null);
});

command('wrong targets and folders', async () => {
  for (const target of ['1', '0', 'x', '-1'])
    assert.is((await optimize(TINY_MODEL, '--target', target)).code, 2);
  const { code, stderr } = await optimize(TINY_MODEL, '--calibrate', folders.make());
  assert.is(code, 2);
  assert.match(stderr, /^error INVALID_OPTION: .*at least 4 images/);
});

command.run();
