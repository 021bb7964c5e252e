// A package with native code that is missing, has no binary, or one that does not load: what still works, and what is said.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TINY_MODEL, fixture, photo } from './helpers/fixtures.js';
import { installedWithFault, type Fault } from './helpers/faulty-package.js';
import { scratchFolder, tinyRequest } from './helpers/prepared.js';
import { printedIn } from './helpers/without-sharp.js';
import { Hasher } from '../dist/esm/pool/hasher.js';

/** `ok`, or the code of the error and its message. */
type Outcomes = Record<'create' | 'jpeg' | 'avif' | 'gif' | 'index' | 'load' | 'lock', string>;

const INDEX = scratchFolder();

// Both entries in one process: what one of them could not load must not spoil the other.
const PROGRAM = `
  import { createRequire } from 'node:module';
  import { join } from 'node:path';
  const require = createRequire(join(process.cwd(), 'package.json'));
  const { withLock } = await import(join(process.cwd(), 'dist/esm/files/lock.js'));
  const paths = ${JSON.stringify({
    jpeg: photo('cat-face'),
    avif: fixture('golden/images/avif_lossy.avif'),
    gif: fixture('golden/images/gif_animated.gif'),
  })};
  async function outcomes({ SemanticVision, VectorIndex, VisionError }, isolation) {
    const found = {};
    const note = async (name, work) => {
      try {
        await work();
        found[name] = 'ok';
      } catch (error) {
        found[name] = error instanceof VisionError ? error.code + ' ' + error.message : 'no VisionError: ' + error;
      }
    };
    await note('create', async () => {
      const vision = await SemanticVision.create({
        model: ${JSON.stringify(TINY_MODEL)}, workers: 1, intraOpNumThreads: 1, isolation,
      });
      for (const [name, path] of Object.entries(paths)) await note(name, () => vision.embedImage(path));
      await vision.close();
    });
    await note('index', () => VectorIndex.create({ dimensions: 2 }).add('a', Float32Array.of(1, 0)));
    await note('load', () => VectorIndex.open(${JSON.stringify(INDEX)}));
    await note('lock', () => withLock(join(${JSON.stringify(scratchFolder())}, 'lock'), 1, undefined, async () => undefined));
    return found;
  }
  console.log(JSON.stringify([
    await outcomes(await import(join(process.cwd(), 'dist/esm/index.js')), 'none'),
    await outcomes(require('./dist/cjs/index.cjs'), 'process'),
  ]));`;

function inInstallation<T>(name: string, fault: Fault, use: (root: string) => T): T {
  const root = installedWithFault(name, fault);
  try {
    return use(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

// What needs which package; all else has to work.
const NEEDED: Record<string, (keyof Outcomes)[]> = {
  'hnswlib-node': ['index', 'load'],
  '@napi-rs/image': ['avif'],
  'onnxruntime-node': ['create'],
  'fs-native-extensions': ['lock'],
  sharp: ['gif'],
  'semantic-vision': ['create'],
};
const COMPILED = ['hnswlib-node', 'semantic-vision'];

function checkMessage(message: string, name: string, fault: Fault): void {
  assert.match(message, /^NATIVE_UNAVAILABLE /);
  assert.ok(message.includes(name), message);
  assert.not.match(message, /\n/, 'one line, for the command line');
  if (fault !== 'absent' && COMPILED.includes(name)) {
    for (const command of [`npm rebuild ${name}`, 'pnpm approve-builds', `yarn rebuild ${name}`])
      assert.ok(message.includes(command), message);
  } else {
    assert.match(message, /npm install, pnpm install, or yarn install/);
  }
  if (fault === 'absent') assert.match(message, /it is not installed/);
  if (fault === 'no binary')
    assert.match(
      message,
      /addon does not exist|its package \S+ is not installed|no binary for|Could not load/,
    );
  if (fault === 'truncated' || fault === 'foreign') assert.match(message, /another platform|Could not load/);
}

const packages = suite('packages with native code');

packages.before(async () => {
  const { VectorIndex } = await import('../dist/esm/index.js');
  const index = VectorIndex.create({ dimensions: 2 });
  index.add('a', Float32Array.of(1, 0));
  await index.save(INDEX);
});

for (const [name, needing] of Object.entries(NEEDED)) {
  for (const fault of ['absent', 'no binary', 'truncated', 'foreign'] as const) {
    // Ours is there, or nobody could ask; the absence of sharp is no error (decode-without-sharp.test.ts).
    if (fault === 'absent' && (name === 'semantic-vision' || name === 'sharp')) continue;
    // Both fail in dlopen, whoever calls it.
    if (fault === 'foreign' && !COMPILED.includes(name)) continue;
    packages(`${name}, ${fault}: NATIVE_UNAVAILABLE where it is needed, and all else works`, () => {
      const both = inInstallation(name, fault, (root) => printedIn(root, PROGRAM)) as Outcomes[];
      for (const outcomes of both) {
        for (const use of needing) checkMessage(outcomes[use], name, fault);
        for (const [use, outcome] of Object.entries(outcomes))
          if (!needing.includes(use as keyof Outcomes)) assert.is(outcome, 'ok', use);
      }
    });
  }
}

function command(root: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'dist', 'esm', 'cli', 'main.js'), ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
}

packages(
  'command: without hnswlib-node\'s addon "embed" works, "index build" says why it does not, once',
  () => {
    inInstallation('hnswlib-node', 'no binary', (root) => {
      const embedded = command(root, 'embed', photo('cat-face'), '--model', TINY_MODEL);
      assert.is(embedded.status, 0, embedded.stderr);
      assert.is((JSON.parse(embedded.stdout) as { dimensions: number }).dimensions, 96);
      const photos = join(scratchFolder(), 'photos');
      mkdirSync(photos);
      const built = command(
        root,
        'index',
        'build',
        photos,
        '-o',
        join(photos, 'index'),
        '--model',
        TINY_MODEL,
      );
      assert.is(built.status, 3);
      assert.match(built.stderr, /^error NATIVE_UNAVAILABLE: .*npm rebuild hnswlib-node.*\n$/);
    });
  },
);

packages('command: without onnxruntime-node "embed" says why it does not work, once', () => {
  inInstallation('onnxruntime-node', 'absent', (root) => {
    const { status, stdout, stderr } = command(root, 'embed', photo('cat-face'), '--model', TINY_MODEL);
    assert.is(status, 3);
    assert.is(stdout, '');
    assert.match(stderr, /^error NATIVE_UNAVAILABLE: .*onnxruntime-node.*\n$/);
  });
});

packages('command: a dependency that throws while it is loaded is reported once', () => {
  inInstallation('hnswlib-node', 'no binary', (root) => {
    const broken = join(root, 'node_modules', 'piscina');
    rmSync(broken);
    mkdirSync(broken);
    writeFileSync(join(broken, 'package.json'), '{"name":"piscina","main":"index.js"}');
    writeFileSync(
      join(broken, 'index.js'),
      'throw new Error("broken");\nexports.Piscina = exports.move = 1;',
    );
    const { status, stderr } = command(root, 'embed', photo('cat-face'), '--model', TINY_MODEL);
    assert.is(status, 3);
    assert.is(stderr, 'error INTERNAL: broken\n');
  });
});

packages('child processes that prepare and optimise say it as well', () => {
  const hasher = new Hasher();
  const request = { ...tinyRequest(scratchFolder(), hasher), digests: undefined };
  const program = `
    import { join } from 'node:path';
    const load = (path) => import(join(process.cwd(), 'dist/esm', path));
    const [{ prepareGraph }, { Digests }, { Hasher }, { SemanticVision }] = await Promise.all(
      ['models/prepared/prepare.js', 'models/digests.js', 'pool/hasher.js', 'index.js'].map(load),
    );
    const hasher = new Hasher();
    const { outcome, reason } = await prepareGraph({ ...${JSON.stringify(request)}, digests: new Digests(hasher) });
    await hasher.close();
    const error = await SemanticVision.create({
      model: ${JSON.stringify(TINY_MODEL)}, dtype: 'int8', cacheDir: ${JSON.stringify(scratchFolder())},
    }).catch((error) => error);
    console.log(JSON.stringify({ outcome, reason, code: error.code, message: error.message }));`;
  const found = inInstallation('onnxruntime-node', 'no binary', (root) => printedIn(root, program)) as Record<
    'outcome' | 'reason' | 'code' | 'message',
    string
  >;
  assert.is(found.outcome, 'failed');
  assert.match(found.reason, /onnxruntime-node/);
  assert.is(found.code, 'NATIVE_UNAVAILABLE', found.message);
  assert.match(found.message, /onnxruntime-node/);
});

packages.run();
