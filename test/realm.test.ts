// What other realms make is taken for what it is: typed arrays, buffers, Blobs, URLs, signals, errors.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision, VectorIndex, preprocess } from '../dist/esm/index.js';
import { messageOf } from '../dist/esm/errors.js';
import { isBlob, isError, isRangeError, isURL, ownSignal } from '../dist/esm/realm.js';
import { refused, sameBits } from './helpers/assertions.js';
import { TINY_MODEL, noise, photo } from './helpers/fixtures.js';

interface Realm {
  Float32Array: Float32ArrayConstructor;
  Uint8Array: Uint8ArrayConstructor;
  Uint8ClampedArray: Uint8ClampedArrayConstructor;
  Error: ErrorConstructor;
  RangeError: RangeErrorConstructor;
}
const other = vm.runInNewContext(
  '({ Float32Array, Uint8Array, Uint8ClampedArray, Error, RangeError })',
) as Realm;

/** A signal as jsdom and polyfills make them: an EventTarget that is none of Node's. */
class ForeignSignal {
  readonly [Symbol.toStringTag] = 'AbortSignal';
  aborted = false;
  reason: unknown;
  readonly listeners = new Set<() => void>();
  addEventListener(_name: string, listener: () => void): void {
    this.listeners.add(listener);
  }
  removeEventListener(_name: string, listener: () => void): void {
    this.listeners.delete(listener);
  }
  fire(reason: unknown): void {
    this.aborted = true;
    this.reason = reason;
    for (const listener of this.listeners) listener();
  }
}
const foreign = () => new ForeignSignal();
const asSignal = (signal: ForeignSignal) => signal as unknown as AbortSignal;

const kinds = suite('kinds of values');

kinds('errors', () => {
  const thrown = new other.Error('of another realm');
  assert.not(thrown instanceof Error);
  for (const error of [thrown, new Error('x'), new DOMException('x'), new TypeError('x')])
    assert.ok(isError(error), String(error));
  for (const value of [{ message: 'x' }, 'x', null, undefined]) assert.not(isError(value));
  assert.is(messageOf(thrown), 'of another realm');
  assert.ok(isRangeError(new other.RangeError('x')) && isRangeError(new RangeError('x')));
  assert.not(isRangeError(thrown));
});

kinds('URLs and Blobs', () => {
  assert.ok(isURL(new URL('file:///x')));
  assert.ok(isURL({ [Symbol.toStringTag]: 'URL', href: 'file:///x' }));
  for (const value of [{ href: 'file:///x' }, 'file:///x', null]) assert.not(isURL(value));
  assert.ok(isBlob(new Blob([])));
  // Nothing can be read from the Blobs of old versions of jsdom.
  for (const value of [{ [Symbol.toStringTag]: 'Blob', size: 1 }, { stream: () => 1 }, null])
    assert.not(isBlob(value));
});

kinds('signals: our own as it is, a foreign one followed by one listener', () => {
  const { signal } = new AbortController();
  assert.is(ownSignal(signal), signal);
  const given = foreign();
  const followed = ownSignal(given);
  assert.ok(followed instanceof AbortSignal);
  assert.is(ownSignal(given), followed);
  assert.is(given.listeners.size, 1);
  given.fire('the reason');
  assert.equal([followed.aborted, followed.reason], [true, 'the reason']);
  const fired = foreign();
  fired.fire('before');
  assert.is(ownSignal(fired)?.reason, 'before');
  for (const value of [{}, { aborted: false }, null, undefined, 1]) assert.is(ownSignal(value), undefined);
});

const api = suite('the public functions');
let vision: SemanticVision;

api.before(async () => {
  vision = await SemanticVision.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1 });
});

api('vectors and indices', async () => {
  const [a, b] = [new other.Float32Array([1, 0]), new other.Float32Array([0, 2])];
  assert.is(vision.similarity(a, b), 0);
  assert.is(vision.similarity({ vector: a, dimensions: 2, model: 'm' } as never, a), 1);
  const index = VectorIndex.create({ dimensions: 2 });
  index.add('a', a);
  index.add('b', b);
  assert.is(await index.addMany([{ id: 'c', vector: b }], { signal: asSignal(foreign()) }), 1);
  assert.is(index.search(a, { k: 1 })[0]?.id, 'a');
});

api('images: bytes, buffers, pixels, URLs', async () => {
  const path = photo('two-dogs');
  const bytes = readFileSync(path);
  const { vector } = await vision.embedImage(path);
  assert.ok(vector instanceof Float32Array);
  const copy = other.Uint8Array.from(bytes);
  const url = { [Symbol.toStringTag]: 'URL', href: pathToFileURL(path).href };
  const foreignUrl = Object.assign(url, { toString: () => url.href });
  for (const input of [copy, copy.buffer, foreignUrl as never])
    sameBits((await vision.embedImage(input)).vector, vector);
  const pixels = noise(7);
  const { data } = pixels;
  const raw = await vision.embedImage(pixels);
  for (const same of [new other.Uint8Array(data), new other.Uint8ClampedArray(data)]) {
    sameBits((await vision.embedImage({ ...pixels, data: same })).vector, raw.vector);
  }
  const config = {
    size: { height: 4, width: 4 },
    resample: 3 as const,
    rescaleFactor: 1 / 255,
    imageMean: [0.5, 0.5, 0.5] as [number, number, number],
    imageStd: [0.5, 0.5, 0.5] as [number, number, number],
  };
  assert.is(preprocess({ ...pixels, data: new other.Uint8Array(data) }, config).length, 48);
});

api('signals: a request, a stream, a creation', async () => {
  const given = foreign();
  const request = vision.embedImage(noise(8), { signal: asSignal(given) });
  given.fire(new other.Error('enough'));
  const error = await refused(request, 'ABORTED');
  assert.is((error.cause as Error).message, 'enough');
  await vision.embedImage(noise(9), { signal: asSignal(foreign()) });
  await refused(vision.embedImage(noise(9), { signal: asSignal(given) }), 'ABORTED');
  const stopping = foreign();
  const starting = SemanticVision.create({ model: TINY_MODEL, workers: 1, signal: asSignal(stopping) });
  stopping.fire('now');
  await refused(starting, 'ABORTED');
  await refused(() => vision.embedImage(noise(9), { signal: {} as AbortSignal }), 'INVALID_ARGUMENT');
});

api.after(() => vision.close());
kinds.run();
api.run();
