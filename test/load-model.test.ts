// From the option "model" to files: what is missing, damaged or changed is noticed before anything runs.
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Digests } from '../dist/esm/models/digests.js';
import { modelFingerprint } from '../dist/esm/models/fingerprint.js';
import { loadModel } from '../dist/esm/models/load-model.js';
import { readManifest, type BundledModel } from '../dist/esm/models/manifest.js';
import {
  resolveModelRequest,
  type FetchOptions,
  type ModelOption,
} from '../dist/esm/models/model-options.js';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { refused } from './helpers/assertions.js';
import { ROOT, TINY_MODEL, fixture } from './helpers/fixtures.js';

const hasher = new Hasher();
const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-models-'));

function load(model: NonNullable<ModelOption['model']>, options: FetchOptions = {}) {
  return loadModel(resolveModelRequest({ ...options, model }), new Digests(hasher));
}

async function bundledEntry(): Promise<BundledModel> {
  return (await readManifest()).find((entry): entry is BundledModel => entry.source === 'bundled')!;
}

function copyOfTiny(name: string): string {
  const copy = join(folder, name);
  cpSync(TINY_MODEL, copy, { recursive: true });
  return copy;
}

const loading = suite('loadModel');

loading('the bundled model is what the manifest says', async () => {
  const entry = await bundledEntry();
  const { found, ...model } = await load('bundled');
  assert.is(found.id, 'bundled');
  assert.equal(
    [found.revision, found.dtype, model.dimensions],
    [entry.revision, entry.dtype, entry.dimensions],
  );
  assert.equal(model.preprocess.cropSize, { height: entry.imageSize, width: entry.imageSize });
  assert.is(model.text?.model, found.text?.graph.path);
  assert.match(model.fingerprint, /^[0-9a-f]{64}$/);
});

loading('the manifest names every file that is loaded, with its true size', async () => {
  const { statSync } = await import('node:fs');
  const { directory, files } = await bundledEntry();
  for (const { path, size } of files) {
    assert.is(statSync(join(ROOT, 'models', directory, path)).size, size, path);
  }
});

loading('a folder in the hub’s layout, absolute or relative; both places of the image tower', async () => {
  const model = await load(TINY_MODEL);
  assert.is(model.found.revision, 'local');
  assert.is(model.found.vision.path, join(TINY_MODEL, 'onnx', 'vision_model.onnx'));
  assert.is(model.text?.model, join(TINY_MODEL, 'onnx', 'text_model.onnx'));
  const flat = copyOfTiny('flat');
  renameSync(join(flat, 'onnx', 'vision_model.onnx'), join(flat, 'vision_model.onnx'));
  assert.is((await load(flat)).found.vision.path, join(flat, 'vision_model.onnx'));
  assert.is((await load(relative(process.cwd(), TINY_MODEL))).fingerprint, model.fingerprint);
});

loading('quantised text graphs are never batched, whoever names them', async () => {
  const named = (textModel: string) => ({
    visionModel: fixture('tiny-siglip/onnx/vision_model.onnx'),
    preprocessorConfig: fixture('tiny-siglip/preprocessor_config.json'),
    config: fixture('tiny-siglip/config.json'),
    tokenizer: fixture('tiny-siglip/tokenizer.json'),
    tokenizerConfig: fixture('tiny-siglip/tokenizer_config.json'),
    textModel,
  });
  const graph = fixture('tiny-siglip/onnx/text_model.onnx');
  assert.is((await load(named(graph))).text?.batch, true);
  assert.is((await load(named(graph), { dtype: 'fp16' })).text?.batch, true);
  assert.is((await load(named(graph), { dtype: 'q4f16' })).text?.batch, false);
  for (const suffix of ['_quantized', '_int8', '_uint8', '_q4', '_q4f16', '_bnb4', '_INT8']) {
    const path = join(folder, `text_model${suffix}.onnx`);
    copyFileSync(graph, path);
    assert.is((await load(named(path))).text?.batch, false, suffix);
  }
  assert.is((await load('bundled')).text?.batch, false);
});

const CONFIGS = 'cases/model-configs';

function withPreprocessor(name: string, content: string | Buffer, as = 'preprocessor_config.json'): string {
  const copy = copyOfTiny(name);
  unlinkSync(join(copy, 'preprocessor_config.json'));
  writeFileSync(join(copy, as), content);
  return copy;
}

loading(
  'what transformers 5 writes is read where the other file is not there, and where it is named',
  async () => {
    const { preprocess } = await load(TINY_MODEL);
    const nested = readFileSync(fixture(`${CONFIGS}/v5-nested.processor_config.json`));
    const copy = withPreprocessor('v5', nested, 'processor_config.json');
    const model = await load(copy);
    assert.is(model.found.preprocessor.name, 'processor_config.json');
    assert.equal(model.preprocess, preprocess);
    const named = { visionModel: join(copy, 'onnx', 'vision_model.onnx') };
    for (const preprocessorConfig of [
      join(copy, 'processor_config.json'),
      fixture(`${CONFIGS}/siglip-fast.preprocessor_config.json`),
    ]) {
      assert.equal((await load({ ...named, preprocessorConfig })).preprocess, preprocess);
    }
    // The older file goes first: nobody has to keep two of them alike.
    copyFileSync(fixture('tiny-siglip/preprocessor_config.json'), join(copy, 'preprocessor_config.json'));
    writeFileSync(join(copy, 'processor_config.json'), '{}');
    assert.equal((await load(copy)).preprocess, preprocess);
  },
);

loading(
  'the configurations of the cases: ViT’s number is a square, and a byte order mark is no fault',
  async () => {
    const vit = readFileSync(fixture(`${CONFIGS}/size-int-vit.preprocessor_config.json`));
    const { preprocess } = await load(withPreprocessor('vit', Buffer.concat([Buffer.from('\uFEFF'), vit])));
    const square = { height: 64, width: 64 };
    assert.equal([preprocess.size, preprocess.cropSize, preprocess.resample], [square, square, 2]);
  },
);

loading('the fingerprint follows the content of weights and preprocessing, not the place', async () => {
  const { fingerprint } = await load(TINY_MODEL);
  const copy = copyOfTiny('copy');
  assert.is((await load(copy)).fingerprint, fingerprint);
  appendFileSync(join(copy, 'preprocessor_config.json'), '\n');
  const changed = (await load(copy)).fingerprint;
  assert.is.not(changed, fingerprint);
  appendFileSync(join(copy, 'onnx', 'vision_model.onnx'), '\0');
  assert.is.not((await load(copy)).fingerprint, changed);
});

loading('modelFingerprint: order of the files does not matter, everything else does', () => {
  const base = modelFingerprint({ a: '1', b: '2' }, 'fp32');
  assert.is(modelFingerprint({ b: '2', a: '1' }, 'fp32'), base);
  for (const other of [
    modelFingerprint({ a: '2', b: '1' }, 'fp32'),
    modelFingerprint({ a: '1', b: '2' }, 'int8'),
    modelFingerprint({ a: '1' }, 'fp32'),
    modelFingerprint({ a: '1', c: '2' }, 'fp32'),
  ]) {
    assert.is.not(other, base);
  }
});

loading(
  'nothing there, a file instead of a folder, a folder without its files: MODEL_NOT_FOUND',
  async () => {
    await refused(load(join(folder, 'nowhere')), 'MODEL_NOT_FOUND', /bundled.*nowhere/);
    await refused(load(fixture('bad/text.jpg')), 'MODEL_NOT_FOUND');
    await refused(load('siglip-that-nobody-knows'), 'MODEL_NOT_FOUND');
    await refused(load('a\0b'), 'MODEL_NOT_FOUND');
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    await refused(load(empty), 'MODEL_NOT_FOUND', /vision_model\.onnx/);
    const bare = copyOfTiny('bare');
    unlinkSync(join(bare, 'preprocessor_config.json'));
    await refused(load(bare), 'MODEL_NOT_FOUND', /preprocessor_config\.json or processor_config\.json in/);
  },
);

loading('a preprocessor_config.json that is no JSON or no config: MODEL_INVALID with its path', async () => {
  const broken = copyOfTiny('broken');
  const path = join(broken, 'preprocessor_config.json');
  for (const content of ['', '{', 'null', '[]', '{}', '"text"']) {
    writeFileSync(path, content);
    await refused(load(broken), 'MODEL_INVALID', /broken.*preprocessor_config\.json/);
  }
  copyFileSync(fixture('preprocessor-configs/tiny-siglip2-naflex.json'), path);
  await refused(load(broken), 'MODEL_INVALID');
});

loading.after(() => hasher.close());
loading.run();

const installation = suite('a damaged installation');

/** The package as installed, in a place where it may be damaged. */
const copied = join(folder, 'package');
mkdirSync(copied);
for (const part of ['package.json', 'dist', 'models']) {
  cpSync(join(ROOT, part), join(copied, part), { recursive: true });
}
for (const part of ['build', 'node_modules']) symlinkSync(join(ROOT, part), join(copied, part));
const bundled = join(copied, 'models', 'bundled');

function create(): string {
  const entry = pathToFileURL(join(copied, 'dist', 'esm', 'index.js')).href;
  const script = `import { SemanticVision } from ${JSON.stringify(entry)};
    try { await (await SemanticVision.create({ workers: 1 })).close(); console.log('fine'); }
    catch (error) { console.log(error.code, error.message); }`;
  const { stdout, stderr, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.is(signal, null, stderr);
  assert.is(stderr, '');
  return stdout;
}

/** Damages a file, creates, mends it. */
function withDamage(path: string, damage: (path: string) => void): string {
  const kept = readFileSync(path);
  try {
    damage(path);
    return create();
  } finally {
    writeFileSync(path, kept);
  }
}

installation('undamaged it works', () => {
  assert.is(create(), 'fine\n');
});

installation('one flipped bit in any file of the model: MODEL_INVALID with path and both hashes', () => {
  for (const name of ['vision_model.onnx', 'text_model.onnx', 'tokenizer.json', 'preprocessor_config.json']) {
    const message = withDamage(join(bundled, name), (path) => {
      const bytes = readFileSync(path);
      const middle = Math.floor(bytes.length / 2);
      bytes[middle] = bytes[middle]! ^ 1;
      writeFileSync(path, bytes);
    });
    assert.match(message, new RegExp(`^MODEL_INVALID .*${name.replace('.', '\\.')}`));
    assert.match(message, /[0-9a-f]{64}.*[0-9a-f]{64}.*reinstall/i);
  }
});

installation('a file that is missing or cut', () => {
  const model = join(bundled, 'vision_model.onnx');
  assert.match(
    withDamage(model, (path) => writeFileSync(path, readFileSync(path).subarray(0, 1000))),
    /^MODEL_INVALID/,
  );
  assert.match(withDamage(model, unlinkSync), /^MODEL_NOT_FOUND .*vision_model\.onnx/);
});

installation('a manifest that is missing or no JSON', () => {
  const manifest = join(copied, 'models', 'manifest.json');
  assert.match(withDamage(manifest, unlinkSync), /^MODEL_NOT_FOUND .*manifest\.json/);
  assert.match(
    withDamage(manifest, (path) => writeFileSync(path, '{')),
    /^MODEL_(NOT_FOUND|INVALID) .*manifest\.json/,
  );
});

installation.after(() => rmSync(folder, { recursive: true }));
installation.run();
