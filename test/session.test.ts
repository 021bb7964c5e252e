// ONNX sessions: what is a tower and what is not.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromFloat16, toFloat16 } from '../dist/esm/inference/float16.js';
import { TowerSession, imageTensor, tokenTensor } from '../dist/esm/inference/session.js';
import { refused, sameBits } from './helpers/assertions.js';
import { ROOT, TINY_DIMENSIONS, TINY_MODEL, fixture } from './helpers/fixtures.js';

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
  const [black] = (await tower.run(tensor)) as [Float32Array];
  const copy = black.slice();
  pixels.fill(1);
  const [white] = (await tower.run(tensor)) as [Float32Array];
  assert.is(white.length, TINY_DIMENSIONS);
  sameBits(black, copy, 'the first output after the second run');
  assert.not.equal(white, black);
  pixels.fill(-1);
  sameBits((await tower.run(tensor))[0]!, black);
  await tower.release();
});

session('runs a text tower', async () => {
  const tower = await TowerSession.open(TEXT, 'input_ids', OPTIONS);
  const rows = await tower.run(tokenTensor([[5, 6, 7]]));
  assert.equal(
    rows.map(({ length }) => length),
    [768],
  );
  await tower.release();
});

session('several rows in one run, and whether the graph takes them', async () => {
  const tower = await TowerSession.open(fixture('graphs/text_batch_dependent.onnx'), 'input_ids', OPTIONS);
  assert.is(tower.freeBatch, true);
  const rows = await tower.run(
    tokenTensor([
      [1, 2],
      [4, 2],
      [2, 2],
    ]),
  );
  assert.equal(
    rows.map((row) => [...row]),
    [
      [0.25, 1],
      [1, 1],
      [0.5, 1],
    ],
  );
  await tower.release();
  const fixed = await TowerSession.open(fixture('graphs/text_fixed_batch.onnx'), 'input_ids', OPTIONS);
  assert.is(fixed.freeBatch, false);
  assert.equal([...(await fixed.run(tokenTensor([[7, 9]])))[0]!], [7, 9]);
  await refused(fixed.run(tokenTensor([[1], [2]])), 'MODEL_INVALID');
  await fixed.release();
});

const RAMP = Float32Array.from({ length: 3 * 8 * 8 }, (_, i) => i);

session('a plain vision transformer: its first token, unless it has a pooler', async () => {
  const vit = await TowerSession.open(fixture('graphs/vit.onnx'), 'pixel_values', OPTIONS);
  assert.equal(await vit.run(imageTensor(RAMP, 8, 8)), [RAMP.slice(0, 64)]);
  await vit.release();
  const pooled = await TowerSession.open(fixture('graphs/vit_pooler.onnx'), 'pixel_values', OPTIONS);
  assert.equal(await pooled.run(imageTensor(RAMP, 8, 8)), [Float32Array.of(31.5, 95.5, 159.5)]);
  await pooled.release();
});

session(
  'graphs that hold no embedding, or want more than a tower gets: MODEL_INVALID naming it',
  async () => {
    const cases = [
      ['logits', 'pixel_values', /outputs logits \[batch, 3\]/],
      ['feature_map', 'pixel_values', /pooler_output \[batch, 3, 1, 1\]/],
      ['text_mask', 'input_ids', /inputs input_ids, attention_mask/],
      ['text_tokens', 'input_ids', /last_hidden_state \[batch, length, 1\]/],
    ] as const;
    for (const [name, input, message] of cases) {
      await refused(
        TowerSession.open(fixture(`graphs/${name}.onnx`), input, OPTIONS),
        'MODEL_INVALID',
        message,
      );
    }
    const double = await TowerSession.open(fixture('graphs/double.onnx'), 'pixel_values', OPTIONS);
    await refused(double.run(imageTensor(RAMP, 8, 8)), 'MODEL_INVALID', /float32.*float64/);
    await double.release();
  },
);

const HALF = fixture('cases/vision-fp16-input.onnx');

session('a graph of float16: pixels rounded, the embedding widened, the buffer used again', async () => {
  const tower = await TowerSession.open(HALF, 'pixel_values', OPTIONS);
  assert.is(tower.takesFloat16, true);
  const pixels = new Float32Array(3 * 64 * 64).fill(1);
  const tensor = imageTensor(pixels, 64, 64);
  const [ones] = (await tower.run(tensor)) as [Float32Array];
  // What ONNX Runtime answers with when it is given 0x3c00 (1) all over.
  const expected = Uint16Array.of(48253, 48859, 14046, 15554, 49658, 15881, 47324, 14472);
  sameBits(ones, fromFloat16(expected));
  const rounded = Float32Array.from(pixels, (_, i) => Math.sin(i));
  pixels.set(rounded);
  const [sines] = (await tower.run(tensor)) as [Float32Array];
  assert.not.equal(sines, ones);
  sameBits(ones, fromFloat16(expected), 'the first output after the second run');
  // Rounding twice is rounding once.
  const bits = new Uint16Array(pixels.length);
  toFloat16(pixels, bits);
  sameBits((await tower.run(imageTensor(fromFloat16(bits), 64, 64)))[0]!, sines);
  await refused(tower.run(imageTensor(new Float32Array(3 * 32 * 32), 32, 32)), 'MODEL_INVALID');
  await refused(tower.run(tokenTensor([[1]])), 'MODEL_INVALID', /"dtype" to "fp32"/);
  pixels.fill(1);
  sameBits((await tower.run(tensor))[0]!, fromFloat16(expected));
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
  await refused(tower.run(tokenTensor([[1]])), 'MODEL_INVALID');
  const [vector] = await tower.run(imageTensor(new Float32Array(3 * 64 * 64), 64, 64));
  assert.is(vector?.length, TINY_DIMENSIONS);
  await tower.release();
});

session('session options that ONNX Runtime refuses: MODEL_INVALID', async () => {
  await refused(
    TowerSession.open(VISION, 'pixel_values', { ...OPTIONS, executionProviders: ['no-such-provider'] }),
    'MODEL_INVALID',
  );
});

session('tokenTensor is int64 [rows, length]', () => {
  const { type, dims, data } = tokenTensor([
    [1, 2, 2 ** 40],
    [4, 5, 6],
  ]);
  assert.equal([type, [...dims]], ['int64', [2, 3]]);
  assert.equal([...(data as BigInt64Array)], [1n, 2n, 2n ** 40n, 4n, 5n, 6n]);
});

session.after(() => rmSync(folder, { recursive: true }));
session.run();
