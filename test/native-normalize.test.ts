// The normalise kernel: every implementation of this CPU against a plain reference, and every way to misuse it.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VisionError } from '../dist/esm/errors.js';
import {
  kernelImplementation,
  kernelImplementations,
  normalizeInto,
  type PixelLayout,
} from '../dist/esm/image/binding.js';
import { referenceNormalize } from './reference/normalize.js';

const BINDING = new URL('../dist/esm/image/binding.js', import.meta.url).href;
const HALF = Float32Array.of(1 / 127.5, 1 / 127.5, 1 / 127.5);
const MINUS_ONE = Float32Array.of(-1, -1, -1);
// Means and deviations of ImageNet: three different values per channel, none of them a round binary number.
const IMAGENET_SCALE = Float32Array.of(1 / 255 / 0.229, 1 / 255 / 0.224, 1 / 255 / 0.225);
const IMAGENET_BIAS = Float32Array.of(-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225);

function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

function packed(width: number, height: number, channels: 3 | 4): PixelLayout {
  return { offset: 0, width, height, channels, rowStride: width * channels };
}

function bits(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

/** Runs every implementation, with a guard around the part of the target that may be written. */
function checkAll(source: Uint8Array, layout: PixelLayout, scale: Float32Array, bias: Float32Array): void {
  const expected = referenceNormalize(source, layout, scale, bias);
  for (const name of kernelImplementations()) {
    const guarded = new Float32Array(expected.length + 2).fill(123);
    normalizeInto(source, layout, scale, bias, guarded.subarray(1, -1), name);
    assert.ok(bits(guarded.subarray(1, -1)).equals(bits(expected)), `${name} ${JSON.stringify(layout)}`);
    assert.is(guarded[0], 123, name);
    assert.is(guarded.at(-1), 123, name);
  }
}

const kernels = suite('normalize kernel');

kernels('lists the implementations of this CPU, scalar last, and uses the best', () => {
  const names = kernelImplementations();
  assert.is(names.at(-1), 'scalar');
  assert.is(new Set(names).size, names.length);
  assert.is(kernelImplementation(), process.env.SEMANTIC_VISION_KERNEL ?? names[0]);
});

kernels('every width from 1 to 40, RGB and RGBA, equals the reference to the bit', () => {
  for (const channels of [3, 4] as const) {
    for (let width = 1; width <= 40; width++) {
      const layout = packed(width, 3, channels);
      checkAll(noise(layout.rowStride * 3, width), layout, IMAGENET_SCALE, IMAGENET_BIAS);
    }
  }
});

kernels('all 256 byte values', () => {
  const source = new Uint8Array(256 * 3).map((_, i) => Math.floor(i / 3));
  checkAll(source, packed(256, 1, 3), HALF, MINUS_ONE);
  checkAll(source, packed(1, 256, 3), IMAGENET_SCALE, IMAGENET_BIAS);
});

kernels('any size, offset, stride and coefficients', () => {
  const coefficients = fc.tuple(
    ...[0, 1, 2].map(() => fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 })),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(3 as const, 4 as const),
      fc.nat(17),
      fc.nat(17),
      fc.nat(9),
      coefficients,
      coefficients,
      fc.nat(),
      (width, height, channels, offset, padding, misalignment, scale, bias, seed) => {
        const rowStride = width * channels + padding;
        // No byte more than promised: the last row has no padding.
        const length = offset + (height - 1) * rowStride + width * channels;
        const source = noise(length + misalignment, seed).subarray(misalignment);
        const layout = { offset, width, height, channels, rowStride };
        checkAll(source, layout, Float32Array.from(scale), Float32Array.from(bias));
      },
    ),
    { numRuns: 500 },
  );
});

kernels('reads Buffers, clamped arrays and shared memory', () => {
  const layout = packed(11, 5, 3);
  const plain = noise(layout.rowStride * 5, 1);
  const expected = referenceNormalize(plain, layout, HALF, MINUS_ONE);
  const shared = new Uint8Array(new SharedArrayBuffer(plain.length + 5), 5);
  shared.set(plain);
  const clamped = new Uint8ClampedArray(plain) as unknown as Uint8Array;
  for (const source of [Buffer.from(plain), clamped, shared]) {
    const target = new Float32Array(new SharedArrayBuffer(expected.byteLength));
    normalizeInto(source, layout, HALF, MINUS_ONE, target);
    assert.equal([...target], [...expected]);
  }
});

kernels.run();

const validation = suite('normalize arguments');

const LAYOUT = { ...packed(8, 4, 3) };
const SOURCE = noise(96, 7);

/** Calls with one thing changed; the target must stay as it was. */
function refuses(change: {
  source?: unknown;
  layout?: Record<string, unknown>;
  scale?: unknown;
  bias?: unknown;
  target?: unknown;
  implementation?: unknown;
}): void {
  const target = new Float32Array(96).fill(42);
  const value = (key: keyof typeof change, otherwise: unknown): never =>
    (key in change ? change[key] : otherwise) as never;
  try {
    normalizeInto(
      value('source', SOURCE),
      { ...LAYOUT, ...change.layout },
      value('scale', HALF),
      value('bias', MINUS_ONE),
      value('target', target),
      value('implementation', undefined),
    );
  } catch (error) {
    if (!(error instanceof VisionError)) throw error;
    assert.is(error.code, 'INVALID_ARGUMENT', error.message);
    assert.ok(target.every((element) => element === 42));
    return;
  }
  assert.unreachable(JSON.stringify(change));
}

validation('the unchanged call is right', () => {
  normalizeInto(SOURCE, LAYOUT, HALF, MINUS_ONE, new Float32Array(96));
});

validation('a source that is one byte short, by length, offset, size or stride', () => {
  refuses({ source: SOURCE.subarray(1) });
  refuses({ source: new Uint8Array(0) });
  refuses({ layout: { offset: 1 } });
  refuses({ layout: { height: 5 } });
  refuses({ layout: { channels: 4, rowStride: 32 } });
  refuses({ layout: { rowStride: 25 } });
  refuses({ layout: { rowStride: 23 } });
});

validation('a target that is too short or overlaps the source', () => {
  refuses({ target: new Float32Array(95) });
  refuses({ target: new Float32Array(0) });
  const memory = new ArrayBuffer(96 * 4);
  refuses({ target: new Float32Array(memory), source: new Uint8Array(memory, 288) });
});

validation('numbers that are no size', () => {
  const bad = [
    NaN,
    Infinity,
    -Infinity,
    -1,
    0.5,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    2 ** 63,
    2 ** 64,
    1e308,
    '8',
    null,
    undefined,
    {},
    [8],
    true,
    8n,
  ];
  for (const key of ['offset', 'width', 'height', 'channels', 'rowStride']) {
    for (const value of bad) refuses({ layout: { [key]: value } });
  }
  for (const value of [0, 1, 2, 5]) refuses({ layout: { channels: value } });
  refuses({ layout: { width: 0 } });
  refuses({ layout: { height: 0 } });
});

validation('sizes whose product overflows', () => {
  refuses({ layout: { width: 2 ** 28, height: 2 ** 28, rowStride: 2 ** 30 } });
  refuses({ layout: { width: 1, height: 2 ** 28, rowStride: Number.MAX_SAFE_INTEGER } });
  refuses({ layout: { width: 1, height: 2 ** 28, rowStride: 2 ** 36 } }); // (height - 1) * stride is 2^64 - 2^36
  refuses({ layout: { offset: Number.MAX_SAFE_INTEGER } });
});

validation('arrays of the wrong type, length or content', () => {
  for (const source of [
    undefined,
    null,
    1,
    'x',
    [1, 2],
    new ArrayBuffer(96),
    new Uint16Array(96),
    new Int8Array(96),
    new DataView(new ArrayBuffer(96)),
  ]) {
    refuses({ source });
  }
  for (const target of [undefined, null, [], new Float64Array(96), new Uint8Array(384)]) refuses({ target });
  for (const key of ['scale', 'bias']) {
    for (const value of [
      undefined,
      [1, 1, 1],
      new Float32Array(2),
      new Float32Array(4),
      new Float64Array(3),
      Float32Array.of(1, NaN, 1),
      Float32Array.of(1, 1, Infinity),
    ]) {
      refuses({ [key]: value });
    }
  }
});

validation('a detached buffer', () => {
  const source = new Uint8Array(96);
  structuredClone(source.buffer, { transfer: [source.buffer] });
  refuses({ source });
  const target = new Float32Array(96);
  structuredClone(target.buffer, { transfer: [target.buffer] });
  refuses({ target });
});

validation('an implementation that is none', () => {
  for (const implementation of ['', 'AVX2', 'avx9000', 1, null, {}]) refuses({ implementation });
});

validation.run();

const loading = suite('addon loading');

function inProcess(
  script: string,
  kernel: string,
): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, SEMANTIC_VISION_KERNEL: kernel };
  const source = `import * as binding from ${JSON.stringify(BINDING)};${script}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8', env });
}

loading('SEMANTIC_VISION_KERNEL forces any implementation of this CPU', () => {
  for (const name of kernelImplementations()) {
    assert.is(inProcess('console.log(binding.kernelImplementation())', name).stdout.trim(), name);
  }
});

loading('an unknown SEMANTIC_VISION_KERNEL is refused by name, with the choices', () => {
  const script =
    'try { binding.kernelImplementation() } catch (error) { console.log(error.code, error.message) }';
  const { stdout } = inProcess(script + script, 'sse9');
  assert.match(stdout, /^INVALID_OPTION .*scalar.*SEMANTIC_VISION_KERNEL.*"sse9".*\nINVALID_OPTION/);
});

loading('a missing, damaged or misplaced addon is NATIVE_UNAVAILABLE, with what to do', () => {
  const root = mkdtempSync(join(tmpdir(), 'semantic-vision-'));
  try {
    cpSync(fileURLToPath(new URL('../dist/esm', import.meta.url)), join(root, 'dist', 'esm'), {
      recursive: true,
    });
    const url = JSON.stringify(pathToFileURL(join(root, 'dist/esm/image/binding.js')).href);
    const message = (): string => {
      const script = `import { kernelImplementations } from ${url};
        try { kernelImplementations() } catch (error) { console.log(error.code, error.message) }`;
      return spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stdout;
    };
    writeFileSync(join(root, 'package.json'), '{"name":"another","type":"module"}');
    assert.match(message(), /^NATIVE_UNAVAILABLE .*bundler/);
    writeFileSync(join(root, 'package.json'), '{"name":"semantic-vision","type":"module"}');
    assert.match(message(), /^NATIVE_UNAVAILABLE [^]*does not exist[^]*npm rebuild/);
    mkdirSync(join(root, 'build', 'Release'), { recursive: true });
    writeFileSync(join(root, 'build', 'Release', 'semantic_vision.node'), 'not a library');
    assert.match(message(), /^NATIVE_UNAVAILABLE [^]*did not load: [^]*npm rebuild/);
  } finally {
    rmSync(root, { recursive: true });
  }
});

loading('loads and runs in many workers, again and again, some of them stopped half-way', async () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(${JSON.stringify(BINDING)}).then(({ normalizeInto }) => {
      const layout = { offset: 0, width: 64, height: 64, channels: 3, rowStride: 192 };
      const target = new Float32Array(64 * 64 * 3);
      const run = () => normalizeInto(workerData, layout, Float32Array.of(1, 1, 1), new Float32Array(3), target);
      run();
      parentPort.postMessage(target[5]);
      setInterval(run, 0);
    });`;
  const source = new Uint8Array(new SharedArrayBuffer(64 * 64 * 3)).fill(9);
  for (let round = 0; round < 5; round++) {
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const worker = new Worker(code, { eval: true, workerData: source });
        const answer = await new Promise((resolve, reject) => {
          worker.once('message', resolve).once('error', reject);
        });
        assert.is(answer, 9);
        await worker.terminate();
      }),
    );
  }
});

loading.run();
