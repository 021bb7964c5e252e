// The resize kernel: Pillow's own results, a slow reference, every implementation of this CPU, and every way to misuse it.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VisionError } from '../dist/esm/errors.js';
import {
  kernelImplementations,
  resizeInto,
  resizeNormalizeInto,
  type PixelLayout,
  type ResampleFilter,
  type ResizeGeometry,
} from '../dist/esm/image/binding.js';
import { goldenPixels, lcgBytes } from './reference/golden-pixels.js';
import { referenceResize, referenceWeights } from './reference/pillow-resize.js';

interface Goldens {
  cases: {
    id: string;
    kind: string;
    seed?: number;
    width: number;
    height: number;
    input_sha256: string;
    outputs: { filter: ResampleFilter; width: number; height: number; sha256: string }[];
  }[];
  coefficients: {
    in_size: number;
    out_size: number;
    filter: string;
    sample: { out: number; xmin: number; k: number[] }[];
  }[];
}

const GOLDENS = JSON.parse(
  readFileSync(new URL('fixtures/golden/resize/index.json', import.meta.url), 'utf8'),
) as Goldens;
const FILTERS: ResampleFilter[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'];

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function packed(width: number, height: number, channels: 3 | 4 = 3): PixelLayout {
  return { offset: 0, width, height, channels, rowStride: width * channels };
}

function whole(width: number, height: number, filter: ResampleFilter): ResizeGeometry {
  return { width, height, filter, crop: { left: 0, top: 0, width, height } };
}

function resized(
  source: Uint8Array,
  layout: PixelLayout,
  geometry: ResizeGeometry,
  implementation?: string,
): Uint8Array {
  const target = new Uint8Array(geometry.crop.width * geometry.crop.height * 3);
  resizeInto(source, layout, geometry, target, implementation);
  return target;
}

const goldens = suite('resize: goldens');

for (const name of kernelImplementations()) {
  goldens(`equals Pillow in all of its recorded results (${name})`, () => {
    for (const { id, kind, width, height, seed = 0, input_sha256, outputs } of GOLDENS.cases) {
      const source = goldenPixels(kind, width, height, seed);
      assert.is(sha256(source), input_sha256, id);
      for (const output of outputs) {
        const geometry = whole(output.width, output.height, output.filter);
        assert.is(
          sha256(resized(source, packed(width, height), geometry, name)),
          output.sha256,
          `${id} ${JSON.stringify(geometry)}`,
        );
      }
    }
  });
}

goldens('the reference has the weights that Pillow has', () => {
  for (const { in_size, out_size, filter, sample } of GOLDENS.coefficients) {
    for (const { out, xmin, k } of sample) {
      assert.equal(referenceWeights(in_size, out_size, filter, out), { first: xmin, values: k });
    }
  }
});

goldens.run();

const kernels = suite('resize: kernels');

kernels('scalar equals the slow reference', () => {
  const side = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(
      side,
      side,
      side,
      side,
      fc.constantFrom(...FILTERS),
      fc.nat(),
      (w, h, width, height, filter, seed) => {
        const data = lcgBytes(w * h * 3, seed);
        const expected = referenceResize({ data, width: w, height: h }, width, height, filter).data;
        assert.ok(
          Buffer.from(expected).equals(resized(data, packed(w, h), whole(width, height, filter), 'scalar')),
        );
      },
    ),
    { numRuns: 400 },
  );
});

/** Sizes, filter, crop, offset and stride of any kind, with sizes that stay now and then. */
const anyResize = fc
  .record({
    width: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 700 })),
    height: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 400 })),
    channels: fc.constantFrom(3 as const, 4 as const),
    offset: fc.nat(9),
    padding: fc.nat(17),
    resizedWidth: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 1, max: 260 }) },
      { weight: 1, arbitrary: fc.constant(0) },
    ),
    resizedHeight: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 1, max: 260 }) },
      { weight: 1, arbitrary: fc.constant(0) },
    ),
    filter: fc.constantFrom(...FILTERS),
    window: fc.option(fc.tuple(...[0, 1, 2, 3].map(() => fc.double({ min: 0, max: 0.999, noNaN: true }))), {
      nil: undefined,
    }),
    extreme: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ width, height, channels, offset, padding, window, ...rest }) => {
    const rowStride = width * channels + padding;
    const layout: PixelLayout = { offset, width, height, channels, rowStride };
    const source = lcgBytes(offset + (height - 1) * rowStride + width * channels, rest.seed);
    if (rest.extreme) source.forEach((byte, i) => (source[i] = byte < 128 ? 0 : 255));
    const to = { width: rest.resizedWidth || width, height: rest.resizedHeight || height };
    const [a, b, c, d] = window ?? [0, 0, 1, 1];
    const left = Math.floor(a! * to.width);
    const top = Math.floor(b! * to.height);
    const crop = {
      left,
      top,
      width: Math.max(1, Math.floor((c ?? 1) * (to.width - left))),
      height: Math.max(1, Math.floor((d ?? 1) * (to.height - top))),
    };
    return { source, layout, geometry: { ...to, filter: rest.filter, crop } satisfies ResizeGeometry };
  });

kernels('every implementation equals scalar: 2,000 random sizes, filters, crops and strides', () => {
  const others = kernelImplementations().filter((name) => name !== 'scalar');
  fc.assert(
    fc.property(anyResize, ({ source, layout, geometry }) => {
      const expected = Buffer.from(resized(source, layout, geometry, 'scalar'));
      for (const name of others) assert.ok(expected.equals(resized(source, layout, geometry, name)), name);
    }),
    { numRuns: 2000 },
  );
});

kernels('a crop is that part of the whole', () => {
  fc.assert(
    fc.property(anyResize, ({ source, layout, geometry }) => {
      const { width, height, filter, crop } = geometry;
      const all = resized(source, layout, whole(width, height, filter));
      const part = resized(source, layout, geometry);
      for (let y = 0; y < crop.height; y++) {
        const from = ((crop.top + y) * width + crop.left) * 3;
        const row = all.subarray(from, from + crop.width * 3);
        assert.ok(Buffer.from(row).equals(part.subarray(y * crop.width * 3, (y + 1) * crop.width * 3)));
      }
    }),
    { numRuns: 300 },
  );
});

kernels('floats are the table of the bytes, in planes, and nothing else is written', () => {
  const table = Float32Array.from({ length: 768 }, (_, i) => Math.sin(i));
  fc.assert(
    fc.property(
      anyResize,
      fc.constantFrom(...kernelImplementations()),
      ({ source, layout, geometry }, name) => {
        const bytes = resized(source, layout, geometry, name);
        const guarded = new Float32Array(bytes.length + 2).fill(9);
        resizeNormalizeInto(source, layout, geometry, table, guarded.subarray(1, -1), name);
        const plane = bytes.length / 3;
        assert.ok(
          bytes.every(
            (byte, i) => guarded[1 + (i % 3) * plane + Math.floor(i / 3)] === table[(i % 3) * 256 + byte],
          ),
        );
        assert.equal([guarded[0], guarded.at(-1)], [9, 9]);
      },
    ),
    { numRuns: 300 },
  );
});

kernels('shapes that no cache was made for', () => {
  const shapes = [
    [1, 100_000, 2, 2],
    [100_000, 1, 2, 2],
    [300, 20_000, 200, 1],
    [1, 1, 5000, 3],
    [65_535, 2, 224, 224],
  ] as const;
  for (const [w, h, width, height] of shapes) {
    const source = lcgBytes(w * h * 3, w);
    for (const filter of ['bicubic', 'lanczos', 'nearest'] as const) {
      const digests = kernelImplementations().map((name) =>
        sha256(resized(source, packed(w, h), whole(width, height, filter), name)),
      );
      assert.is(new Set(digests).size, 1, `${w}x${h} ${filter}`);
    }
  }
});

kernels('more size pairs than the cache of weights holds, again and again', () => {
  const source = lcgBytes(64 * 64 * 3, 1);
  const first = new Map<number, string>();
  for (let round = 0; round < 3; round++) {
    for (let size = 1; size <= 100; size++) {
      const digest = sha256(resized(source, packed(64, 64), whole(size, size, 'bicubic')));
      assert.is(digest, first.get(size) ?? digest);
      first.set(size, digest);
    }
  }
});

kernels('reads Buffers and shared memory', () => {
  const plain = lcgBytes(30 * 20 * 3, 3);
  const shared = new Uint8Array(new SharedArrayBuffer(plain.length));
  shared.set(plain);
  const expected = resized(plain, packed(30, 20), whole(7, 9, 'bicubic'));
  for (const source of [Buffer.from(plain), shared]) {
    assert.equal(resized(source, packed(30, 20), whole(7, 9, 'bicubic')), expected);
  }
});

kernels.run();

const validation = suite('resize: arguments');
const SOURCE = lcgBytes(12 * 10 * 3, 1);

function refuses(change: {
  source?: unknown;
  layout?: Record<string, unknown>;
  geometry?: Record<string, unknown>;
  crop?: Record<string, unknown>;
  table?: unknown;
  bytes?: unknown;
  floats?: unknown;
  implementation?: unknown;
}): void {
  const bytes = new Uint8Array(300).fill(7);
  const floats = new Float32Array(300).fill(7);
  const value = (key: keyof typeof change, otherwise: unknown): never =>
    (key in change ? change[key] : otherwise) as never;
  const source = value('source', SOURCE);
  const layout = { ...packed(12, 10), ...change.layout };
  const geometry = whole(10, 10, 'bicubic');
  const changed = { ...geometry, ...change.geometry, crop: { ...geometry.crop, ...change.crop } };
  const implementation = value('implementation', undefined);
  const calls: Record<string, () => void> = {
    bytes: () => resizeInto(source, layout, changed, value('bytes', bytes), implementation),
    floats: () =>
      resizeNormalizeInto(
        source,
        layout,
        changed,
        value('table', new Float32Array(768)),
        value('floats', floats),
        implementation,
      ),
  };
  if ('table' in change || 'floats' in change) delete calls.bytes;
  if ('bytes' in change) delete calls.floats;
  for (const [name, call] of Object.entries(calls)) {
    try {
      call();
    } catch (error) {
      if (!(error instanceof VisionError)) throw error;
      assert.is(error.code, 'INVALID_ARGUMENT', error.message);
      assert.ok(bytes.every((element) => element === 7) && floats.every((element) => element === 7));
      continue;
    }
    assert.unreachable(`${name} ${JSON.stringify(change)}`);
  }
}

const NO_SIZES = [
  NaN,
  Infinity,
  -1,
  0.5,
  2 ** 20 + 1,
  2 ** 31,
  2 ** 53,
  2 ** 64,
  '8',
  null,
  undefined,
  {},
  true,
];

validation('sizes, crops and filters that are none', () => {
  for (const value of [0, ...NO_SIZES]) {
    refuses({ geometry: { width: value } });
    refuses({ geometry: { height: value } });
    refuses({ crop: { width: value } });
    refuses({ crop: { height: value } });
  }
  for (const value of [10, ...NO_SIZES]) {
    refuses({ crop: { left: value } });
    refuses({ crop: { top: value } });
  }
  for (const value of ['', 'cubic', 'toString', 3, null, undefined]) refuses({ geometry: { filter: value } });
});

validation('a crop that leaves the image', () => {
  refuses({ crop: { left: 1 } });
  refuses({ crop: { top: 1 } });
  refuses({ crop: { width: 11 } });
  refuses({ crop: { height: 11 } });
});

validation('a source that is too short or too large, as of the layout', () => {
  refuses({ source: SOURCE.subarray(1) });
  refuses({ layout: { offset: 1 } });
  refuses({ layout: { rowStride: 37 } });
  refuses({ layout: { channels: 4, rowStride: 48 } });
  for (const source of [undefined, null, [], new ArrayBuffer(360), new Uint16Array(360)]) refuses({ source });
  refuses({
    source: new Uint8Array((2 ** 20 + 1) * 3),
    layout: { width: 2 ** 20 + 1, height: 1, rowStride: (2 ** 20 + 1) * 3 },
  });
});

validation('targets and tables of the wrong type, length or place', () => {
  for (const bytes of [undefined, [], new Uint8Array(299), new Float32Array(300)]) refuses({ bytes });
  for (const floats of [undefined, [], new Float32Array(299), new Float64Array(300)]) refuses({ floats });
  for (const table of [
    undefined,
    [],
    new Float32Array(767),
    new Float32Array(769),
    new Float32Array(768).fill(NaN),
  ]) {
    refuses({ table });
  }
  const memory = new ArrayBuffer(4096);
  refuses({ source: new Uint8Array(memory), bytes: new Uint8Array(memory, 4000 - 300, 300) });
  refuses({ source: new Uint8Array(memory), floats: new Float32Array(memory, 1024) });
  refuses({ table: new Float32Array(memory, 0, 768), floats: new Float32Array(memory, 1024) });
});

validation('an implementation that is none', () => {
  for (const implementation of ['', 'avx9000', 1, null]) refuses({ implementation });
});

validation.run();
