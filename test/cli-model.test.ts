// semantic-vision model and classify: against the bundled model, and a hub on this machine.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type {
  Classification,
  ModelDetails,
  ModelListing,
  PulledModel,
  VerificationReport,
} from '../dist/esm/index.js';
import { until } from './helpers/assertions.js';
import { run, scratch, start } from './helpers/cli.js';
import { fixture, fixtureJson, photo } from './helpers/fixtures.js';
import { HubServer, type ServedFile } from './helpers/hub-server.js';

const REPO = 'org/tiny';
const VISION = 'onnx/vision_model.onnx';
const FILES = [
  'config.json',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  VISION,
  'onnx/text_model.onnx',
];
const model = suite('cli model');
const { folder, remove } = scratch();
const server = await HubServer.start();
const served = (path: string): ServedFile => ({
  content: readFileSync(fixture(`tiny-siglip2/${path}`)),
  lfs: path.endsWith('.onnx'),
});
const commit = server.commit(REPO, Object.fromEntries(FILES.map((path) => [path, served(path)])));
const cache = join(folder, 'cache');
const HUB = { HF_ENDPOINT: server.endpoint, HF_HOME: folder, HF_HUB_OFFLINE: '', HF_TOKEN: '' };
const hub = async (...args: string[]) => run([...args, '--cache-dir', cache], { env: HUB });

model.before.each(() => server.reset());

model('list shows the bundled model', async () => {
  const { code, stdout, stderr } = await run(['model', 'list']);
  assert.is(code, 0, stderr);
  assert.match(stdout, /^MODEL .*\n(.*\n)*bundled +768 +280 +bundled +Apache-2\.0 /);
  const json = JSON.parse((await hub('model', 'list', '--json')).stdout) as ModelListing[];
  assert.equal(json.find(({ id }) => id === 'bundled')?.cached, ['int8']);
});

model('pull prints the folder that holds the files; info needs no network after that', async () => {
  const before = await hub('model', 'info', REPO);
  assert.is(before.code, 3);
  assert.match(before.stderr, /^error MODEL_NOT_CACHED: /);

  const pulled = await hub('model', 'pull', REPO);
  assert.is(pulled.code, 0, pulled.stderr);
  assert.match(
    pulled.stderr,
    new RegExp(
      `^${REPO} at ${commit}, fp32: 6 files, [\\d.]+ [KM]iB\\nclassify will not work with it: .*no file`,
    ),
  );
  for (const path of FILES) assert.ok(existsSync(join(pulled.stdout.trim(), path)), path);

  server.reset();
  const again = await hub('model', 'pull', REPO, '--json', '--local-files-only');
  assert.is(again.code, 0, again.stderr);
  assert.is(again.stderr, '');
  const document = JSON.parse(again.stdout) as PulledModel;
  assert.equal([document.id, document.revision, document.dtype], [REPO, commit, 'fp32']);
  assert.equal(document.files.map(({ name }) => name).sort(), [...FILES].sort());
  const info = await hub('model', 'info', REPO, '--json');
  assert.is((JSON.parse(info.stdout) as ModelDetails).revision, commit, info.stderr);
  assert.match((await hub('model', 'info', REPO)).stdout, /^preprocessing\.resample +2$/m);
  assert.equal(server.seen, []);
});

model('an index keeps the commit of its model when the branch moves on', async () => {
  const env = { ...HUB, HF_HUB_CACHE: join(folder, 'moving') };
  const photos = join(folder, 'photos');
  mkdirSync(photos);
  copyFileSync(photo('cat-face'), join(photos, 'cat.jpg'));
  const files = Object.fromEntries(FILES.map((path) => [path, served(path)]));
  const first = server.commit('org/moving', files);
  const stored = join(folder, 'moving-index');
  const build = async (...args: string[]) =>
    run(['index', 'build', photos, '-o', stored, '--workers', '1', ...args], { env });
  const made = await build('--model', 'org/moving');
  assert.is(made.code, 0, made.stderr);
  const remembered = JSON.parse(readFileSync(join(stored, 'model.json'), 'utf8')) as unknown;
  assert.equal(remembered, { model: 'org/moving', revision: first, dtype: 'fp32' });

  const { content } = served('preprocessor_config.json');
  const moved = { content: Buffer.concat([content, Buffer.from('\n')]), lfs: false };
  server.commit('org/moving', { ...files, 'preprocessor_config.json': moved });
  assert.is((await build()).code, 0);
  const found = await run(['index', 'search', photo('cat-face'), '-i', stored, '--workers', '1'], { env });
  assert.match(found.stdout, /^1\.0000 {2}cat\.jpg\n$/, found.stderr);
  const newest = await build('--model', 'org/moving');
  assert.is(newest.code, 3);
  assert.match(newest.stderr, /MODEL_MISMATCH/);
});

model('a hub model embeds and indexes without its text tower', async () => {
  const other = join(folder, 'vision-only');
  const args = [
    'embed',
    photo('two-dogs'),
    '--model',
    REPO,
    '--cache-dir',
    other,
    '--workers',
    '1',
    '--quiet',
  ];
  const { code, stderr } = await run(args, { env: HUB });
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  assert.not(server.seen.some(({ path }) => path.includes('text_model')));
});

model('errors of the hub are one line and exit code 3, as JSON with --json', async () => {
  const cases = [
    [['model', 'pull', 'org/nobody'], 'MODEL_NOT_FOUND'],
    [['model', 'pull', REPO, '--revision', 'nowhere'], 'MODEL_NOT_FOUND'],
    [['model', 'pull', 'org/other', '--local-files-only'], 'MODEL_NOT_CACHED'],
    [['embed', photo('two-dogs'), '--model', 'org/nobody'], 'MODEL_NOT_FOUND'],
  ] as const;
  const endings = await Promise.all(cases.map(([args]) => hub(...args, '--json')));
  for (const [i, { code, stdout, stderr }] of endings.entries()) {
    assert.is(code, 3, stderr);
    assert.is(stdout, '');
    assert.is((JSON.parse(stderr) as { error: { code: string } }).error.code, cases[i]![1]);
  }
  const dtype = await hub('model', 'pull', REPO, '--dtype', 'fp7');
  assert.is(dtype.code, 2);
  assert.match(dtype.stderr, /^error INVALID_OPTION: .*fp32/);
});

model('Ctrl-C keeps the part that has arrived, and the next pull goes on from there', async () => {
  const other = join(folder, 'interrupted');
  const size = statSync(fixture(`tiny-siglip2/${VISION}`)).size;
  const half = Math.floor(size / 2);
  // Every body hangs there; those that are shorter are whole by then.
  server.faults.push(...Array.from({ length: 100 }, () => ({ kind: 'stall', at: half }) as const));
  const { child, ending } = start(['model', 'pull', REPO, '--cache-dir', other], { env: HUB });
  await until(() => partBytes(other) >= half, 'half a file on the disk');
  child.kill('SIGINT');
  const { code, signal, stderr } = await ending;
  assert.is(signal, null);
  assert.is(code, 130, stderr);
  assert.match(stderr, /error INTERRUPTED: /);
  assert.ok(partBytes(other) >= half);

  server.reset();
  const again = await run(['model', 'pull', REPO, '--cache-dir', other], { env: HUB });
  assert.is(again.code, 0, again.stderr);
  assert.ok(
    server.seen.some(({ range }) => range !== undefined),
    'a range was asked for',
  );
});

// The largest file that is still incomplete; small ones come and go.
function partBytes(root: string): number {
  if (!existsSync(root)) return 0;
  const sizes = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.incomplete'))
    .map((name) => statSync(join(root, name), { throwIfNoEntry: false })?.size ?? 0);
  return Math.max(0, ...sizes);
}

model('verify compares hashes and reference values; 1 when one is off', async () => {
  const bundled = await run(['model', 'verify', 'bundled']);
  assert.is(bundled.code, 0, bundled.stderr);
  assert.match(bundled.stdout, /6 of 6 as published\n$/);

  const texts = fixtureJson('tiny-siglip2/texts.json') as { text: string; ids: number[] }[];
  const [first] = texts;
  const ids = first!.ids.slice(0, first!.ids.indexOf(1) + 1);
  const reference = join(folder, 'reference.json');
  const write = (known: number[]) =>
    writeFileSync(
      reference,
      JSON.stringify({ tokens: [{ text: first!.text, ids: known, source: 'golden' }] }),
    );

  write(ids);
  const right = await run(['model', 'verify', fixture('tiny-siglip2'), '--reference', reference, '--json']);
  assert.is(right.code, 0, right.stderr);
  const report = JSON.parse(right.stdout) as VerificationReport;
  assert.equal([report.ok, report.checks.length], [true, 1]);
  assert.is(report.checks[0]?.actual, ids.join(' '));

  write([...ids.slice(0, -1), 7]);
  const wrong = await run(['model', 'verify', fixture('tiny-siglip2'), '--reference', reference]);
  assert.is(wrong.code, 1);
  assert.match(wrong.stdout, /^OFF +token ids of "a photo of a cat"/m);
  assert.match(wrong.stdout, /0 of 1 as published\n$/);
  assert.is(wrong.stderr, '');
});

model('classify puts the right label first', async () => {
  const args = ['classify', photo('cat-face'), '--labels', 'dog, cat', '--labels', 'coffee'];
  const [human, json, template] = await Promise.all([
    run(args),
    run([...args, '--json']),
    run([...args, '--json', '--template', 'a drawing of a {}']),
  ]);
  assert.is(human.code, 0, human.stderr);
  assert.match(human.stdout, /^PROBABILITY +SIMILARITY +LABEL\n +\d+\.\d\d % +-?\d\.\d{4} +cat\n/);
  const read = (text: string) =>
    JSON.parse(text) as { file: string; model: string; results: Classification[] };
  const { file, model: id, results } = read(json.stdout);
  assert.equal([file, id], [photo('cat-face'), 'bundled']);
  assert.equal(results.map(({ label }) => label).sort(), ['cat', 'coffee', 'dog']);
  assert.is(results[0]?.label, 'cat');
  assert.ok(results.every(({ probability }) => probability > 0 && probability < 1));
  assert.is.not(read(template.stdout).results[0]?.similarity, results[0]!.similarity);
});

model('classify: an image that is none is 1, a template without a place 2', async () => {
  const none = await run(['classify', fixture('bad/html.png'), '--labels', 'cat']);
  assert.is(none.code, 1);
  assert.match(none.stderr, /^error UNSUPPORTED_FORMAT: /);
  const template = await run(['classify', photo('cat-face'), '--labels', 'cat', '-t', 'a photo']);
  assert.is(template.code, 2);
  assert.match(template.stderr, /^error INVALID_ARGUMENT: .*\{\}/);
});

model.after(async () => {
  await server.close();
  remove();
});
model.run();
