// Node's permission model: with the flags that docs/surroundings.md lists everything works, and what lacks one says which.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { settles } from './helpers/assertions.js';
import { ROOT, TINY_MODEL, fixture, photo } from './helpers/fixtures.js';
import { HubServer, type ServedFile } from './helpers/hub-server.js';
import { largeModel, scratchFolder, tinyRequest } from './helpers/prepared.js';

const hasher = new Hasher();
const supports = (flag: string) => process.allowedNodeEnvironmentFlags.has(flag);
const RESTRICTED = supports('--permission') ? '--permission' : '--experimental-permission';
const READ = '--allow-fs-read=*';
const WRITE = '--allow-fs-write=*';
const WORKER = '--allow-worker';
const CHILD = '--allow-child-process';
// Node 20 before 20.12 has no such flag, and forbids none.
const ADDONS = supports('--allow-addons') ? ['--allow-addons'] : [];

const dist = (path: string) => JSON.stringify(join(ROOT, 'dist', 'esm', path));
const quoted = JSON.stringify;

interface Ended {
  stdout: string;
  stderr: string;
  code: number | null;
}

async function node(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, ['--no-warnings', RESTRICTED, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  const [stdout, stderr, [code]] = await settles(
    Promise.all([text(child.stdout), text(child.stderr), ended]),
    'a restricted process',
    60_000,
  );
  return { stdout, stderr, code };
}

/** Runs a program; what it notes is `ok`, or the error's code and message. */
async function noted(
  flags: string[],
  program: string,
  env?: NodeJS.ProcessEnv,
): Promise<Record<string, string>> {
  const source = `
    import * as library from ${dist('index.js')};
    const { SemanticVision, VectorIndex, VisionError } = library;
    const notes = {};
    const note = async (name, work) => {
      try {
        notes[name] = (await work()) ?? 'ok';
      } catch (error) {
        notes[name] = error instanceof VisionError ? error.code + ' ' + error.message : 'no VisionError: ' + error;
      }
    };
    const open = (options) =>
      SemanticVision.create({ model: ${quoted(TINY_MODEL)}, workers: 1, intraOpNumThreads: 1, ...options });
    ${program}
    console.log(JSON.stringify(notes));`;
  const { stdout, stderr, code } = await node([...flags, '--input-type=module', '-e', source], env);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as Record<string, string>;
}

const EMBED = `
  const vision = await open({ isolation: 'process' });
  for (const path of ${quoted([photo('cat-face'), fixture('golden/images/avif_lossy.avif')])})
    await note(path, async () => void (await vision.embedImage(path)));
  await note('text', async () => void (await vision.embedText('a cat')));
  await vision.close();
  await note('index', () => {
    const index = VectorIndex.create({ dimensions: 2 });
    index.add('a', Float32Array.of(1, 0));
    return index.search(Float32Array.of(1, 0), { k: 1 })[0].id;
  });`;

const permissions = suite('permission model');

permissions('images, texts and an index: reading, threads and addons are enough', async () => {
  const notes = await noted([READ, WORKER, ...ADDONS], EMBED);
  const { index, ...others } = notes;
  assert.is(index, 'a');
  assert.is(Object.keys(others).length, 3);
  for (const [name, outcome] of Object.entries(others)) assert.is(outcome, 'ok', name);
});

permissions('no threads: WORKER_FAILED names --allow-worker, from every entry', async () => {
  const notes = await noted(
    [READ, ...ADDONS],
    `await note('create', () => open());
    for (const name of ['verifyModel', 'pullModel', 'optimizeModel'])
      await note(name, () => library[name](${quoted(TINY_MODEL)}));`,
  );
  assert.is(Object.keys(notes).length, 4);
  for (const outcome of Object.values(notes)) assert.match(outcome, /^WORKER_FAILED .*--allow-worker /);
});

permissions('no addons: NATIVE_UNAVAILABLE names --allow-addons', async () => {
  if (ADDONS.length === 0) {
    console.log('skipped: this Node has no --allow-addons');
    return;
  }
  const program = `await note('create', () => open());
    await note('index', () => VectorIndex.create({ dimensions: 2 }));`;
  for (const flags of [
    [READ, WORKER],
    [READ, WORKER, ...ADDONS, '--no-addons'],
  ]) {
    const notes = await noted(flags, program);
    assert.match(notes.create!, /^NATIVE_UNAVAILABLE .*--no-addons.*--allow-addons/);
    assert.match(notes.index!, /^NATIVE_UNAVAILABLE .*hnswlib-node.*--allow-addons/);
  }
});

permissions(
  'files that may not be read: the code of that file, and --allow-fs-read with its path',
  async () => {
    const code = ['dist', 'build', 'models', 'package.json'].map((name) => join(ROOT, name));
    // Where a package manager or a link keeps the packages does not matter to what is tested here.
    const { stdout } = await node([
      READ,
      '-p',
      `require('node:fs').realpathSync(${quoted(join(ROOT, 'node_modules'))})`,
    ]);
    // Node 20 does not survive being told the same folder twice.
    const allowed = [...new Set([...code, stdout.trim(), join(ROOT, 'node_modules')])].map(
      (path) => `--allow-fs-read=${path}`,
    );
    const image = photo('cat-face');
    const notes = await noted(
      [...allowed, WORKER, ...ADDONS],
      `const vision = await open({ model: 'bundled' });
    await note('image', () => vision.embedImage(${quoted(image)}));
    await vision.close();
    await note('model', () => open());
    await note('index', () => VectorIndex.open(${quoted(TINY_MODEL)}));`,
    );
    assert.match(notes.image!, /^INPUT_UNREADABLE /);
    assert.ok(notes.image!.includes(`--allow-fs-read=${image} `), notes.image);
    for (const name of ['model', 'index']) {
      assert.not.match(notes[name]!, /no VisionError/);
      assert.match(notes[name]!, /--allow-fs-read=.*tiny-siglip/, notes[name]);
    }
  },
);

permissions(
  'no child processes: prepared weights fall back to the graph itself, int8 says what is missing',
  async () => {
    const { directory, ...request } = { ...tinyRequest(scratchFolder(), hasher), digests: undefined };
    const notes = await noted(
      [READ, WRITE, WORKER, ...ADDONS],
      `const { prepareGraph } = await import(${dist('models/prepared/prepare.js')});
    const { Digests } = await import(${dist('models/digests.js')});
    const { Hasher } = await import(${dist('pool/hasher.js')});
    const hasher = new Hasher();
    const request = { ...${quoted({ ...request, directory })}, digests: new Digests(hasher) };
    await note('prepare', async () => JSON.stringify(await prepareGraph(request)));
    await hasher.close();
    const large = await open({ model: ${quoted(largeModel())}, cacheDir: ${quoted(scratchFolder())} });
    await note('large', async () => void (await large.embedImage(${quoted(photo('cat-face'))})));
    await note('weights', () => JSON.stringify(large.stats().weights.image));
    await large.close();
    await note('int8', () => open({ dtype: 'int8', cacheDir: ${quoted(scratchFolder())} }));`,
    );
    assert.match(notes.prepare!, /"outcome":"failed","reason":".*--allow-child-process/);
    assert.is(notes.large, 'ok');
    assert.match(notes.weights!, /"shared":false.*--allow-child-process/);
    assert.match(notes.int8!, /^WORKER_FAILED .*--allow-child-process/);
  },
);

permissions('folders that may not be written: the code of that folder, and --allow-fs-write', async () => {
  const notes = await noted(
    [READ, WORKER, ...ADDONS],
    `const index = VectorIndex.create({ dimensions: 2 });
    index.add('a', Float32Array.of(1, 0));
    await note('save', () => index.save(${quoted(join(scratchFolder(), 'index'))}));`,
  );
  assert.match(notes.save!, /^INDEX_WRITE_FAILED .*--allow-fs-write=/);
  const folder = scratchFolder();
  const allowed = await noted(
    [READ, `--allow-fs-write=${folder}${sep}*`, WORKER, ...ADDONS],
    `const index = VectorIndex.create({ dimensions: 2 });
    index.add('a', Float32Array.of(1, 0));
    await note('save', () => index.save(${quoted(join(folder, 'index'))}));
    await note('load', async () => (await VectorIndex.open(${quoted(join(folder, 'index'))})).size);`,
  );
  assert.equal(allowed, { save: 'ok', load: 1 });
});

permissions(
  'a model of the hub: writing everywhere is enough, since Node makes no links with less',
  async () => {
    const server = await HubServer.start();
    try {
      const files: Record<string, ServedFile> = {};
      for (const name of readdirSync(TINY_MODEL, { recursive: true, encoding: 'utf8' })) {
        if (!/\.(json|onnx)$/.test(name)) continue;
        files[name.replaceAll('\\', '/')] = {
          content: readFileSync(join(TINY_MODEL, name)),
          lfs: name.endsWith('.onnx'),
        };
      }
      server.commit('org/tiny', files);
      const program = `await note('create', async () => void (await (await open({ model: 'org/tiny', dtype: 'fp32' })).close()));`;
      const env = (home: string) => ({ HF_ENDPOINT: server.endpoint, HF_HOME: home, HF_HUB_CACHE: '' });
      const allowed = await noted([READ, WRITE, WORKER, ...ADDONS], program, env(scratchFolder()));
      assert.is(allowed.create, 'ok');
      const refused = await noted([READ, WORKER, ...ADDONS], program, env(scratchFolder()));
      assert.match(refused.create!, /^CACHE_UNUSABLE .*--allow-fs-write=/, refused.create);
    } finally {
      await server.close();
    }
  },
);

permissions('the command works, and says once what is missing', async () => {
  const embed = [
    join(ROOT, 'dist', 'esm', 'cli', 'main.js'),
    'embed',
    photo('cat-face'),
    '--model',
    TINY_MODEL,
  ];
  const works = await node([READ, WORKER, CHILD, ...ADDONS, ...embed]);
  assert.is(works.code, 0, works.stderr);
  assert.is((JSON.parse(works.stdout) as { dimensions: number }).dimensions, 96);
  const { code, stderr } = await node([READ, ...ADDONS, ...embed]);
  assert.is(code, 3);
  assert.match(stderr, /^error WORKER_FAILED: .*--allow-worker .*\n$/);
});

permissions.after(async () => {
  await hasher.close();
});

permissions.run();
