// Prepared graphs and whole processes: two at once, killed ones, ones that exit meanwhile, full disks.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { prepareGraph } from '../dist/esm/models/prepared/prepare.js';
import { settles, until } from './helpers/assertions.js';
import { ROOT, photo } from './helpers/fixtures.js';
import { largeModel, scratchFolder, tinyRequest } from './helpers/prepared.js';

const dist = (path: string) => JSON.stringify(join(ROOT, 'dist', 'esm', path));
const hasher = new Hasher();

function preparing(directory: string, then: string, before = ''): string {
  return `import { prepareGraph } from ${dist('models/prepared/prepare.js')};
    import { Digests } from ${dist('models/digests.js')};
    import { Hasher } from ${dist('pool/hasher.js')};
    const hasher = new Hasher();
    const request = { ...${JSON.stringify({ ...tinyRequest(directory, hasher), digests: undefined })}, digests: new Digests(hasher) };
    ${before}
    const { outcome, reason, release } = await prepareGraph(request);
    release();
    ${then}`;
}

function start(program: string, env: NodeJS.ProcessEnv = {}, shell?: string): ChildProcess {
  const node = [process.execPath, '--input-type=module', '-e', program];
  const [command, ...args] = shell === undefined ? node : ['sh', '-c', `${shell}; exec "$0" "$@"`, ...node];
  return spawn(command!, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function outcome(child: ChildProcess): Promise<{ stdout: string; stderr: string; ending: unknown }> {
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const [stdout, stderr, [code, signal]] = await settles(
    Promise.all([text(child.stdout!), text(child.stderr!), ended]),
    'a child process',
    60_000,
  );
  return { stdout, stderr, ending: signal ?? code };
}

const building = (directory: string) => () =>
  existsSync(directory) && readdirSync(directory).some((name) => name.endsWith('.tmp'));

async function prepareHere(directory: string): Promise<string> {
  const preparation = await prepareGraph(tinyRequest(directory, hasher));
  preparation.release();
  return preparation.outcome;
}

const processes = suite('processes that prepare the same graph');

processes('several at once: one builds, the others find it', async () => {
  const directory = scratchFolder();
  const children = Array.from({ length: 3 }, () =>
    start(preparing(directory, 'console.log(outcome, reason);')),
  );
  const here = [prepareHere(directory), prepareHere(directory)];
  const others = await Promise.all(children.map(outcome));
  const all = [...others.map(({ stdout }) => stdout.split(' ')[0]), ...(await Promise.all(here))];
  assert.equal(all.sort(), ['built', 'found', 'found', 'found', 'found'], JSON.stringify(others));
  assert.is(readdirSync(directory).length, 1);
});

processes('one that is killed while it builds leaves nothing that the next one minds', async () => {
  const directory = scratchFolder();
  const child = start(preparing(directory, ''));
  const ended = outcome(child);
  await until(building(directory), 'the build');
  child.kill('SIGKILL');
  assert.is((await ended).ending, 'SIGKILL');
  assert.is(await prepareHere(directory), 'built');
  assert.equal(
    readdirSync(directory).filter((name) => !/^[0-9a-f]{32}$/.test(name)),
    [],
  );
  assert.is(await prepareHere(directory), 'found');
});

processes('one waits for another and takes over when that is killed', async () => {
  const directory = scratchFolder();
  const child = start(preparing(directory, ''));
  const ended = outcome(child);
  await until(building(directory), 'the build');
  const waiting = prepareHere(directory);
  child.kill('SIGKILL');
  await ended;
  assert.is(await settles(waiting, 'the one that waited'), 'built');
});

processes(
  'the process may exit while it builds: at once, with its own code, and the build ends with it',
  async () => {
    const directory = scratchFolder();
    const program = preparing(
      directory,
      '',
      `import { readdirSync } from 'node:fs';
     setInterval(() => {
       if (readdirSync(${JSON.stringify(directory)}).some((name) => name.endsWith('.tmp'))) process.exit(7);
     }, 1);`,
    );
    const { ending, stderr } = await outcome(start(program));
    assert.equal([ending, stderr], [7, '']);
    assert.is(await prepareHere(directory), 'built');
  },
);

processes('an uncaught error while it builds ends the process as ever', async () => {
  const directory = scratchFolder();
  const program = preparing(
    directory,
    '',
    `import { readdirSync } from 'node:fs';
     setInterval(() => {
       if (readdirSync(${JSON.stringify(directory)}).some((name) => name.endsWith('.tmp'))) throw new Error('uncaught');
     }, 1);`,
  );
  const { ending, stderr } = await outcome(start(program));
  assert.is(ending, 1);
  assert.match(stderr, /uncaught/);
});

processes('an inspector of the main program does not hold it up', async () => {
  const directory = scratchFolder();
  const inspected = "process.env.NODE_OPTIONS = '--no-warnings --inspect-brk=0';";
  const { stdout } = await outcome(start(preparing(directory, 'console.log(outcome);', inspected)));
  assert.is(stdout, 'built\n');
});

processes('a disk that fills up: nothing is left, and the reason is given', async () => {
  // A limit on the size of files stands for the disk; the graph needs three times as much. Windows has none.
  if (process.platform === 'win32') return;
  const directory = scratchFolder();
  const child = start(preparing(directory, 'console.log(outcome, reason);'), {}, 'ulimit -f 1000');
  const { stdout, ending, stderr } = await outcome(child);
  assert.is(ending, 0, stderr);
  assert.match(stdout, /^failed \S.*\n$/);
  assert.equal(readdirSync(directory), []);
});

processes.run();

const vision = suite('SemanticVision with shared weights');

const embedding = (model: string, after = '') => `import { SemanticVision } from ${dist('index.js')};
  const vision = await SemanticVision.create({ model: ${JSON.stringify(model)}, workers: 2, intraOpNumThreads: 1 });
  ${after}
  const { vector } = await vision.embedImage(${JSON.stringify(photo('two-dogs'))});
  console.log(JSON.stringify({ weights: vision.stats().weights.image, vector: [...vector], model: vision.model.fingerprint }));
  await vision.close();`;

interface Result {
  weights: { shared: boolean; reason?: string };
  vector: number[];
  model: string;
}

async function run(program: string, env: NodeJS.ProcessEnv, shell?: string): Promise<Result> {
  const { stdout, stderr, ending } = await outcome(start(program, env, shell));
  assert.equal([ending, stderr], [0, '']);
  return JSON.parse(stdout) as Result;
}

vision('the same vectors and the same fingerprint: while building, from the cache, and without', async () => {
  const model = largeModel();
  const assets = scratchFolder();
  const program = embedding(model);
  const unable = await run(program, { HF_ASSETS_CACHE: photo('two-dogs') });
  assert.is(unable.weights.shared, false);
  assert.match(unable.weights.reason!, /ENOTDIR/);
  for (const start of ['building', 'from the cache']) {
    const { weights, ...rest } = await run(program, { HF_ASSETS_CACHE: assets });
    assert.equal(weights, { shared: true }, start);
    assert.equal(rest, { vector: unable.vector, model: unable.model });
    assert.is(readdirSync(join(assets, 'semantic-vision', 'prepared')).length, 1);
  }
  if (process.platform === 'win32') return;
  const full = await run(program, { HF_ASSETS_CACHE: scratchFolder() }, 'ulimit -f 1000');
  assert.is(full.weights.shared, false);
  assert.match(full.weights.reason!, /\S/);
  assert.equal(full.vector, unable.vector);
});

vision(
  'a prepared graph that computes something else is not used, and made again at the next start',
  async () => {
    const model = largeModel();
    const env = { HF_ASSETS_CACHE: scratchFolder() };
    const { vector } = await run(embedding(model), env);
    const root = join(env.HF_ASSETS_CACHE, 'semantic-vision', 'prepared');
    const record = join(root, readdirSync(root)[0]!, 'record.json');
    writeFileSync(record, readFileSync(record, 'utf8').replace(/"proof": ".{8}/, '"proof": "00000000'));
    const refusing = await run(embedding(model), env);
    assert.is(refusing.weights.shared, false);
    assert.match(refusing.weights.reason!, /made again/);
    assert.equal(refusing.vector, vector);
    assert.equal(readdirSync(root), []);
    const again = await run(embedding(model), env);
    assert.equal([again.weights, again.vector], [{ shared: true }, vector]);
  },
);

vision.after(() => hasher.close());
vision.run();
