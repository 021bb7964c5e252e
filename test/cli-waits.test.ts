// Stopping a command that waits, for whatever it is: the first signal ends it, with one error, and nothing half-written.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withLock } from '../dist/esm/files/lock.js';
import { until } from './helpers/assertions.js';
import { COMMAND, jsonLines, run, scratch, start, type Ending, type Running } from './helpers/cli.js';
import { isRunning, noiseAvif, preloadVariables, startedDecoders, freshPath } from './helpers/decoders.js';
import { TINY_MODEL, fixture, photo, photoNames, withTrailingBytes } from './helpers/fixtures.js';
import { HubServer, type ServedFile } from './helpers/hub-server.js';

const waits = suite('cli waits');
const { folder, remove } = scratch();
const REPO = 'org/tiny';
const TINY = ['--model', TINY_MODEL, '--workers', '1', '--threads', '1'];
const server = await HubServer.start();
const served = (path: string): ServedFile => ({
  content: readFileSync(fixture(`tiny-siglip2/${path}`)),
  lfs: path.endsWith('.onnx'),
});
const FILES = ['config.json', 'preprocessor_config.json', 'onnx/vision_model.onnx'];
server.commit(REPO, Object.fromEntries(FILES.map((path) => [path, served(path)])));
let homes = 0;
const hub = () => ({
  HF_ENDPOINT: server.endpoint,
  HF_HOME: join(folder, `home-${++homes}`),
  HF_HUB_OFFLINE: '',
  HF_TOKEN: '',
});
const image = photo('two-dogs');

// More lines than pipes hold.
const photos = join(folder, 'photos');
mkdirSync(photos);
const COUNT = 400;
for (let i = 0; i < COUNT; i++) {
  const bytes = readFileSync(photo(photoNames[i % photoNames.length]!));
  writeFileSync(join(photos, `${i}.jpg`), withTrailingBytes(bytes, 1 + i));
}

function namedPipe(name: string): string {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  return path;
}

// By its exit code where it could stop, by the signal where it hangs in something that can't be told to.
function stopped({ code, signal, stderr }: Ending): void {
  assert.ok(code === 143 || signal === 'SIGTERM', `${String(code)} ${String(signal)} ${stderr}`);
  assert.match(stderr, /^SIGTERM: stopping; once more ends at once\.\nerror INTERRUPTED: [^\n]*\n$/, stderr);
}

async function seconds(count: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1000 * count));
}

async function stop({ child, ending }: Running, afterSeconds = 0): Promise<Ending> {
  if (afterSeconds > 0) await seconds(afterSeconds);
  assert.is(child.exitCode, null);
  child.kill('SIGTERM');
  const ended = await ending;
  stopped(ended);
  return ended;
}

const COMMANDS = {
  pull: ['model', 'pull', REPO],
  verify: ['model', 'verify', REPO],
  optimize: ['model', 'optimize', REPO],
  embed: ['embed', image, '-m', REPO],
  classify: ['classify', image, '-l', 'cat,dog', '-m', REPO],
  'index build': ['index', 'build', photos, '-o', join(folder, 'never'), '-m', REPO],
};
const HANGS = {
  'no answer': { kind: 'silence' },
  'a later time': { kind: 'status', status: 429, headers: { 'retry-after': '200' } },
  'the rest of a file': { kind: 'stall', at: 100 },
} as const;

for (const [name, args] of Object.entries(COMMANDS))
  for (const [what, fault] of Object.entries(HANGS)) {
    waits(`${name}: the hub gives ${what}`, async () => {
      server.reset();
      server.faults.push(...Array.from({ length: 100 }, () => fault));
      const running = start(args, { env: hub() });
      await until(() => server.seen.length > 0, 'a request');
      const { code, signal, stdout } = await stop(running);
      assert.equal([code, signal, stdout], [143, null, '']);
      assert.not(existsSync(join(folder, 'never')));
    });
  }

waits('a download that another process is at', async () => {
  server.reset();
  const env = hub();
  // Who holds the lock of a blob is the one that downloads it.
  const large = createHash('sha256').update(served('onnx/vision_model.onnx').content).digest('hex');
  const lock = join(env.HF_HOME, 'hub', '.locks', 'models--org--tiny', `${large}.semantic-vision.lock`);
  await withLock(lock, 1, undefined, async () => {
    const running = start(COMMANDS.pull, { env });
    await until(() => server.seen.some(({ method }) => method === 'GET'), 'a download beside it');
    const { code } = await stop(running, 1);
    assert.is(code, 143);
  });
  assert.is((await run(COMMANDS.pull, { env })).code, 0);
});

waits('optimising, by itself and while another process does; Ctrl-C goes to the whole group', async () => {
  for (const group of [false, true]) {
    const cache = join(folder, `optimise-${String(group)}`);
    const drafts = () => {
      const names = existsSync(cache) ? readdirSync(cache, { recursive: true, encoding: 'utf8' }) : [];
      return names.filter((name) => name.endsWith('.tmp'));
    };
    // A target that takes long to miss.
    const args = ['model', 'optimize', TINY_MODEL, '--target', '0.99999999', '--cache-dir', cache];
    const first = start(args, { detached: true });
    await until(() => drafts().length > 0, 'the process that optimises');
    const { code } = await stop(start(args), 1);
    assert.is(code, 143);
    if (group) process.kill(-first.child.pid!, 'SIGTERM');
    else first.child.kill('SIGTERM');
    const ended = await first.ending;
    stopped(ended);
    assert.is(ended.code, 143);
    assert.equal(drafts(), []);
  }
});

waits('Ctrl-C of a terminal, which decoders get too, is the error of no image', async () => {
  const { child, output, ending } = start(['embed', photos, ...TINY], { detached: true });
  await until(() => output.stdout.includes('\n'), 'a first line');
  process.kill(-child.pid!, 'SIGTERM');
  const ended = await ending;
  stopped(ended);
  assert.is(ended.code, 143);
  assert.ok(jsonLines(ended.stdout).length > 0);
});

waits('a decoder that hangs', async () => {
  const hanging = join(folder, 'hanging');
  mkdirSync(hanging);
  const avif = await noiseAvif(7);
  writeFileSync(join(hanging, 'a.avif'), avif);
  const file = freshPath();
  const env = preloadVariables({ [createHash('sha256').update(avif).digest('hex')]: { kind: 'hang', file } });
  for (const args of [
    ['embed', hanging, ...TINY],
    ['index', 'build', hanging, '-o', join(folder, 'hanging-index'), ...TINY],
  ]) {
    const running = start(args, { env });
    await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '', 'the decoder');
    const pid = Number(readFileSync(file, 'utf8'));
    await stop(running);
    await until(() => !isRunning(pid), 'the end of the decoder');
    assert.not(startedDecoders(env.DECODER_PIDS).some(isRunning));
    writeFileSync(file, '');
  }
  // The empty index was saved all the same.
  assert.ok(existsSync(join(folder, 'hanging-index', 'manifest.json')));
});

waits('a reader that does not read: what it gets in the end are whole lines', async () => {
  const { child, output, ending } = start(['embed', photos, ...TINY]);
  await until(() => output.stdout.includes('\n'), 'a first line');
  child.stdout!.pause();
  await seconds(4);
  child.kill('SIGTERM');
  await until(() => output.stderr.includes('INTERRUPTED'), 'the error');
  // It comes back in time.
  child.stdout!.resume();
  const ended = await ending;
  stopped(ended);
  assert.is(ended.code, 143);
  assert.ok(jsonLines(ended.stdout).length < COUNT);
});

waits('a reader that never reads, whatever is printed', async () => {
  const full = openSync(namedPipe('full'), constants.O_RDWR | constants.O_NONBLOCK);
  fill(full);
  for (const args of [
    ['embed', photos, ...TINY],
    ['model', 'list'],
    ['classify', image, '-l', 'cat,dog'],
    ['index', 'build', join(folder, 'hanging'), '-o', join(folder, 'never-read'), ...TINY],
  ])
    await stop(start(args, { stdout: full }), 4);
  closeSync(full);
});

waits('a terminal that is stopped', async () => {
  if (spawnSync('script', ['--version']).status !== 0) {
    console.log('skipped: no script(1) here');
    return;
  }
  // What it does not pass on fills the terminal.
  const full = openSync(namedPipe('full-terminal'), constants.O_RDWR | constants.O_NONBLOCK);
  fill(full);
  const pidFile = join(folder, 'pid');
  const args = ['embed', photos, ...TINY].map((argument) => `"${argument}"`).join(' ');
  const command = `echo $$ > "${pidFile}"; exec "${process.execPath}" "${COMMAND}" ${args}`;
  const terminal = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['ignore', full, 'ignore'] });
  const closed = new Promise((resolve) => terminal.once('close', resolve));
  await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n'), 'its start');
  const pid = Number(readFileSync(pidFile, 'utf8'));
  await seconds(4);
  assert.ok(isRunning(pid));
  process.kill(pid, 'SIGTERM');
  await until(() => !isRunning(pid), 'the end');
  terminal.kill('SIGKILL');
  await closed;
  closeSync(full);
});

waits('what cannot be told to stop: a file that does not open', async () => {
  const pipe = namedPipe('reference.json');
  const { signal } = await stop(start(['model', 'verify', 'bundled', '--reference', pipe]), 2);
  assert.is(signal, 'SIGTERM');
});

waits('a named pipe with the name of an image is no file to wait for', async () => {
  const pipe = namedPipe('pipe.jpg');
  const { code, stderr } = await run(['embed', pipe, ...TINY]);
  assert.is(code, 1);
  assert.match(
    stderr,
    /^error INPUT_UNREADABLE: Expected an image file but [^\n]*pipe\.jpg is not a regular file\.\n$/,
  );
});

waits('a list that never ends', async () => {
  const running = start(['embed', '-', ...TINY], { stdin: 'open' });
  const more = () => {
    while (running.child.stdin!.write(`${image}\n`.repeat(100)));
  };
  running.child.stdin!.on('drain', more);
  more();
  await until(() => running.output.stdout.includes('\n'), 'a first line');
  const { code } = await stop(running);
  assert.is(code, 143);
});

waits('a list in which no path ends is refused before it fills the memory', async () => {
  const zeros = openSync('/dev/zero', 'r');
  for (const [args, stdin, expected] of [
    [['embed', '-'], zeros, 'a line break'],
    [['embed', '-0', '-'], `${image}\n`.repeat(10_000), 'NUL'],
  ] as const) {
    const { code, stderr } = await run([...args, ...TINY], { stdin });
    assert.is(code, 2, stderr);
    assert.match(stderr, /^error USAGE: [^\n]*\n$/);
    assert.match(stderr, `Expected ${expected} after each path on standard input`);
  }
  closeSync(zeros);
});

function fill(pipe: number): void {
  for (const size of [4096, 1]) {
    try {
      for (;;) writeSync(pipe, Buffer.alloc(size));
    } catch (error) {
      assert.is((error as NodeJS.ErrnoException).code, 'EAGAIN');
    }
  }
}

waits.after(async () => {
  await server.close();
  remove();
});
waits.run();
