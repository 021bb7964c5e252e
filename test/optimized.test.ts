// The way of an int8 model: made once a machine, by whichever process is first; whole or not there; named by its weights.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { byteDotProducts } from '../dist/esm/image/binding.js';
import { modelInfo } from '../dist/esm/models/catalog.js';
import { byteProducts } from '../dist/esm/models/optimized/cpu.js';
import { optimizeModel } from '../dist/esm/models/optimized/optimize.js';
import type { OptimizeProgress } from '../dist/esm/models/optimized/report.js';
import { SemanticVision } from '../dist/esm/semantic-vision.js';
import { refused, until } from './helpers/assertions.js';
import { TINY_MODEL, noise, photo, photoNames } from './helpers/fixtures.js';
import { Folders, spoiled, writeTower } from './helpers/optimizing.js';
import { recordTimers } from './helpers/timers.js';

const SCRIPT = fileURLToPath(new URL('helpers/optimize-process.ts', import.meta.url));
const folders = new Folders();
const model = folders.make();
await writeTower(model, [1]);

const optimized = suite('optimized models');
optimized.after(() => folders.remove());

interface Answer {
  cached: boolean;
  files: { name: string; bytes: number; sha256: string }[];
  directory: string;
}

function start(cacheDir: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT, model, cacheDir], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (data) => (output += String(data)));
  const begun = once(child.stderr, 'data');
  const answer = once(child, 'close').then(() =>
    output === '' ? undefined : (JSON.parse(output) as Answer),
  );
  return { child, begun, answer };
}

const rootOf = (cacheDir: string) => join(cacheDir, 'semantic-vision', 'optimized');

optimized(
  'create makes it on first use, with progress; the next one finds it; the fingerprint is its own',
  async () => {
    const cacheDir = folders.make();
    const heard: OptimizeProgress[] = [];
    const open = (dtype: 'int8' | 'fp32') =>
      SemanticVision.create({
        model,
        dtype,
        cacheDir,
        workers: 1,
        onOptimize: (progress) => heard.push(progress),
      });
    const before = await modelInfo(model, { dtype: 'int8', cacheDir });
    const first = await open('int8');
    assert.ok(heard.some(({ stage }) => stage === 'comparing'));
    heard.length = 0;
    const second = await open('int8');
    assert.equal(heard, []);
    const exact = await open('fp32');
    const after = await modelInfo(model, { dtype: 'int8', cacheDir });
    assert.is(first.model.dtype, 'int8');
    assert.match(
      first.model.dtypeReason,
      /^int8: mean cosine 0\.9+.*, of \d+ layers 0 in float32, 1 evened out$/,
    );
    assert.equal(second.model, first.model);
    assert.equal([exact.model.dtype, exact.model.dtypeReason], ['fp32', 'asked for']);
    assert.is.not(first.model.fingerprint, exact.model.fingerprint);
    // What is told without making anything is what create would take.
    assert.equal([before.dtype, before.fingerprint], ['fp32', exact.model.fingerprint]);
    assert.equal([after.dtype, after.fingerprint], ['int8', first.model.fingerprint]);

    const image = noise(1, 80);
    const [a, b, c] = [
      await first.embedImage(image),
      await second.embedImage(image),
      await exact.embedImage(image),
    ];
    assert.equal(a.vector, b.vector);
    assert.ok(first.similarity(a.vector, c.vector) > 0.99);
    await Promise.all([first.close(), second.close(), exact.close()]);
  },
);

optimized('two processes at once make it once', async () => {
  const cacheDir = folders.make();
  const answers = (await Promise.all([start(cacheDir).answer, start(cacheDir).answer])) as Answer[];
  assert.equal(answers.map(({ cached }) => cached).sort(), [false, true]);
  assert.equal(answers[0]?.files, answers[1]?.files);
  assert.equal(readdirSync(rootOf(cacheDir)).length, 1, 'no lock and no draft is left');
});

optimized(
  'a process that is killed leaves nothing that is taken for a model; the next one clears it away',
  async () => {
    const cacheDir = folders.make();
    const { child, begun, answer } = start(cacheDir);
    await begun;
    child.kill('SIGKILL');
    assert.is(await answer, undefined);
    const left = readdirSync(rootOf(cacheDir));
    assert.ok(left.some((name) => name.endsWith('.tmp')));
    assert.not(left.some((name) => existsSync(join(rootOf(cacheDir), name, 'report.json'))));

    const report = await optimizeModel(model, { cacheDir });
    assert.equal([report.cached, report.reached, report.evened], [false, true, [spoiled(1)]]);
    assert.equal(readdirSync(rootOf(cacheDir)).length, 1);
  },
);

optimized('an abort ends it at once and leaves nothing', async () => {
  const cacheDir = folders.make();
  const stop = new AbortController();
  const onOptimize = ({ stage }: OptimizeProgress) => stage === 'reference' && stop.abort();
  await refused(optimizeModel(model, { cacheDir, signal: stop.signal, onOptimize }), 'ABORTED', /abort/);
  assert.equal(readdirSync(rootOf(cacheDir)), []);
});

optimized('a damaged graph is made anew', async () => {
  const cacheDir = folders.make();
  const { directory, files } = await optimizeModel(model, { cacheDir });
  appendFileSync(join(directory!, files[0]!.name), 'x');
  const again = await optimizeModel(model, { cacheDir });
  assert.equal([again.cached, again.directory, again.files], [false, directory, files]);
  for (const report of ['{', 'null', '[]', '{"files":7}', JSON.stringify({ files: [] }).slice(1)]) {
    writeFileSync(join(directory!, 'report.json'), report);
    assert.is((await optimizeModel(model, { cacheDir })).cached, false, report);
  }
});

optimized(
  'a target that is missed: a report, no graph, and create refuses; with force it takes it',
  async () => {
    const cacheDir = folders.make();
    const optimize = { target: 0.99999999 };
    const report = await optimizeModel(model, { cacheDir, optimize });
    assert.equal([report.reached, report.directory, report.files], [false, null, []]);
    const options = { model, dtype: 'int8', cacheDir, workers: 1 } as const;
    await refused(SemanticVision.create({ ...options, optimize }), 'ACCURACY_MISSED', /0\.99999999/);
    assert.is((await optimizeModel(model, { cacheDir, optimize })).cached, true, 'nor is it tried again');
    const forced = await SemanticVision.create({ ...options, optimize: { ...optimize, force: true } });
    assert.match(forced.model.dtypeReason, /misses the target and was forced/);
    await forced.close();
  },
);

const DAY = 24 * 60 * 60_000;
const LONG_AGO = Date.now() - 200 * DAY;
const setUsed = (report: string, time: number) => utimesSync(report, time / 1000, time / 1000);
// Times are set as floats of seconds, which may be a part of a millisecond off.
const lastUse = (report: string) => Math.round(statSync(report).mtimeMs);

optimized(
  'it is in use from the look at it to the end of whoever opened it; telling about it is no use',
  async () => {
    const cacheDir = folders.make();
    const { directory } = await optimizeModel(model, { cacheDir });
    const report = join(directory!, 'report.json');
    const options = { model, dtype: 'int8', cacheDir, workers: 1 } as const;
    setUsed(report, LONG_AGO);
    await modelInfo(model, { dtype: 'int8', cacheDir });
    assert.is(lastUse(report), LONG_AGO);
    await optimizeModel(model, { cacheDir });
    assert.ok(lastUse(report) > LONG_AGO);

    setUsed(report, LONG_AGO);
    const timers = recordTimers();
    const vision = await SemanticVision.create(options);
    // One that fails afterwards uses nothing.
    const sessionOptions = { executionProviders: ['none'] };
    await refused(SemanticVision.create({ ...options, sessionOptions }), 'MODEL_INVALID');
    timers.restore();
    assert.ok(lastUse(report) > LONG_AGO);
    const hourly = timers.started.filter(({ ms }) => ms === DAY / 24);
    assert.equal(
      hourly.map(({ isCleared }) => isCleared()),
      [false, true],
    );
    const [timer] = hourly;
    setUsed(report, LONG_AGO);
    timer?.tick();
    await until(() => lastUse(report) > LONG_AGO, 'the next mark');
    await vision.close();
    assert.ok(hourly.every(({ isCleared }) => isCleared()));
  },
);

optimized('a report that a target was missed is in use for as long as auto goes by it', async () => {
  if (byteProducts() === undefined) return;
  const [large, cacheDir] = [folders.make(), folders.make()];
  await writeTower(large, [], 1, false, 480);
  const optimize = { target: 0.99999999 };
  const heard: OptimizeProgress[] = [];
  const onOptimize = (progress: OptimizeProgress) => void heard.push(progress);
  const options = { model: large, dtype: 'auto', cacheDir, optimize, onOptimize, workers: 1 } as const;
  await (await SemanticVision.create(options)).close();
  assert.ok(heard.length > 1);
  heard.length = 0;
  const root = rootOf(cacheDir);
  const report = join(root, readdirSync(root)[0]!, 'report.json');
  assert.equal(readdirSync(join(report, '..')), ['report.json']);
  setUsed(report, LONG_AGO);
  const timers = recordTimers();
  const vision = await SemanticVision.create(options);
  await refused(SemanticVision.create({ ...options, dtype: 'int8' }), 'ACCURACY_MISSED');
  timers.restore();
  assert.equal([vision.model.dtype, heard], ['fp32', []]);
  assert.ok(lastUse(report) > LONG_AGO);
  const marks = timers.started.filter(({ ms }) => ms === DAY / 24);
  assert.ok(marks.some(({ isCleared }) => !isCleared()));
  await vision.close();
  assert.ok(marks.every(({ isCleared }) => isCleared()));
});

optimized('making one removes those that nobody has used for long, and what killed makers left', async () => {
  const cacheDir = folders.make();
  const root = rootOf(cacheDir);
  const entry = (i: number, days: number, file: string) => {
    const directory = join(root, i.toString(16).padStart(32, '0'));
    mkdirSync(directory, { recursive: true });
    for (const name of [file, 'report.json']) writeFileSync(join(directory, name), 'x');
    setUsed(join(directory, 'report.json'), Date.now() - days * DAY);
  };
  for (let i = 1; i <= 20; i++) entry(i, i, 'vision_model.onnx');
  entry(21, 181, 'vision_model.onnx');
  entry(22, 179, 'report.json');
  entry(23, 181, 'report.json');
  const leftover = join(root, `${'f'.repeat(32)}.0123456789ab.tmp`);
  mkdirSync(leftover);
  utimesSync(leftover, 1000, 1000);
  await optimizeModel(model, { cacheDir });
  const left = readdirSync(root).map((name) => Number(`0x${name}`));
  const others = left.filter((i) => i < 100).sort((a, b) => a - b);
  assert.equal(others, [...Array.from({ length: 15 }, (_, i) => i + 1), 22]);
  assert.is(left.length, others.length + 1);
});

optimized('images of the caller: another set is another model', async () => {
  const cacheDir = folders.make();
  const calibrate = folders.make();
  const bare = optimizeModel(model, { cacheDir, optimize: { calibrate } });
  await refused(bare, 'INVALID_OPTION', /at least 4 images/);
  for (const name of photoNames.slice(0, 6)) {
    writeFileSync(join(calibrate, `${name}.jpg`), readFileSync(photo(name)));
  }
  const six = await optimizeModel(model, { cacheDir, optimize: { calibrate } });
  assert.equal(six.images, { compared: 6, calibrated: 3 });
  writeFileSync(join(calibrate, 'notes.txt'), 'no image, and not counted');
  writeFileSync(join(calibrate, 'broken.jpg'), readFileSync(photo('two-dogs')).subarray(0, 1000));
  await refused(optimizeModel(model, { cacheDir, optimize: { calibrate } }), 'DECODE_FAILED', /./);
});

optimized('auto leaves small towers as they are; the bundled model has one precision', async () => {
  const cacheDir = folders.make();
  const small = await SemanticVision.create({ model: TINY_MODEL, dtype: 'auto', cacheDir, workers: 1 });
  assert.is(small.model.dtype, 'fp32');
  assert.match(small.model.dtypeReason, /^auto: (the image tower is small|this CPU)/);
  await small.close();
  assert.not(existsSync(rootOf(cacheDir)));
  const seen = [];
  for (const dtype of [undefined, 'int8', 'auto'] as const) {
    const bundled = await SemanticVision.create({ dtype, workers: 1 });
    seen.push(bundled.model.fingerprint, bundled.model.dtype);
    await bundled.close();
  }
  assert.equal([...new Set(seen)].length, 2);
  await refused(optimizeModel('bundled'), 'INVALID_OPTION', /quantised already/);
});

optimized('auto takes int8 where it pays, and float32 where it cannot be made', async () => {
  const [large, cacheDir] = [folders.make(), folders.make()];
  await writeTower(large, [], 1, false, 480);
  const open = async (where: string, dtype: 'auto' | 'int8' = 'auto') => {
    const vision = await SemanticVision.create({ model: large, dtype, cacheDir: where, workers: 1 });
    await vision.close();
    return vision.model;
  };
  // A file where the folder should be.
  const blocked = join(folders.make(), 'blocked');
  writeFileSync(blocked, '');
  const fallback = await open(blocked);
  assert.is(fallback.dtype, 'fp32');
  assert.match(fallback.dtypeReason, /^auto: /);
  await refused(open(blocked, 'int8'), 'CACHE_UNUSABLE', /blocked/);

  const chosen = await open(cacheDir);
  assert.is(chosen.dtype, byteProducts() === undefined ? 'fp32' : 'int8');
  const asked = await open(cacheDir, 'int8');
  assert.is(asked.fingerprint === chosen.fingerprint, chosen.dtype === 'int8');
});

optimized('without the addon nothing is chosen and nothing made, as nothing could be created', async () => {
  const [large, cacheDir] = [folders.make(), folders.make()];
  await writeTower(large, [], 1, false, 480);
  const entry = new URL('../dist/esm/index.js', import.meta.url).href;
  const script = `import { SemanticVision } from ${JSON.stringify(entry)};
    for (const dtype of ['auto', 'int8']) {
      const options = { model: ${JSON.stringify(large)}, cacheDir: ${JSON.stringify(cacheDir)}, workers: 1, dtype };
      await SemanticVision.create(options).catch((error) => console.log(error.code));
    }`;
  // The addon refuses to load for such a name.
  const env = { ...process.env, SEMANTIC_VISION_KERNEL: 'none' };
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env,
  });
  assert.is(stdout, 'INVALID_OPTION\nINVALID_OPTION\n');
  assert.equal(readdirSync(cacheDir), []);
});

optimized("a CPU's instructions decide, by the best of them", () => {
  // x86 without them, with those of 256 bits (Alder Lake), of 512 (Cascade Lake), with both (Sapphire Rapids)
  assert.is(byteProducts([]), undefined);
  assert.is(byteProducts(['avx_vnni']), 'avx_vnni');
  assert.is(byteProducts(['avx512_vnni']), 'avx512_vnni');
  assert.is(byteProducts(['avx_vnni', 'avx512_vnni']), 'avx512_vnni');
  // arm64: Windows tells of one only
  assert.is(byteProducts(['asimddp']), 'asimddp');
  assert.is(byteProducts(['asimddp', 'i8mm']), 'i8mm');
  // What sums in 16 bits is no such instruction.
  assert.is(byteProducts(['avx2', 'avx512f', 'asimd']), undefined);
  assert.is(byteProducts(), byteProducts(byteDotProducts()));
});

optimized.run();
