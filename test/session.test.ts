// ONNX sessions: what is a tower and what is not.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TowerSession, imageTensor, tokenTensor } from '../dist/esm/inference/session.js';
import { refused, sameBits } from './helpers/assertions.js';
import { ROOT, TINY_DIMENSIONS, TINY_MODEL } from './helpers/fixtures.js';

const VISION = join(TINY_MODEL, 'onnx', 'vision_model.onnx');
const TEXT = join(ROOT, 'models', 'bundled', 'text_model.onnx');
const OPTIONS = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 };
const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-session-'));

function damaged(name: string, change: (bytes: Buffer) => Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, change(readFileSync(VISION)));
  return path;
}

const session = suite('TowerSession');

session('runs an image tower on a buffer that is filled again and again', async () => {
  const tower = await TowerSession.open(VISION, 'pixel_values', OPTIONS);
  const pixels = new Float32Array(3 * 64 * 64);
  const tensor = imageTensor(pixels, 64, 64);
  pixels.fill(-1);
  const black = await tower.run(tensor);
  const copy = black.slice();
  pixels.fill(1);
  const white = await tower.run(tensor);
  assert.is(white.length, TINY_DIMENSIONS);
  sameBits(black, copy, 'the first output after the second run');
  assert.not.equal(white, black);
  pixels.fill(-1);
  sameBits(await tower.run(tensor), black);
  await tower.release();
});

session('runs a text tower', async () => {
  const tower = await TowerSession.open(TEXT, 'input_ids', OPTIONS);
  assert.is((await tower.run(tokenTensor([5, 6, 7]))).length, 768);
  await tower.release();
});

session('a file that is no model, empty, cut or missing: MODEL_INVALID with its path', async () => {
  const files = [
    damaged('text.onnx', () => Buffer.from('this is no model')),
    damaged('empty.onnx', () => Buffer.alloc(0)),
    damaged('half.onnx', (bytes) => bytes.subarray(0, bytes.length / 2)),
    damaged('cut.onnx', (bytes) => bytes.subarray(0, 100)),
    join(folder, 'missing.onnx'),
    folder,
  ];
  for (const file of files) {
    await refused(TowerSession.open(file, 'pixel_values', OPTIONS), 'MODEL_INVALID', new RegExp(file));
  }
});

session(
  'a model without the input, or without an embedding: MODEL_INVALID naming what is there',
  async () => {
    await refused(
      TowerSession.open(TEXT, 'pixel_values', OPTIONS),
      'MODEL_INVALID',
      /pixel_values.*input_ids/,
    );
    await refused(
      TowerSession.open(VISION, 'input_ids', OPTIONS),
      'MODEL_INVALID',
      /input_ids.*pixel_values/,
    );
  },
);

session('a tensor of the wrong size: MODEL_INVALID, and the session goes on', async () => {
  const tower = await TowerSession.open(VISION, 'pixel_values', OPTIONS);
  await refused(tower.run(imageTensor(new Float32Array(3 * 32 * 32), 32, 32)), 'MODEL_INVALID');
  await refused(tower.run(tokenTensor([1])), 'MODEL_INVALID');
  assert.is((await tower.run(imageTensor(new Float32Array(3 * 64 * 64), 64, 64))).length, TINY_DIMENSIONS);
  await tower.release();
});

session('session options that ONNX Runtime refuses: MODEL_INVALID', async () => {
  await refused(
    TowerSession.open(VISION, 'pixel_values', { ...OPTIONS, executionProviders: ['no-such-provider'] }),
    'MODEL_INVALID',
  );
});

session('tokenTensor is int64 [1, length]', () => {
  const { type, dims, data } = tokenTensor([1, 2, 2 ** 40]);
  assert.equal([type, [...dims]], ['int64', [1, 3]]);
  assert.equal([...(data as BigInt64Array)], [1n, 2n, 2n ** 40n]);
});

session.after(() => rmSync(folder, { recursive: true }));
session.run();
