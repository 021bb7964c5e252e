// The package as a program meets it: how a process ends, and who can import and compile against it.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { settles } from './helpers/assertions.js';
import { ROOT, TINY_MODEL, photo } from './helpers/fixtures.js';

// A project that has the package installed.
const project = mkdtempSync(join(tmpdir(), 'semantic-vision-project-'));
mkdirSync(join(project, 'node_modules'));
symlinkSync(ROOT, join(project, 'node_modules', 'semantic-vision'));
symlinkSync(join(ROOT, 'node_modules', '@types'), join(project, 'node_modules', '@types'));
writeFileSync(join(project, 'package.json'), '{"name":"consumer","private":true}');

// A child that hangs is killed, and then has a signal instead of an exit code.
const GUARD_MS = 30_000;

interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

let scripts = 0;

function start(
  source: string,
  extension: 'mjs' | 'cjs' = 'mjs',
  args: readonly string[] = [],
  nodeArgs: readonly string[] = [],
) {
  const file = join(project, `script-${++scripts}.${extension}`);
  writeFileSync(file, source);
  const child = spawn(process.execPath, [...nodeArgs, file, ...args], { cwd: project });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  const guard = setTimeout(() => child.kill('SIGKILL'), GUARD_MS);
  const ending = new Promise<Ending>((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(guard);
      resolve({ code, signal, ...output });
    });
  });
  return { child, output, ending };
}

async function endsWell(source: string, extension?: 'mjs' | 'cjs'): Promise<string> {
  const { code, signal, stdout, stderr } = await start(source, extension).ending;
  assert.is(signal, null, stderr);
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  return stdout;
}

const CREATE = (options: object) =>
  `const vision = await SemanticVision.create(${JSON.stringify({ intraOpNumThreads: 1, ...options })});`;
const IMPORT = `import { SemanticVision, VisionError } from 'semantic-vision';`;
const PIXELS = `let made = 0;
const fresh = () => {
  const data = new Uint8Array(32 * 32 * 3);
  new DataView(data.buffer).setUint32(0, ++made);
  return { data, width: 32, height: 32, channels: 3 };
};`;

const ending = suite('how a process ends');

ending('by itself after close()', async () => {
  const stdout = await endsWell(`${IMPORT} ${CREATE({ workers: 2 })}
    const { vector } = await vision.embedImage(${JSON.stringify(photo('two-dogs'))});
    await vision.embedText('a dog');
    await vision.close();
    console.log(vector.length);`);
  assert.is(stdout, '768\n');
});

ending('by itself without close()', async () => {
  const stdout = await endsWell(`${IMPORT} ${CREATE({ workers: 2 })}
    const { vector } = await vision.embedImage(${JSON.stringify(photo('two-dogs'))});
    await vision.embedText('a dog');
    console.log(vector.length);`);
  assert.is(stdout, '768\n');
});

ending('by itself with a command line of 100 KB', async () => {
  const args = Array.from({ length: 10 }, (_, i) => `${i}${'x'.repeat(10_000)}`);
  const { code, signal, stderr } = await start(
    `${IMPORT} ${CREATE({ workers: 1 })}
    await vision.embedImage(${JSON.stringify(photo('two-dogs'))});`,
    'mjs',
    args,
  ).ending;
  assert.equal([code, signal, stderr], [0, null, '']);
});

ending('by itself without close() and without any request', async () => {
  await endsWell(`${IMPORT} ${CREATE({ workers: 2 })}`);
});

ending('by itself after large inputs went through the hashing thread, without close()', async () => {
  await endsWell(`${IMPORT} ${CREATE({ model: TINY_MODEL, workers: 1 })}
    const data = new Uint8Array(1024 * 1024 * 3);
    await vision.embedImage({ data, width: 1024, height: 1024, channels: 3 });`);
});

ending('only after the requests under way, even without close()', async () => {
  const stdout = await endsWell(`${IMPORT} ${PIXELS} ${CREATE({ workers: 1 })}
    for (let i = 0; i < 4; i++) vision.embedImage(fresh()).then(() => console.log('done'));`);
  assert.is(stdout, 'done\n'.repeat(4));
});

ending('after an abandoned stream', async () => {
  await endsWell(`${IMPORT} ${PIXELS} ${CREATE({ model: TINY_MODEL, workers: 2 })}
    function* endless() { for (;;) yield fresh(); }
    for await (const result of vision.embedImages(endless())) { if (!result.ok) throw result.error; break; }
    await vision.close();`);
});

for (const model of ['bundled', TINY_MODEL]) {
  const name = model === 'bundled' ? model : 'tiny';
  ending(`by process.exit() in the middle of inferences, without a crash (${name} model)`, async () => {
    for (const delay of [0, 20, 110]) {
      const { code, signal, stderr } = await start(`${IMPORT} ${PIXELS} ${CREATE({ model, workers: 2 })}
        for (let i = 0; i < 200; i++) vision.embedImage(fresh()).catch(() => undefined);
        setTimeout(() => process.exit(7), ${delay});`).ending;
      assert.is(signal, null, `${delay} ms: ${stderr}`);
      assert.is(code, 7, `${delay} ms: ${stderr}`);
      assert.is(stderr, '');
    }
  });
}

ending('by process.exit() while models are being loaded', async () => {
  for (const delay of [60, 200, 400]) {
    const { code, signal, stderr } = await start(`${IMPORT}
      SemanticVision.create({ workers: 2, intraOpNumThreads: 1 }).catch(() => undefined);
      setTimeout(() => process.exit(7), ${delay});`).ending;
    assert.is(signal, null, `${delay} ms: ${stderr}`);
    assert.is(code, 7, `${delay} ms: ${stderr}`);
  }
});

ending('by an uncaught error in the middle of inferences, with that error', async () => {
  const { code, signal, stderr } = await start(`${IMPORT} ${PIXELS} ${CREATE({ workers: 2 })}
    for (let i = 0; i < 50; i++) vision.embedImage(fresh()).catch(() => undefined);
    setTimeout(() => { throw new Error('the program is wrong'); }, 50);`).ending;
  assert.is(signal, null, stderr);
  assert.is(code, 1, stderr);
  assert.match(stderr, /the program is wrong/);
  assert.not.match(stderr, /terminate called/);
});

ending('by Ctrl-C in the middle of inferences', async () => {
  const {
    child,
    output,
    ending: ended,
  } = start(`${IMPORT} ${PIXELS} ${CREATE({ workers: 2 })}
    for (let i = 0; i < 500; i++) vision.embedImage(fresh()).catch(() => undefined);
    console.log('busy');`);
  await settles(
    new Promise<void>((resolve) => {
      child.stdout.on('data', () => output.stdout.includes('busy') && resolve());
    }),
    'a busy child',
  );
  child.kill('SIGINT');
  const { signal, stderr } = await ended;
  assert.is(signal, 'SIGINT');
  assert.is(stderr, '');
});

ending('no failure is ever unhandled: bad inputs, aborts, a full queue, closing', async () => {
  const stdout = await endsWell(`${IMPORT} ${PIXELS} ${CREATE({ workers: 1, maxQueue: 2 })}
    const controller = new AbortController();
    const { signal } = controller;
    const requests = [
      vision.embedImage('/nowhere.jpg'), vision.embedImage(Buffer.from('x')), vision.embedText(5), vision.embedText('?'),
      ...Array.from({ length: 20 }, () => vision.embedImage(fresh(), { signal })),
      vision.findSimilar('/nowhere.jpg', [], 1), vision.embedImage(fresh(), { signal: AbortSignal.abort() }),
      SemanticVision.create({ workers: -1 }), SemanticVision.create({ model: '/nowhere' }),
    ];
    setTimeout(() => controller.abort(), 30);
    const results = await Promise.allSettled(requests);
    const stream = vision.embedImages([fresh(), '/nowhere.jpg', fresh()]);
    await stream.next();
    await stream.return();
    const late = vision.embedImage(fresh());
    await vision.close();
    await late;
    console.log(results.every(({ status, reason }) => status === 'fulfilled' || reason instanceof VisionError));`);
  assert.is(stdout, 'true\n');
});

ending('many requests and a wide stream on one signal print no warning', async () => {
  await endsWell(`${IMPORT} ${PIXELS} ${CREATE({ model: TINY_MODEL, workers: 2 })}
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 64 }, () => vision.embedImage(fresh(), { signal })));
    const images = Array.from({ length: 64 }, fresh);
    for await (const result of vision.embedImages(images, { signal, concurrency: 32 })) if (!result.ok) throw result.error;
    await vision.close();`);
});

ending('in a working folder that was removed, create() fails and says so', async () => {
  const stdout = await endsWell(`import { mkdtempSync, rmdirSync } from 'node:fs';
    ${IMPORT}
    process.chdir(mkdtempSync(${JSON.stringify(join(tmpdir(), 'semantic-vision-gone-'))}));
    rmdirSync(process.cwd());
    const error = await SemanticVision.create({ workers: 2 }).catch((error) => error);
    console.log(error.code, error.message);`);
  assert.match(stdout, /^WORKER_FAILED The working folder .* does not exist/);
});

ending(
  'in a working folder that was removed, relative paths are refused with a code, and a hub id is none',
  async () => {
    // One program each: Node remembers the path once it has been asked for, and what has not is not told that it is gone.
    const refusals: [call: string, code: string][] = [
      [`VectorIndex.open('index')`, 'INVALID_ARGUMENT'],
      [`VectorIndex.create({ dimensions: 2 }).save('index')`, 'INVALID_ARGUMENT'],
      [`SemanticVision.create({ model: './model' })`, 'MODEL_NOT_FOUND'],
      [`pullModel('google/siglip-base-patch16-224', { cacheDir: 'cache' })`, 'CACHE_UNUSABLE'],
    ];
    const call = (work: string) => `import { mkdtempSync, rmdirSync } from 'node:fs';
    import { SemanticVision, VectorIndex, pullModel } from 'semantic-vision';
    const folder = mkdtempSync(${JSON.stringify(join(tmpdir(), 'semantic-vision-gone-'))});
    process.chdir(folder);
    rmdirSync(folder);
    const error = await (async () => ${work})().catch((error) => error);
    console.log(error.code, error.message);`;
    for (const [work, code] of refusals) {
      const stdout = await endsWell(call(work));
      assert.ok(stdout.startsWith(code), `${work}: ${stdout}`);
      assert.match(stdout, /absolute path .* The working folder .* does not exist/);
    }
    const options = JSON.stringify({ model: 'nobody/nothing', localFilesOnly: true, cacheDir: tmpdir() });
    assert.match(await endsWell(call(`SemanticVision.create(${options})`)), /^MODEL_NOT_CACHED /);
  },
);

ending.run();

const consumers = suite('who can use the package');

consumers('require', async () => {
  const stdout = await endsWell(
    `const { SemanticVision, VisionError, ERROR_CODES } = require('semantic-vision');
    (async () => {
      ${CREATE({ workers: 1 })}
      const { vector } = await vision.embedImage(${JSON.stringify(photo('two-dogs'))});
      const error = await vision.embedImage('/nowhere.jpg').catch((error) => error);
      console.log(vector.length, error instanceof VisionError, error.code in ERROR_CODES);
      await vision.close();
    })();`,
    'cjs',
  );
  assert.is(stdout, '768 true true\n');
});

consumers(
  'require by a Node that cannot require() ES modules, as 20.9 to 20.18 and Jest cannot',
  async () => {
    const flag = '--no-experimental-require-module';
    if (!process.allowedNodeEnvironmentFlags.has(flag)) return; // the tests above ran on such a Node
    const { ending } = start(
      `const { SemanticVision } = require('semantic-vision');
    SemanticVision.create({ model: ${JSON.stringify(TINY_MODEL)}, workers: 1 }).then(async (vision) => {
      const { vector } = await vision.embedImage(${JSON.stringify(photo('two-dogs'))});
      console.log(vector.length);
      await vision.close();
    });`,
      'cjs',
      [],
      [flag],
    );
    const { code, stdout, stderr } = await ending;
    assert.equal([code, stdout, stderr], [0, '96\n', '']);
  },
);

consumers('import and require in one process share error classes and agree on vectors', async () => {
  const stdout = await endsWell(`import { createRequire } from 'node:module';
    import * as esm from 'semantic-vision';
    const cjs = createRequire(import.meta.url)('semantic-vision');
    if (Object.keys(esm).sort().join() !== Object.keys(cjs).sort().join()) throw new Error('other exports');
    const [one, two] = await Promise.all([esm, cjs].map(({ SemanticVision }) =>
      SemanticVision.create({ model: ${JSON.stringify(TINY_MODEL)}, workers: 1 })));
    const [a, b] = await Promise.all([one, two].map((vision) => vision.embedImage(${JSON.stringify(photo('two-dogs'))})));
    const error = await two.embedImage('/nowhere.jpg').catch((error) => error);
    console.log(a.vector.every((value, i) => value === b.vector[i]), a.model === b.model, error instanceof esm.VisionError);
    await Promise.all([one.close(), two.close()]);`);
  assert.is(stdout, 'true true true\n');
});

consumers('importing starts nothing', async () => {
  await endsWell(`import 'semantic-vision';
    if (process.getActiveResourcesInfo().some((name) => /Worker|MessagePort/.test(name))) throw new Error('started');`);
});

consumers('nothing but the entry and package.json can be reached', async () => {
  await endsWell(
    `for (const path of ['dist/esm/index.js', 'src/index.ts', 'dist/esm/pool/pool.js']) {
      await import('semantic-vision/' + path).then(() => { throw new Error(path); }, (error) => {
        if (error.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error;
      });
    }
    const { createRequire } = await import('node:module');
    createRequire(import.meta.url)('semantic-vision/package.json');`,
  );
});

consumers('runs from any working directory', async () => {
  await endsWell(`process.chdir('/'); const { SemanticVision } = await import('semantic-vision');
    ${CREATE({ workers: 1 })} await vision.embedText('a dog'); await vision.close();`);
});

const CONSUMER = `
const options: SemanticVisionOptions = { workers: 1, signal: new AbortController().signal };
export async function main(): Promise<number> {
  await using vision = await SemanticVision.create(options);
  const embedding: ImageEmbedding = await vision.embedImage('photo.jpg', { priority: 'bulk' });
  const vector: Float32Array = embedding.vector;
  for await (const result of vision.embedImages([Buffer.alloc(1), new URL('file:///x'), new Blob([])])) {
    if (result.ok) vision.similarity(result.embedding, vector);
    else {
      const code: VisionErrorCode = result.error.code;
      if (code in ERROR_CODES) throw result.error;
    }
  }
  const raw = { data: new Uint8Array(3), width: 1, height: 1, channels: 3 } as const;
  const [best] = await vision.findSimilar(raw, [embedding], 1);
  const text = await vision.embedText('a dog');
  // @ts-expect-error a number is no image
  void vision.embedImage(5);
  // @ts-expect-error no such option
  void SemanticVision.create({ worker: 1 });
  // @ts-expect-error read-only
  vision.model.id = 'x';
  try {
    return (best?.similarity ?? 0) + text.vector.length + vision.stats().cache.hits;
  } catch (error) {
    return error instanceof VisionError && error.code === 'ABORTED' ? 1 : 2;
  }
}
`;
const NAMES = 'SemanticVision, VisionError, ERROR_CODES';
const TYPES = 'SemanticVisionOptions, ImageEmbedding, VisionErrorCode';

/** What the compiler says of the project's files and of this package's types; those of @types/node are not its business. */
function complaints(...args: string[]): string[] {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout, status, error } = spawnSync(process.execPath, [tsc, ...args], {
    cwd: project,
    encoding: 'utf8',
  });
  // 0: nothing was said, 2: something was. All else is no answer.
  assert.ok(
    error === undefined && (status === 0 || (status === 2 && stdout !== '')),
    `tsc ended with ${status}: ${stdout}`,
  );
  return stdout.split('\n').filter((line) => line !== '' && !/^(\.\.\/)*\S*@types\/node\//.test(line));
}

consumers('TypeScript compiles against it, as ESM and as CommonJS, with every check on', () => {
  const imports = `import { ${NAMES}, type ${TYPES.replaceAll(', ', ', type ')} } from 'semantic-vision';\n`;
  writeFileSync(join(project, 'consumer.mts'), imports + CONSUMER);
  writeFileSync(join(project, 'consumer.cts'), imports + CONSUMER);
  const flags =
    '--noEmit --strict --module nodenext --target es2022 --lib es2022,esnext.disposable --types node --exactOptionalPropertyTypes --noUncheckedIndexedAccess';
  assert.equal(
    complaints(...flags.split(' '), '--skipLibCheck', 'false', 'consumer.mts', 'consumer.cts'),
    [],
  );
});

// What users compile with who do not ask for the newest: types of ours that need more would be errors in their builds.
consumers('its types need nothing that ES2020 has not, for imports and for require', () => {
  const source =
    "import { SemanticVision, VisionError } from 'semantic-vision';\n" +
    'export const create = SemanticVision.create;\nexport const causeOf = (error: VisionError): unknown => error.cause;\n';
  for (const extension of ['mts', 'cts']) writeFileSync(join(project, `types.${extension}`), source);
  const flags = '--noEmit --strict --module node16 --moduleResolution node16 --target es2020 --types node';
  assert.equal(complaints(...flags.split(' '), 'types.mts', 'types.cts'), []);
});

consumers.after(() => rmSync(project, { recursive: true }));
consumers.run();
