// Models from a hub, from the option "model" to vectors: against a server on this machine that speaks the hub's protocol.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listModels, modelInfo, pullModel } from '../dist/esm/models/catalog.js';
import { readManifest, type HubModel } from '../dist/esm/models/manifest.js';
import { SemanticVision } from '../dist/esm/semantic-vision.js';
import type { DownloadProgress } from '../dist/esm/types.js';
import { refused, sameBits } from './helpers/assertions.js';
import { fixture, noise } from './helpers/fixtures.js';
import { HubServer, type ServedFile } from './helpers/hub-server.js';
import { safetensors } from './helpers/safetensors.js';

const REPO = 'org/tiny-siglip2';
const server = await HubServer.start();
const folders: string[] = [];
process.env.HF_ENDPOINT = server.endpoint;
delete process.env.HF_HUB_OFFLINE;

function newCache(): string {
  const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-hub-models-'));
  folders.push(folder);
  return folder;
}

function served(path: string): ServedFile {
  return { content: readFileSync(fixture(`tiny-siglip2/${path}`)), lfs: path.endsWith('.onnx') };
}

function filesOf(...paths: string[]): Record<string, ServedFile> {
  return Object.fromEntries(paths.map((path) => [path, served(path)]));
}

const CONFIGS = ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json'];
const GRAPHS = ['onnx/vision_model.onnx', 'onnx/text_model.onnx'];
const commit = server.commit(REPO, filesOf(...CONFIGS, ...GRAPHS, 'onnx/vision_model_quantized.onnx'));
const image = noise(1, 50);

/** What was fetched, not asked for. */
function fetched(): string[] {
  return server.seen
    .filter(({ method, at, path }) => method === 'GET' && at === 'hub' && path.includes('/resolve/'))
    .map(({ path }) => path.replace(/.*\/resolve\/[^/]+\//, ''));
}

const hub = suite('models from the hub');
hub.before.each(() => server.reset());

hub(
  'create fetches, with progress; the vectors are those of a folder; then it works without a network',
  async () => {
    const cacheDir = newCache();
    const heard: DownloadProgress[] = [];
    const online = await SemanticVision.create({
      model: REPO,
      cacheDir,
      workers: 1,
      onProgress: (progress) => heard.push(progress),
    });
    assert.equal([online.model.id, online.model.revision], [REPO, commit]);
    assert.equal(fetched().sort(), [...CONFIGS, ...GRAPHS].sort());
    assert.ok(heard.some(({ file, fileBytes, fileTotal }) => file === GRAPHS[0] && fileBytes === fileTotal));
    const vectors = [await online.embedImage(image), await online.embedText('a cat')];
    await online.close();

    server.reset();
    const offline = await SemanticVision.create({ model: REPO, cacheDir, workers: 1, localFilesOnly: true });
    assert.is(server.seen.length, 0);
    const folder = await SemanticVision.create({ model: fixture('tiny-siglip2'), workers: 1 });
    for (const vision of [offline, folder]) {
      assert.is(vision.model.fingerprint, online.model.fingerprint);
      sameBits((await vision.embedImage(image)).vector, vectors[0]!.vector);
      sameBits((await vision.embedText('a cat')).vector, vectors[1]!.vector);
      await vision.close();
    }
  },
);

hub('text: false and models of unknown families leave the text tower where it is', async () => {
  const vision = await SemanticVision.create({ model: REPO, cacheDir: newCache(), workers: 1, text: false });
  assert.equal(fetched().sort(), ['config.json', 'onnx/vision_model.onnx', 'preprocessor_config.json']);
  await refused(vision.embedText('a cat'), 'TEXT_UNSUPPORTED');
  await vision.close();

  server.reset();
  const clip = { ...filesOf(...CONFIGS, ...GRAPHS), 'config.json': json({ model_type: 'clip' }) };
  server.commit('org/clip', clip);
  const other = await SemanticVision.create({ model: 'org/clip', cacheDir: newCache(), workers: 1 });
  assert.not(fetched().includes('onnx/text_model.onnx'));
  await other.embedImage(image);
  await refused(other.embedText('a cat'), 'TEXT_UNSUPPORTED');
  await other.close();
});

hub('a model of one tower has one graph, and needs no config.json', async () => {
  server.commit('org/plain', {
    'preprocessor_config.json': served('preprocessor_config.json'),
    'onnx/model.onnx': served('onnx/vision_model.onnx'),
  });
  const vision = await SemanticVision.create({ model: 'org/plain', cacheDir: newCache(), workers: 1 });
  assert.is((await vision.embedImage(image)).dimensions, 64);
  await vision.close();
});

hub('what transformers 5 writes, graphs in the root, a graph of float16', async () => {
  const nested = json({
    image_processor: JSON.parse(served('preprocessor_config.json').content.toString()) as unknown,
  });
  server.commit('org/root', {
    'processor_config.json': nested,
    'model.onnx': served('onnx/vision_model.onnx'),
  });
  const root = await SemanticVision.create({ model: 'org/root', cacheDir: newCache(), workers: 1 });
  const folder = await SemanticVision.create({ model: fixture('tiny-siglip2'), workers: 1, text: false });
  sameBits((await root.embedImage(image)).vector, (await folder.embedImage(image)).vector);
  await root.close();
  await folder.close();

  const half = { content: readFileSync(fixture('cases/vision-fp16-input.onnx')), lfs: true };
  const fast = readFileSync(fixture('cases/model-configs/siglip-fast.preprocessor_config.json'));
  server.commit('org/half', {
    'preprocessor_config.json': { content: fast, lfs: false },
    'onnx/model_fp16.onnx': half,
    'onnx/model.onnx': half,
  });
  const cacheDir = newCache();
  for (const dtype of ['fp16', 'auto'] as const) {
    const vision = await SemanticVision.create({ model: 'org/half', cacheDir, workers: 1, dtype });
    assert.is((await vision.embedImage(image)).dimensions, 8);
    await vision.close();
  }
});

hub('dtype and revision choose the files; what is not there is named', async () => {
  const cacheDir = newCache();
  const exact = await pullModel(REPO, { cacheDir });
  const small = await pullModel(REPO, { cacheDir, dtype: 'q8', revision: commit });
  assert.equal([exact.dtype, small.dtype, small.revision], ['fp32', 'q8', commit]);
  assert.is(small.files[0]?.name, 'onnx/vision_model_quantized.onnx');
  assert.ok(small.files.every(({ path, size }) => size > 0 && existsSync(path)));
  await refused(pullModel(REPO, { cacheDir, dtype: 'fp16' }), 'MODEL_NOT_FOUND', /vision_model_fp16\.onnx/);
  await refused(pullModel(REPO, { cacheDir, revision: 'nowhere' }), 'MODEL_NOT_FOUND', /nowhere/);
  await refused(pullModel('org/nobody', { cacheDir }), 'MODEL_NOT_FOUND', /org\/nobody/);
  await refused(pullModel(fixture('tiny-siglip2'), { revision: 'main' }), 'INVALID_OPTION', /revision/);
  await refused(pullModel(REPO, { cacheDir: newCache(), localFilesOnly: true }), 'MODEL_NOT_CACHED');
});

hub('a revision and a repository that cannot be are options that cannot be', async () => {
  const cacheDir = newCache();
  await refused(pullModel(REPO, { cacheDir, revision: '../x' }), 'INVALID_OPTION', /option "revision"/);
  await refused(pullModel('a--b/c', { cacheDir }), 'INVALID_OPTION', /option "model"/);
  assert.is(server.seen.length, 0);
});

hub('one failure of the hub on the way to a graph does not cost the model, or its text tower', async () => {
  for (const graph of GRAPHS) {
    const cacheDir = newCache();
    let failed = false;
    server.down = ({ path }) => !failed && path.endsWith(graph) && (failed = true);
    const { files } = await pullModel(REPO, { cacheDir });
    server.down = undefined;
    assert.ok(failed);
    assert.equal(files.map(({ name }) => name).sort(), [...CONFIGS, ...GRAPHS].sort());
  }
});

hub(
  'what was fetched without texts says offline that they are not cached, not that there are none',
  async () => {
    const cacheDir = newCache();
    await pullModel(REPO, { cacheDir, text: false });
    const offline = { model: REPO, cacheDir, workers: 1, localFilesOnly: true };
    await refused(SemanticVision.create(offline), 'MODEL_NOT_CACHED', /text_model\.onnx/);
    await refused(modelInfo(REPO, { cacheDir }), 'MODEL_NOT_CACHED', /text_model\.onnx/);
    assert.is((await modelInfo(REPO, { cacheDir, text: false })).text, null);
    const vision = await SemanticVision.create({ ...offline, text: false });
    await vision.embedImage(image);
    await vision.close();
  },
);

hub('a known id is mapped to its repository; dimensions are the model’s, and are checked', async () => {
  const entry = (await readManifest()).find(
    (each): each is HubModel => each.id === 'google/siglip-base-patch16-224',
  )!;
  server.commit(entry.repo!, filesOf(...CONFIGS, ...GRAPHS), 'test');
  const options = { cacheDir: newCache(), revision: 'test' };
  const pulled = await pullModel(entry.id, options);
  assert.is(pulled.id, entry.id);
  assert.is((await pullModel(entry.repo!, options)).id, entry.id);
  assert.ok(server.seen.every(({ path }) => !path.startsWith(`/${entry.id}/resolve/main/onnx`)));
  await refused(
    SemanticVision.create({ ...options, model: entry.id, workers: 1 }),
    'MODEL_INVALID',
    /768 dimensions.*64/,
  );
});

hub('scale and bias of a known model come from its checkpoint, once, and a few bytes of it', async () => {
  const entry = (await readManifest()).find(
    (each): each is HubModel => each.source === 'hub' && each.repo !== null,
  )!;
  const weights = { dtype: 'F32', shape: [1 << 18], bytes: Buffer.alloc(1 << 20) };
  const scalar = (value: number) => ({
    dtype: 'F32',
    shape: [1],
    bytes: Buffer.from(Float32Array.of(value).buffer),
  });
  const checkpoint = safetensors({ weights, logit_scale: scalar(4.5), logit_bias: scalar(-12) });
  server.commit(entry.checkpoint, { 'model.safetensors': { content: checkpoint, lfs: true } });
  server.commit(entry.repo!, filesOf(...CONFIGS, ...GRAPHS), 'test');
  const options = { cacheDir: newCache(), revision: 'test' };
  const { logits } = await pullModel(entry.id, options);
  assert.equal([logits?.scale, logits?.bias], [Math.exp(4.5), -12]);
  assert.match(logits!.source, /model\.safetensors/);
  const ranges = server.seen.filter(({ range, at }) => range !== undefined && at === 'cdn');
  assert.ok(ranges.length > 0 && ranges.length < 8);

  server.reset();
  const again = await pullModel(entry.id, { ...options, localFilesOnly: true });
  assert.equal(again.logits, logits);
  assert.is(server.seen.length, 0);
});

hub('a model whose scale and bias nobody knows embeds, but does not classify', async () => {
  const vision = await SemanticVision.create({ model: REPO, cacheDir: newCache(), workers: 1 });
  await refused(
    vision.classify(image, ['cat']),
    'ZERO_SHOT_UNSUPPORTED',
    /org\/tiny-siglip2.*onnx\/model\.onnx/,
  );
  await vision.embedText('a cat');
  await vision.close();
});

hub('listModels says what is in the cache, modelInfo everything about it', async () => {
  const cacheDir = newCache();
  const entry = (await readManifest()).find((each): each is HubModel => each.source === 'hub')!;
  await refused(modelInfo(entry.id, { cacheDir }), 'MODEL_NOT_CACHED');
  const before = (await listModels({ cacheDir })).find(({ id }) => id === entry.id)!;
  assert.equal(before.cached, []);
  await pullModel(REPO, { cacheDir });
  const info = await modelInfo(REPO, { cacheDir });
  assert.equal(
    [info.listing, info.logits, info.text],
    [null, null, { maxLength: 16, canonicalization: 'lowercase', padId: 0 }],
  );
  const [bundled] = await listModels({ cacheDir });
  assert.equal([bundled?.id, bundled?.cached], ['bundled', ['int8']]);
});

hub('creation is aborted while it downloads', async () => {
  const controller = new AbortController();
  server.before = () => controller.abort();
  const creation = SemanticVision.create({ model: REPO, cacheDir: newCache(), signal: controller.signal });
  await refused(creation, 'ABORTED');
  server.before = undefined;
});

function json(value: unknown): ServedFile {
  return { content: Buffer.from(JSON.stringify(value)), lfs: false };
}

hub.after(async () => {
  await server.close();
  for (const folder of folders) rmSync(folder, { recursive: true });
});
hub.run();
