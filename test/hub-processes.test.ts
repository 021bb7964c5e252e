// Processes side by side, processes that are killed, and a disk that is full.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { refused, settles, until } from './helpers/assertions.js';
import { Client, REPO, holds, large, small } from './helpers/hub-client.js';
import type { Errand } from './helpers/hub-process.js';
import { HubServer, sha256 } from './helpers/hub-server.js';

const MIB = 1024 * 1024;
const SCRIPT = fileURLToPath(new URL('helpers/hub-process.ts', import.meta.url));
const hasher = new Hasher();
const server = await HubServer.start();
const files = { 'model.onnx': large(3 * MIB), 'config.json': small(700) };
const commit = server.commit(REPO, files);

const processes = suite('processes');
let client: Client;

processes.before.each(() => {
  server.reset();
  server.before = undefined;
  client = new Client(server, hasher);
});
processes.after.each(() => client.remove());
processes.after(async () => {
  await hasher.close();
  await server.close();
});

function start(): { child: ChildProcess; answer: Promise<unknown> } {
  const errand: Errand = {
    endpoint: server.endpoint,
    cacheDirectory: client.directory,
    repo: REPO,
    revision: 'main',
    files: Object.keys(files).map((path) => ({ path })),
  };
  const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT, JSON.stringify(errand)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (data) => (output += String(data)));
  const answer = new Promise((resolve) => {
    child.on('close', () => resolve(output === '' ? undefined : JSON.parse(output)));
  });
  return { child, answer };
}

const expected = {
  commit,
  hashes: Object.fromEntries(Object.entries(files).map(([path, { content }]) => [path, sha256(content)])),
};

processes('three at once download once', async () => {
  // Nobody gets a body before everybody has asked.
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  server.before = ({ method }) => {
    if (server.count('HEAD') >= 6) open();
    return method === 'GET' ? gate : undefined;
  };
  const answers = await settles(
    Promise.all([start(), start(), start()].map(({ answer }) => answer)),
    'all',
    60_000,
  );
  assert.equal(answers, [expected, expected, expected]);
  assert.is(server.count('HEAD'), 6);
  assert.is(server.count('GET', 'hub'), 2);
  assert.is(server.count('GET', 'cdn'), 1);
  client.isTidy();
});

processes('a process killed within a body leaves no lock, and the next one goes on from there', async () => {
  server.faults.push(undefined, undefined, { kind: 'stall', at: 2 * MIB });
  const { child, answer } = start();
  const partial = `${client.blob(files['model.onnx'])}.semantic-vision.incomplete`;
  await until(() => existsSync(partial) && statSync(partial).size === 2 * MIB, 'the stall', 60_000);
  const waiting = start();
  await until(() => server.count('HEAD') === 4, 'the second process', 60_000);
  assert.is(server.count('GET', 'cdn'), 1, 'waits for the first');
  child.kill('SIGKILL');
  assert.is(await answer, undefined);
  assert.equal(await settles(waiting.answer, 'the one that waits', 60_000), expected);
  assert.is(server.seen.filter(({ at }) => at === 'cdn').at(-1)?.range, `bytes=${2 * MIB}-`);
  client.isTidy();
});

processes('processes killed anywhere leave nothing that breaks the next', async () => {
  for (const after of ['HEAD hub', 'GET hub', 'GET cdn', 'end']) {
    client.remove();
    server.reset();
    const { child, answer } = start();
    const kill = () => void child.kill('SIGKILL');
    server.before = ({ method, at }) => {
      if (`${method} ${at}` === after) setImmediate(kill);
    };
    if (after === 'end') {
      await until(() => existsSync(client.blob(files['model.onnx'])), 'the first blob', 60_000);
      kill();
    }
    await answer;
    server.before = undefined;
    holds(await settles(client.fetch(), after), files);
  }
});

processes('a full disk: an error, nothing half, and success when there is space', async () => {
  const disk = mkdtempSync(join(tmpdir(), 'semantic-vision-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    rmSync(disk, { recursive: true });
    console.log('SKIPPED: a small disk can only be mounted by root.');
    return;
  }
  try {
    const settings = { cacheDirectory: disk };
    await refused(client.fetch({ settings }), 'DISK_FULL', /HF_HUB_CACHE/);
    const { used } = usage(disk);
    assert.ok(used < MIB, `${used} bytes are still taken`);
    assert.is(server.count('GET', 'cdn'), 1, 'a full disk is no reason to ask again');
    execFileSync('mount', ['-o', 'remount,size=8m', disk], { stdio: 'ignore' });
    const { files: found } = await client.fetch({ settings });
    assert.ok(readFileSync(found.get('model.onnx')!.path).equals(files['model.onnx'].content));
  } finally {
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  }
});

function usage(disk: string): { used: number } {
  const kib = execFileSync('df', ['-k', '--output=used', disk], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .at(-1);
  return { used: Number(kib) * 1024 };
}

processes.run();
