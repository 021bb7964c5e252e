// How a program with decoder processes ends, and that none of them outlives it.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, linkSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { settles, until } from './helpers/assertions.js';
import { freshPath, isRunning, noiseAvif, preloadVariables, startedDecoders } from './helpers/decoders.js';
import { ROOT, TINY_MODEL, photo } from './helpers/fixtures.js';

const ENTRY = new URL('dist/esm/index.js', `file://${ROOT}/`).href;
const GUARD_MS = 60_000;
// One image hangs its process in native code for ever: the worst that a process can be busy with.
const hanging = await noiseAvif(1);
const hangingFile = freshPath();
writeFileSync(hangingFile, hanging);
const hash = createHash('sha256').update(hanging).digest('hex');

interface Program {
  kill: (signal: NodeJS.Signals) => void;
  output: { stdout: string; stderr: string };
  /** The decoder processes that it has started. */
  decoders: () => number[];
  /** Until the image hangs its process. */
  hangs: () => Promise<void>;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

function start(
  body: string,
  {
    format = 'esm',
    node = process.execPath,
    before = '',
  }: { format?: 'esm' | 'cjs'; node?: string; before?: string } = {},
): Program {
  const hung = freshPath();
  const variables = preloadVariables({ [hash]: { kind: 'hang', file: hung } });
  const script = `${freshPath()}.${format === 'esm' ? 'mjs' : 'cjs'}`;
  const options = { model: TINY_MODEL, workers: 2, intraOpNumThreads: 1, isolation: 'process' };
  const main = `${before}
    const vision = await SemanticVision.create(${JSON.stringify(options)});
    const hang = () => { vision.embedImage(${JSON.stringify(hangingFile)}).catch(() => undefined); };
    const photo = ${JSON.stringify(photo('two-dogs'))};
    ${body}`;
  writeFileSync(
    script,
    format === 'esm'
      ? `import { SemanticVision } from ${JSON.stringify(ENTRY)};\n${main}`
      : `const { SemanticVision } = require(${JSON.stringify(`${ROOT}/dist/cjs/index.cjs`)});\n(async () => {${main}})();`,
  );
  // A process group of its own, as a shell gives it: Ctrl-C goes to all of it.
  const child = spawn(node, [script], { env: { ...process.env, ...variables }, detached: true });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  const guard = setTimeout(() => child.kill('SIGKILL'), GUARD_MS);
  const ended = new Promise<Awaited<Program['ended']>>((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(guard);
      resolve({ code, signal });
    });
  });
  return {
    kill: (signal) => process.kill(-child.pid!, signal),
    output,
    decoders: () => startedDecoders(variables.DECODER_PIDS),
    hangs: () => until(() => existsSync(hung), 'the image that hangs'),
    ended,
  };
}

async function leavesNone({ decoders }: Program, least = 2): Promise<void> {
  assert.ok(decoders().length >= least, `${decoders().length} were started`);
  await until(() => decoders().every((pid) => !isRunning(pid)), 'the end of every decoder process');
}

const ending = suite('how a program with decoder processes ends');

for (const format of ['esm', 'cjs'] as const) {
  ending(`by itself, with close() and without (${format})`, async () => {
    for (const close of ['await vision.close();', '']) {
      const program = start(`console.log((await vision.embedImage(photo)).dimensions); ${close}`, { format });
      assert.equal(await program.ended, { code: 0, signal: null }, program.output.stderr);
      assert.equal(program.output, { stdout: '96\n', stderr: '' });
      await leavesNone(program);
    }
  });
}

ending('by process.exit() while a decoder hangs: at once, and it does not outlive it', async () => {
  const program = start(`hang(); await vision.embedImage(photo);
    setTimeout(() => process.exit(7), 300);`);
  await program.hangs();
  const before = Date.now();
  assert.equal(await settles(program.ended, 'the end'), { code: 7, signal: null }, program.output.stderr);
  // The exit gate would wait for 30 s.
  assert.ok(Date.now() - before < 15_000);
  assert.is(program.output.stderr, '');
  await leavesNone(program);
});

ending('by a signal while decoder processes are starting', async () => {
  for (const delay of [60, 150, 250, 400]) {
    const script = start('');
    await new Promise((resolve) => setTimeout(resolve, delay));
    script.kill('SIGTERM');
    await settles(script.ended, 'the end');
    await leavesNone(script, 0);
  }
});

ending('by kill -9 of the program alone, while a decoder hangs', async () => {
  const program = start(`hang(); console.log(process.pid); setInterval(() => undefined, 1000);`);
  await program.hangs();
  process.kill(Number(program.output.stdout), 'SIGKILL');
  assert.equal(await settles(program.ended, 'the end'), { code: null, signal: 'SIGKILL' });
  await leavesNone(program);
});

ending('by an uncaught error while a decoder hangs, with that error', async () => {
  const program = start(`hang(); setTimeout(() => { throw new Error('the program is wrong'); }, 500);`);
  assert.equal(await settles(program.ended, 'the end'), { code: 1, signal: null });
  assert.match(program.output.stderr, /the program is wrong/);
  await leavesNone(program);
});

ending(
  'by Ctrl-C, which goes to the decoder processes too: the program decides what is still finished',
  async () => {
    const program = start(`process.once('SIGINT', async () => {
      const images = [photo, ...Array.from({ length: 8 }, (_, i) => i + 2).map((i) => Buffer.concat([bytes, Buffer.alloc(i)]))];
      await Promise.all(images.map((image) => vision.embedImage(image)));
      await vision.close();
      console.log('closed');
      clearInterval(timer);
    });
    const bytes = (await import('node:fs')).readFileSync(photo);
    const timer = setInterval(() => undefined, 1000);
    console.log('ready');`);
    await until(() => program.output.stdout === 'ready\n', 'the program');
    program.kill('SIGINT');
    assert.equal(await settles(program.ended, 'the end'), { code: 0, signal: null }, program.output.stderr);
    assert.equal(program.output, { stdout: 'ready\nclosed\n', stderr: '' });
    assert.is(program.decoders().length, 2, 'no process was replaced');
    await leavesNone(program);
  },
);

ending('by itself when no process can be started: create() says so', async () => {
  // The executable of a program may be gone: an upgrade has replaced it.
  const node = freshPath();
  try {
    linkSync(process.execPath, node);
  } catch {
    copyFileSync(process.execPath, node);
  }
  const before = `process.once('uncaughtException', (error) => console.log(error.code, error.cause.message));
    (await import('node:fs')).unlinkSync(process.execPath);`;
  const program = start('', { node, before });
  assert.equal(await settles(program.ended, 'the end'), { code: 0, signal: null }, program.output.stderr);
  assert.match(program.output.stdout, /^WORKER_FAILED spawn .* ENOENT\n$/);
});

ending.run();
