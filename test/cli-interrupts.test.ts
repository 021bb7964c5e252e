// What ends a command early: signals keep what is done, a reader that leaves is no error.
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../dist/esm/index.js';
import { until } from './helpers/assertions.js';
import { COMMAND, endingOf, jsonLines, scratch, start } from './helpers/cli.js';
import { isRunning, preloadVariables, startedDecoders } from './helpers/decoders.js';
import { photo, photoNames, withTrailingBytes } from './helpers/fixtures.js';

const interrupts = suite('cli interrupts');
const { folder, remove } = scratch();
const SLOW = ['--workers', '1', '--threads', '1'];

// As many as no machine embeds before it is told to stop; the same few files over and over would come from the cache.
const photos = join(folder, 'photos');
mkdirSync(photos);
const COUNT = 600;
for (let i = 0; i < COUNT; i++) {
  const path = join(photos, `${i}.jpg`);
  writeFileSync(path, withTrailingBytes(readFileSync(photo(photoNames[i % photoNames.length]!)), 1 + i));
}
const many = Array.from({ length: COUNT }, (_, i) => join(photos, `${i}.jpg`));

interrupts('Ctrl-C: embed ends after whole lines, with 130', async () => {
  const { child, output, ending } = start(['embed', photos, ...SLOW]);
  await until(() => output.stdout.includes('\n'), 'a first line');
  child.kill('SIGINT');
  const { code, signal, stdout, stderr } = await ending;
  assert.is(signal, null);
  assert.is(code, 130, stderr);
  assert.match(
    stderr,
    /^SIGINT: stopping; once more ends at once\.\nerror INTERRUPTED: Stopped by SIGINT\. .*\n$/,
  );
  const lines = jsonLines<{ vector: number[] }>(stdout);
  assert.ok(lines.length >= 1 && lines.length < COUNT);
  for (const { vector } of lines) assert.is(vector.length, 768);
});

interrupts(
  'SIGTERM: a matrix holds the rows that are done, with 143; errors are JSON with --json',
  async () => {
    const path = join(folder, 'x.npy');
    const { child, ending } = start(['embed', photos, '--output', path, '--json', ...SLOW]);
    const temporary = () => readdirSync(folder).find((name) => /^x\.npy\..*\.tmp$/.test(name));
    await until(() => {
      const name = temporary();
      return name !== undefined && statSync(join(folder, name)).size > 128;
    }, 'a first row');
    child.kill('SIGTERM');
    const { code, stdout, stderr } = await ending;
    assert.is(code, 143, stderr);
    assert.is(stdout, '');
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string } };
    assert.is(error.code, 'INTERRUPTED');
    const bytes = readFileSync(path);
    const n = Number(/\((\d+), 768\)/.exec(bytes.toString('latin1', 0, 128))?.[1]);
    assert.match(error.message, `holds the ${n} images`);
    assert.is(bytes.length, 128 + n * 768 * 4);
    assert.is(jsonLines(readFileSync(join(folder, 'x.ids.jsonl'), 'utf8')).length, n);
    assert.is(temporary(), undefined);

    // Stopped again, with the older matrix in place.
    const again = start(['embed', photos, '--output', path, ...SLOW]);
    await until(() => {
      const name = temporary();
      return name !== undefined && statSync(join(folder, name)).size > 128;
    }, 'a first row');
    again.child.kill('SIGINT');
    const second = await again.ending;
    assert.is(second.code, 130, second.stderr);
    assert.match(
      second.stderr,
      /x\.partial\.npy holds the \d+ images that were finished\. .*x\.npy is as it was\./,
    );
    assert.equal(readFileSync(path), bytes);
    const partial = readFileSync(join(folder, 'x.partial.npy'));
    const rows = Number(/\((\d+), 768\)/.exec(partial.toString('latin1', 0, 128))?.[1]);
    assert.is(partial.length, 128 + rows * 768 * 4);
    assert.is(jsonLines(readFileSync(join(folder, 'x.partial.ids.jsonl'), 'utf8')).length, rows);
    assert.is(temporary(), undefined);
  },
);

interrupts('Ctrl-C: index build saves what is done and says so', async () => {
  const stored = join(folder, 'index');
  const env = preloadVariables();
  const args = ['index', 'build', photos, '-o', stored, '--checkpoint', '0.1', ...SLOW];
  const { child, ending } = start(args, { env });
  // The first checkpoint.
  await until(() => existsSync(join(stored, 'manifest.json')), 'a checkpoint');
  child.kill('SIGINT');
  const { code, stderr, stdout } = await ending;
  assert.is(code, 130, stderr);
  assert.is(stdout, '');
  const told = Number(/holds the (\d+) images that are done, \1 of them new/.exec(stderr)?.[1]);
  const index = await VectorIndex.open(stored);
  assert.is(index.size, told);
  assert.ok(told >= 1 && told < COUNT);
  await index.close();
  const decoders = startedDecoders(env.DECODER_PIDS);
  assert.is(decoders.length, 1);
  await until(() => !decoders.some(isRunning), 'the end of the decoder process');
});

interrupts('a second Ctrl-C ends at once', async () => {
  const { child, output, ending } = start(['embed', photos, ...SLOW]);
  await until(() => output.stdout.includes('\n'), 'a first line');
  child.kill('SIGINT');
  await until(() => output.stderr.includes('stopping'), 'the note');
  child.kill('SIGINT');
  const { code, signal } = await ending;
  assert.ok(signal === 'SIGINT' || code === 130, `${String(code)} ${String(signal)}`);
});

interrupts('Ctrl-C while the model loads, or while standard input stays open', async () => {
  const loading = start(['embed', photos]);
  await new Promise((resolve) => setTimeout(resolve, 150));
  loading.child.kill('SIGINT');
  const { code, signal, stdout } = await loading.ending;
  assert.ok(code === 130 || signal === 'SIGINT');
  assert.is(stdout, '');

  const child = spawn(process.execPath, [COMMAND, 'embed', '-', ...SLOW]);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  const ending = endingOf(child, output);
  child.stdin.write(`${photo('two-dogs')}\n`);
  await until(() => output.stdout.includes('\n'), 'a line although more may come');
  child.kill('SIGINT');
  assert.is((await ending).code, 130, output.stderr);
});

interrupts('a reader that has seen enough is no error', async () => {
  const child = spawn(process.execPath, [COMMAND, 'embed', ...many, ...SLOW], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  const ending = endingOf(child, output);
  child.stdout.once('data', () => child.stdout.destroy());
  const { code, signal, stderr } = await ending;
  assert.is(signal, null);
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
});

interrupts('a full disk behind stdout is an error', async () => {
  if (!existsSync('/dev/full')) {
    console.log('skipped: no /dev/full here');
    return;
  }
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [COMMAND, 'embed', photos, ...SLOW], {
    stdio: ['ignore', full, 'pipe'],
  });
  closeSync(full);
  const output = { stdout: '', stderr: '' };
  child.stderr?.on('data', (chunk) => (output.stderr += String(chunk)));
  const { code, signal, stderr } = await endingOf(child, output);
  assert.is(signal, null);
  assert.is(code, 3);
  assert.match(stderr, /^error OUTPUT_FAILED: .*ENOSPC[^\n]*\n$/);
});

interrupts('nobody reads the help', async () => {
  const { child, ending } = start(['--help']);
  child.stdout?.destroy();
  const { code, stderr } = await ending;
  assert.is(code, 0);
  assert.is(stderr, '');
});

interrupts.after(remove);
interrupts.run();
