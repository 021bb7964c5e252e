// Every call of the file system that the caller's thread makes fails once: what comes of it is a VisionError or success,
// never another error, a stray rejection, or a wait without end.
import { withFault } from '../helpers/faults.js';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  listModels,
  optimizeModel,
  pullModel,
  SemanticVision,
  VectorIndex,
  verifyModel,
  VisionError,
} from '../../dist/esm/index.js';
import { settles } from '../helpers/assertions.js';
import { TINY_MODEL, fixture, photo } from '../helpers/fixtures.js';
import { HubServer } from '../helpers/hub-server.js';

const stray: unknown[] = [];
process.on('unhandledRejection', (error) => stray.push(error));
process.on('uncaughtException', (error) => stray.push(error));

const root = mkdtempSync(join(tmpdir(), 'semantic-vision-faults-'));
let folders = 0;
const newFolder = () => join(root, `${++folders}`);
const server = await HubServer.start();
process.env.HF_ENDPOINT = server.endpoint;
delete process.env.HF_HUB_OFFLINE;
const REPO = 'org/tiny-siglip2';
const FILES = ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json'];
const GRAPHS = ['onnx/vision_model.onnx', 'onnx/text_model.onnx'];
const served = (path: string) => ({
  content: readFileSync(fixture(`tiny-siglip2/${path}`)),
  lfs: path.endsWith('.onnx'),
});
server.commit(REPO, Object.fromEntries([...FILES, ...GRAPHS].map((path) => [path, served(path)])));

const PHOTO = photo('two-dogs');
const vector = () => Float32Array.from({ length: 8 }, (_, i) => i + 1);
async function storedIndex(): Promise<string> {
  const folder = newFolder();
  const index = VectorIndex.create({ dimensions: 8 });
  index.add('a', vector(), { some: 'metadata' });
  await index.save(folder);
  await index.close();
  return folder;
}

/** Scenarios, each with what it needs prepared outside of the fault. */
const SCENARIOS: Record<string, () => Promise<() => Promise<void>>> = {
  'create, embed, close': () =>
    Promise.resolve(async () => {
      const vision = await SemanticVision.create({ model: TINY_MODEL, workers: 1, cacheDir: newFolder() });
      try {
        await vision.embedImage(PHOTO);
        await vision.embedText('a dog');
      } finally {
        await vision.close();
      }
    }),
  'save an index': () =>
    Promise.resolve(async () => {
      const index = VectorIndex.create({ dimensions: 8 });
      index.add('a', vector());
      const folder = newFolder();
      await index.save(folder);
      index.add('b', vector());
      await index.save(folder);
      await index.close();
    }),
  'open an index': async () => {
    const folder = await storedIndex();
    return async () => {
      const index = await VectorIndex.open(folder);
      assert.is(index.size, 1);
      await index.close();
    };
  },
  'pull a model': () =>
    Promise.resolve(async () => {
      await pullModel(REPO, { cacheDir: newFolder() });
    }),
  'create with a model from the hub': () =>
    Promise.resolve(async () => {
      const vision = await SemanticVision.create({
        model: REPO,
        cacheDir: newFolder(),
        workers: 1,
        dtype: 'fp32',
      });
      await vision.close();
    }),
  'list models': () =>
    Promise.resolve(async () => {
      await listModels({ cacheDir: newFolder() });
    }),
  'verify a model': () =>
    Promise.resolve(async () => {
      await verifyModel(TINY_MODEL, { cacheDir: newFolder() });
    }),
  'optimise a model': () => {
    const model = newFolder();
    cpSync(TINY_MODEL, model, { recursive: true });
    return Promise.resolve(async () => {
      await optimizeModel(model, { cacheDir: newFolder() });
    });
  },
};
const CODES = ['EIO', 'EACCES', 'ENOSPC', 'EMFILE', 'ENOENT'];
// Those that take seconds: a part of the calls.
const EVERY: Record<string, number> = { 'optimise a model': 7 };

const faults = suite('faults of the file system');

for (const [name, prepare] of Object.entries(SCENARIOS)) {
  faults(name, async () => {
    const wrong: string[] = [];
    let met = 0;
    for (let call = 1; ; call += EVERY[name] ?? 1) {
      const code = CODES[call % CODES.length]!;
      const work = await prepare();
      const where = await settles(
        withFault(call, code, async () => {
          try {
            await work();
          } catch (error) {
            if (!(error instanceof VisionError))
              wrong.push(`${code} in call ${call}: ${String((error as Error).stack)}`);
          }
        }),
        `${code} in call ${call}`,
        120_000,
      );
      if (where === undefined) break;
      met++;
    }
    console.log(`${name}: ${met} calls`);
    assert.equal(wrong, []);
    assert.equal(stray.splice(0), []);
    assert.ok(met > 0);
  });
}

faults.after(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});
faults.run();
