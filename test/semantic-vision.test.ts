// The facade on real photos: what an embedding is worth, that it is always the same one, and who may call what.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Transformer } from '@napi-rs/image';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision, type Embedding, type ImageEmbedding, type ImageInput } from '../dist/esm/index.js';
import { lengthOf, refused, sameBits, settles } from './helpers/assertions.js';
import {
  TINY_DIMENSIONS,
  TINY_MODEL,
  fixture,
  fixtureJson,
  noise,
  photo,
  photoNames,
  plain,
  withTrailingBytes,
} from './helpers/fixtures.js';

const vision = await SemanticVision.create({ workers: 2, intraOpNumThreads: 1 });
// No cache: everything is computed.
const uncached = await SemanticVision.create({ workers: 2, intraOpNumThreads: 1, cacheMaxBytes: 0 });
const tiny = await SemanticVision.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1 });
const everyone = [vision, uncached, tiny];

const photos: ImageEmbedding[] = await Promise.all(photoNames.map((name) => vision.embedImage(photo(name))));

const quality = suite('embeddings of photos');

quality('are unit vectors of finite numbers with the declared dimensions', () => {
  assert.ok(photoNames.length >= 20);
  for (const [i, { vector, dimensions, model }] of photos.entries()) {
    assert.is(vector.length, vision.model.dimensions, photoNames[i]);
    assert.is(dimensions, vision.model.dimensions);
    assert.is(model, vision.model.fingerprint);
    assert.ok(vector.every(Number.isFinite), photoNames[i]);
    assert.ok(Math.abs(lengthOf(vector) - 1) < 1e-6, `${photoNames[i]} has length ${lengthOf(vector)}`);
  }
});

quality('differ between different photos', () => {
  for (const [i, a] of photos.entries()) {
    for (const [j, b] of photos.entries()) {
      const similarity = vision.similarity(a, b);
      if (i === j) assert.ok(similarity > 0.999999);
      else assert.ok(similarity < 0.95, `${photoNames[i]} and ${photoNames[j]}: ${similarity}`);
    }
  }
});

quality('carry the SHA-256 of the file and the time', () => {
  for (const [i, embedding] of photos.entries()) {
    const bytes = readFileSync(photo(photoNames[i]!));
    assert.is(embedding.imageHash, createHash('sha256').update(bytes).digest('hex'));
    assert.instance(embedding.createdAt, Date);
    assert.is(embedding.cached, false);
  }
});

quality(
  'of re-encoded, half-size and slightly cropped copies find their photo before every other',
  async () => {
    const copies = photoNames.flatMap((name, index) => {
      const bytes = readFileSync(photo(name));
      const { width, height } = new Transformer(bytes).metadataSync();
      const [marginX, marginY] = [Math.round(width * 0.02), Math.round(height * 0.02)];
      return [
        { index, what: `${name} at quality 70`, bytes: new Transformer(bytes).jpegSync(70) },
        {
          index,
          what: `${name} at half size`,
          bytes: new Transformer(bytes).resize(Math.round(width / 2), Math.round(height / 2)).jpegSync(90),
        },
        {
          index,
          what: `${name} without 2 % on every side`,
          bytes: new Transformer(bytes)
            .crop(marginX, marginY, width - 2 * marginX, height - 2 * marginY)
            .jpegSync(90),
        },
      ];
    });
    let i = 0;
    for await (const result of vision.embedImages(copies.map(({ bytes }) => bytes))) {
      const { index, what } = copies[i++]!;
      assert.ok(result.ok, what);
      const [first, second] = await vision.findSimilar(result.embedding, photos, 2);
      assert.is(first?.index, index, `${what} is nearer to ${photoNames[first!.index]}`);
      assert.ok(first!.similarity > second!.similarity, what);
    }
    assert.is(i, copies.length);
  },
);

quality('two reds are closer to each other than to blue', async () => {
  const [red, otherRed, blue] = await Promise.all([
    vision.embedImage(plain([255, 0, 0])),
    vision.embedImage(plain([205, 20, 25])),
    vision.embedImage(plain([0, 0, 255])),
  ]);
  const reds = vision.similarity(red, otherRed);
  assert.ok(reds > vision.similarity(red, blue));
  assert.ok(reds > vision.similarity(otherRed, blue));
});

quality('the order of the channels matters: red and blue swapped is another picture', async () => {
  const { data, width, height } = noise(1, 32);
  const swapped = data.map((_, i) => data[i - (i % 3) + (2 - (i % 3))]!);
  const [a, b] = await Promise.all([
    vision.embedImage({ data, width, height, channels: 3 }),
    vision.embedImage({ data: swapped, width, height, channels: 3 }),
  ]);
  assert.ok(vision.similarity(a, b) < 0.999);
});

quality('agree with PyTorch and the Hugging Face processor on a tiny SigLIP', async () => {
  const { image, pooler_output: raw } = fixtureJson('tiny-siglip/expected.json') as {
    image: string;
    pooler_output: number[];
  };
  const { vector } = await tiny.embedImage(fixture(`tiny-siglip/${image}`));
  const norm = Math.hypot(...raw);
  assert.is(vector.length, TINY_DIMENSIONS);
  for (const [i, value] of raw.entries()) {
    assert.ok(Math.abs(vector[i]! - value / norm) < 1e-5, `dimension ${i}: ${vector[i]} and ${value / norm}`);
  }
});

quality.run();

const texts = suite('texts');

texts('the four queries of the demo find a fitting photo first', async () => {
  const fitting: Record<string, RegExp> = {
    'a dog': /dog/,
    mountains: /mountain|alpine|canyon|hills/,
    'a boat in a harbour': /harbour/,
    'a cup of coffee': /coffee/,
  };
  for (const [text, expected] of Object.entries(fitting)) {
    const embedding = await vision.embedText(text);
    assert.is(embedding.text, text);
    assert.is(embedding.dimensions, vision.model.dimensions);
    assert.is(embedding.model, vision.model.fingerprint);
    assert.ok(Math.abs(lengthOf(embedding.vector) - 1) < 1e-6);
    const [best] = await vision.findSimilar(embedding, photos, 1);
    assert.match(photoNames[best!.index]!, expected, text);
  }
});

texts('the second time comes from the cache, equal to the bit', async () => {
  const first = await vision.embedText('a red kite over the sea');
  const second = await vision.embedText('a red kite over the sea');
  assert.is(first.cached, false);
  assert.is(second.cached, true);
  sameBits(second.vector, first.vector);
  assert.is(second.createdAt.getTime(), first.createdAt.getTime());
});

texts('a text and an image with the same hash string do not share a cache entry', async () => {
  const { imageHash } = photos[0]!;
  const text = await vision.embedText(`dog image:${imageHash}`);
  assert.is(text.cached, false);
  assert.is((await vision.embedImage(photo(photoNames[0]!))).cached, true);
});

texts('no word that the model knows: TEXT_NOT_UNDERSTOOD', async () => {
  for (const text of ['', '   ', '!?', '\u{1F642}', '\0']) {
    await refused(vision.embedText(text), 'TEXT_NOT_UNDERSTOOD');
  }
  await vision.embedText('still a dog');
});

texts('a very long text is cut, not refused; odd characters do no harm', async () => {
  for (const text of [
    'dog '.repeat(20_000),
    `a dog ${'\u{1F415}'.repeat(500)}`,
    'a dog \ud800',
    'A\tDOG\r\n',
  ]) {
    const { vector } = await vision.embedText(text);
    assert.ok(vector.every(Number.isFinite));
  }
});

texts('what is no text: INVALID_ARGUMENT', async () => {
  for (const text of [undefined, null, 1, {}, [], Buffer.from('a dog'), Symbol('dog'), new String('dog')]) {
    await refused(vision.embedText(text as string), 'INVALID_ARGUMENT', /text/);
  }
});

texts('without a text tower: TEXT_UNSUPPORTED, images go on', async () => {
  const images = await SemanticVision.create({ model: TINY_MODEL, workers: 1, text: false });
  await refused(images.embedText('a dog'), 'TEXT_UNSUPPORTED');
  await refused(images.embedTexts(['a dog', 'a cat']), 'TEXT_UNSUPPORTED');
  assert.is((await images.embedImage(photo('two-dogs'))).vector.length, TINY_DIMENSIONS);
  await images.close();
});

texts('embedTexts: the vectors of embedText, duplicates and none at all; cached as those are', async () => {
  const given = ['a dog', 'a cup of coffee', 'a dog', 'mountains', 'a boat', 'flowers'];
  const together = await vision.embedTexts(given);
  assert.equal(
    together.map(({ text }) => text),
    given,
  );
  for (const { text, vector } of together) {
    const alone = await vision.embedText(text);
    assert.ok(alone.cached);
    sameBits(alone.vector, vector, text);
  }
  assert.equal(await vision.embedTexts([]), []);
  await refused(vision.embedTexts('a dog' as never), 'INVALID_ARGUMENT', /texts/);
  await refused(vision.embedTexts(['a dog', 1] as never), 'INVALID_ARGUMENT', /texts\[1\]/);
  const error = await refused(vision.embedTexts(['a dog', '!!!']), 'TEXT_NOT_UNDERSTOOD');
  assert.match(error.message, /"!!!"/);
});
texts.run();

texts.run();

const inputs = suite('input kinds');

const DOGS = readFileSync(photo('two-dogs'));
const dogs = photos[photoNames.indexOf('two-dogs')]!;

function arrayBufferOf(bytes: Uint8Array): ArrayBuffer {
  const buffer = new ArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return buffer;
}

const kinds: [string, () => ImageInput][] = [
  ['absolute path', () => photo('two-dogs')],
  ['relative path', () => relative(process.cwd(), photo('two-dogs'))],
  ['file URL', () => pathToFileURL(photo('two-dogs'))],
  ['file URL as a string', () => pathToFileURL(photo('two-dogs')).href],
  ['file URL in capitals', () => pathToFileURL(photo('two-dogs')).href.replace('file:', 'FILE:')],
  ['Buffer', () => Buffer.from(DOGS)],
  [
    'Buffer with an offset',
    () => Buffer.concat([Buffer.alloc(13, 1), DOGS, Buffer.alloc(7, 1)]).subarray(13, -7),
  ],
  ['Uint8Array', () => Uint8Array.from(DOGS)],
  [
    'Uint8Array with an odd offset',
    () => new Uint8Array(arrayBufferOf(Buffer.concat([Buffer.alloc(3), DOGS])), 3),
  ],
  ['ArrayBuffer', () => arrayBufferOf(DOGS)],
  ['Blob', () => new Blob([DOGS])],
  ['Blob of pieces', () => new Blob([DOGS.subarray(0, 1000), DOGS.subarray(1000)], { type: 'image/jpeg' })],
  ['File', () => new File([DOGS], 'dogs.jpg')],
];

inputs('all give the same vector for the same bytes', async () => {
  for (const [kind, make] of kinds) {
    const embedding = await uncached.embedImage(make());
    sameBits(embedding.vector, dogs.vector, kind);
    assert.is(embedding.imageHash, dogs.imageHash, kind);
    assert.is(embedding.cached, false, kind);
  }
});

inputs('all share one cache entry', async () => {
  for (const [kind, make] of kinds) {
    const embedding = await vision.embedImage(make());
    sameBits(embedding.vector, dogs.vector, kind);
    assert.is(embedding.cached, true, kind);
    assert.is(embedding.createdAt.getTime(), dogs.createdAt.getTime(), kind);
  }
});

inputs('RGB and RGBA pixels agree, whatever alpha says, clamped or not', async () => {
  const { data, width, height } = noise(2, 40);
  const rgb = await uncached.embedImage({ data, width, height, channels: 3 });
  for (const alpha of [255, 128, 0]) {
    const rgba = new Uint8Array(width * height * 4);
    for (let i = 0; i < width * height; i++) {
      rgba.set([...data.subarray(i * 3, i * 3 + 3), alpha], i * 4);
    }
    const same = await uncached.embedImage({ data: rgba, width, height, channels: 4 });
    sameBits(same.vector, rgb.vector, `alpha ${alpha}`);
    assert.is.not(same.imageHash, rgb.imageHash);
  }
  const clamped = await uncached.embedImage({
    data: new Uint8ClampedArray(data),
    width,
    height,
    channels: 3,
  });
  sameBits(clamped.vector, rgb.vector);
  const hash = createHash('sha256').update(`raw:${width}x${height}x3\n`).update(data).digest('hex');
  assert.is(rgb.imageHash, hash);
});

inputs('the same pixels in another shape are another image', async () => {
  const { data } = noise(3, 12);
  const wide = await vision.embedImage({ data, width: 24, height: 6, channels: 3 });
  const tall = await vision.embedImage({ data, width: 6, height: 24, channels: 3 });
  assert.is(tall.cached, false);
  assert.is.not(wide.imageHash, tall.imageHash);
  assert.ok(vision.similarity(wide, tall) < 0.9999);
});

inputs('decoded pixels of a PNG give the vector of the PNG', async () => {
  const bytes = readFileSync(fixture('tiny-siglip/photo-64x64.png'));
  const data = new Transformer(bytes).rawPixelsSync();
  const encoded = await uncached.embedImage(bytes);
  const decoded = await uncached.embedImage({ data, width: 64, height: 64, channels: 3 });
  assert.ok(uncached.similarity(encoded, decoded) > 0.9999);
});

inputs("the caller's buffers are neither detached nor changed, and may be reused", async () => {
  const large = withTrailingBytes(DOGS, 300_000);
  for (const bytes of [Buffer.from(DOGS), large]) {
    const before = createHash('sha256').update(bytes).digest('hex');
    const buffer = arrayBufferOf(bytes);
    const view = new Uint8Array(buffer);
    await Promise.all([vision.embedImage(view), vision.embedImage(buffer), uncached.embedImage(buffer)]);
    assert.is(buffer.byteLength, bytes.length);
    assert.is(createHash('sha256').update(view).digest('hex'), before);
    structuredClone(buffer, { transfer: [buffer] }); // nobody holds on to it
  }
  const pixels = noise(4);
  const copy = pixels.data.slice();
  await vision.embedImage(pixels);
  assert.equal(pixels.data, copy);
  const frozen = Object.freeze(noise(5));
  await vision.embedImage(frozen);
});

inputs('what the caller writes into its buffer after the call does not reach the embedding', async () => {
  const bytes = Buffer.from(DOGS);
  const running = uncached.embedImage(bytes);
  bytes.fill(0);
  sameBits((await running).vector, dogs.vector);
});

inputs.run();

const reproducible = suite('the same bytes, the same bits');

// The same picture under different hashes: nothing coalesces, both workers compute it, between other pictures.
function copiesOfDogs(): Buffer[] {
  return Array.from({ length: 32 }, (_, i) => withTrailingBytes(DOGS, i + 1));
}

reproducible('from any worker, in any order, between other images', async () => {
  const before = uncached.stats().imagesEmbedded;
  const others = photoNames.slice(0, 8).map(photo);
  const order = copiesOfDogs().flatMap((copy, i) => [copy, ...(i % 4 === 0 ? [others[i / 4]!] : [])]);
  const busiest = { running: 0 };
  const watch = setInterval(() => {
    busiest.running = Math.max(busiest.running, uncached.stats().queue.running);
  }, 1);
  const results = await Promise.all(order.map((input) => uncached.embedImage(input)));
  clearInterval(watch);
  assert.is(busiest.running, 2);
  assert.is(uncached.stats().imagesEmbedded - before, order.length);
  for (const [i, { vector }] of results.entries()) {
    const input = order[i]!;
    const expected = typeof input === 'string' ? photos[others.indexOf(input)]! : dogs;
    sameBits(vector, expected.vector, `request ${i}`);
  }
});

reproducible('backwards, with one worker, with another instance, with more threads', async () => {
  const single = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1 });
  const inputs = photoNames.slice(0, 6);
  for (const name of inputs.reverse()) {
    const { vector } = await single.embedImage(photo(name));
    sameBits(vector, photos[photoNames.indexOf(name)]!.vector, name);
  }
  await single.close();
  const threaded = await SemanticVision.create({ workers: 1, intraOpNumThreads: 2 });
  const { vector } = await threaded.embedImage(photo('two-dogs'));
  assert.ok(threaded.similarity(vector, dogs.vector) > 0.99999);
  sameBits((await threaded.embedImage(withTrailingBytes(DOGS, 1))).vector, vector);
  await threaded.close();
});

reproducible('cached equals computed, and a cached vector is a copy of the caller’s own', async () => {
  const first = await vision.embedImage(DOGS);
  first.vector.fill(7);
  first.createdAt.setTime(0);
  const second = await vision.embedImage(DOGS);
  assert.is(second.cached, true);
  sameBits(second.vector, dogs.vector);
  assert.is(second.createdAt.getTime(), dogs.createdAt.getTime());
  const computed = await uncached.embedImage(DOGS);
  assert.is(computed.cached, false);
  sameBits(computed.vector, second.vector);
});

reproducible('without a cache every call computes and nothing is kept', async () => {
  const before = uncached.stats();
  await uncached.embedImage(noise(6));
  await uncached.embedImage(noise(6));
  const { imagesEmbedded, cache } = uncached.stats();
  assert.is(imagesEmbedded - before.imagesEmbedded, 2);
  assert.equal([cache.entries, cache.bytes, cache.maxBytes, cache.hits], [0, 0, 0, 0]);
});

reproducible('64 at once on 2 workers: each gets its own result', async () => {
  const images = Array.from({ length: 64 }, (_, i) => noise(100 + i));
  const together = await Promise.all(images.map((image) => tiny.embedImage(image)));
  const wide = await Promise.all(images.map((image) => uncached.embedImage(image)));
  assert.is(new Set(wide.map(({ imageHash }) => imageHash)).size, 64);
  for (const i of [0, 1, 31, 62, 63]) {
    sameBits((await uncached.embedImage(images[i]!)).vector, wide[i]!.vector, `image ${i}`);
    assert.is(together[i]!.imageHash, wide[i]!.imageHash);
  }
  assert.equal(uncached.stats().queue, { interactive: 0, bulk: 0, running: 0 });
});

reproducible.run();

const comparing = suite('similarity and findSimilar');

comparing('similarity: of bare vectors and embeddings, symmetric, scale-free, within -1 and 1', () => {
  const a = Float32Array.of(3, 0, 4);
  const b = Float32Array.of(0, 2, 0);
  assert.is(vision.similarity(a, b), 0);
  assert.is(vision.similarity(a, Float32Array.of(-6, 0, -8)), -1);
  assert.is(vision.similarity(a, a), 1);
  assert.is(vision.similarity(a, new Float32Array(3)), 0);
  for (const [i, left] of photos.entries()) {
    const right = photos[(i + 1) % photos.length]!;
    const similarity = vision.similarity(left, right);
    assert.is(similarity, vision.similarity(right, left));
    assert.is(similarity, vision.similarity(left.vector, right));
    assert.ok(similarity >= -1 && similarity <= 1);
    assert.ok(vision.similarity(left, left) <= 1);
    const dot = left.vector.reduce((sum, value, j) => sum + value * right.vector[j]!, 0);
    assert.ok(Math.abs(similarity - dot) < 1e-6);
  }
});

comparing('similarity: other dimensions, other models, no vectors', async () => {
  const foreign: Embedding = { ...dogs, model: 'f'.repeat(64) };
  const [small] = [await tiny.embedImage(photo('two-dogs'))];
  await refused(() => vision.similarity(dogs, small), 'DIMENSION_MISMATCH', /768.*96/);
  await refused(() => vision.similarity(dogs.vector, new Float32Array(3)), 'DIMENSION_MISMATCH');
  await refused(() => vision.similarity(dogs, foreign), 'MODEL_MISMATCH', new RegExp(foreign.model));
  assert.ok(vision.similarity(dogs, foreign.vector) > 0.999);
  for (const value of [
    undefined,
    null,
    'x',
    1,
    [1, 2],
    {},
    { vector: null, model: '' },
    new Float64Array(768),
  ]) {
    await refused(() => vision.similarity(value as Float32Array, dogs), 'INVALID_ARGUMENT');
    await refused(() => vision.similarity(dogs, value as Float32Array), 'INVALID_ARGUMENT');
  }
});

comparing('findSimilar: ranks images and embeddings together, best first, at most k', async () => {
  const names = ['mountain-peaks', 'two-dogs', 'coffee-cup', 'autumn-mountains'];
  const candidates = [
    photo('mountain-peaks'),
    dogs,
    readFileSync(photo('coffee-cup')),
    photo('autumn-mountains'),
  ];
  const ranked = await vision.findSimilar(photo('two-dogs'), candidates, 10);
  assert.is(ranked.length, names.length);
  assert.is(ranked[0]?.index, 1);
  assert.equal(ranked.map(({ index }) => index).sort(), [0, 1, 2, 3]);
  for (const [i, { similarity }] of ranked.slice(1).entries()) assert.ok(similarity <= ranked[i]!.similarity);
  assert.equal(await vision.findSimilar(photo('two-dogs'), candidates, 2), ranked.slice(0, 2));
  const same = await vision.findSimilar(dogs, [photos[0]!, dogs, dogs, photos[1]!], 3);
  assert.equal(
    same.slice(0, 2).map(({ index }) => index),
    [1, 2],
  ); // equal ones in their order
  assert.equal(await vision.findSimilar(dogs, [], 3), []);
});

comparing('findSimilar: bad arguments, bad candidates', async () => {
  for (const k of [0, -1, 1.5, NaN, Infinity, '3', undefined]) {
    await refused(vision.findSimilar(dogs, [dogs], k as number), 'INVALID_ARGUMENT', /k/);
  }
  for (const candidates of [undefined, null, 'photo.jpg', DOGS, new Set([dogs]), { length: 1 }]) {
    await refused(vision.findSimilar(dogs, candidates as never, 1), 'INVALID_ARGUMENT', /candidates/);
  }
  await refused(vision.findSimilar('/nowhere.jpg', [dogs], 1), 'INPUT_NOT_FOUND');
  await refused(vision.findSimilar(dogs, [dogs, '/nowhere.jpg', photos[1]!], 1), 'INPUT_NOT_FOUND');
  await refused(vision.findSimilar(dogs, [{ ...dogs, model: 'x' }], 1), 'MODEL_MISMATCH');
  await refused(vision.findSimilar(dogs, [await tiny.embedImage(noise(1))], 1), 'DIMENSION_MISMATCH');
});

comparing.run();

const lifetime = suite('model and lifetime');

lifetime('model: what is known, frozen', () => {
  assert.is(vision.model.id, 'bundled');
  assert.is(vision.model.dimensions, 768);
  assert.match(vision.model.fingerprint, /^[0-9a-f]{64}$/);
  assert.ok(Object.isFrozen(vision.model));
  assert.is(tiny.model.dimensions, TINY_DIMENSIONS);
  assert.is(tiny.model.imageSize, 64);
  assert.is.not(tiny.model.fingerprint, vision.model.fingerprint);
  assert.is(uncached.model.fingerprint, vision.model.fingerprint);
});

lifetime('create: refuses bad options and aborted signals before anything starts', async () => {
  await refused(SemanticVision.create({ workers: 0 }), 'INVALID_OPTION', /workers/);
  await refused(SemanticVision.create({ model: '/nowhere' }), 'MODEL_NOT_FOUND', /nowhere/);
  const reason = new Error('changed my mind');
  const early = await refused(SemanticVision.create({ signal: AbortSignal.abort(reason) }), 'ABORTED');
  assert.is(early.cause, reason);
  const controller = new AbortController();
  const starting = SemanticVision.create({ workers: 1, signal: controller.signal });
  controller.abort(reason);
  await refused(starting, 'ABORTED');
});

lifetime('create: a signal that fires later does not close the instance', async () => {
  const controller = new AbortController();
  const instance = await SemanticVision.create({ model: TINY_MODEL, workers: 1, signal: controller.signal });
  controller.abort();
  await instance.embedImage(noise(7));
  await instance.close();
});

lifetime('close: finishes what was accepted, refuses what comes after, may be called again', async () => {
  const instance = await SemanticVision.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1 });
  // Some of these are still reading their file when close is called.
  const accepted = [...photoNames.slice(0, 10).map(photo), noise(8)].map((image) =>
    instance.embedImage(image),
  );
  const closing = instance.close();
  await refused(instance.embedImage(noise(9)), 'CLOSED');
  await refused(instance.embedText('a dog'), 'CLOSED');
  await refused(instance.findSimilar(dogs, [dogs], 1), 'CLOSED');
  await refused(() => instance.embedImages([noise(9)]), 'CLOSED');
  for (const { vector } of await settles(Promise.all(accepted), 'accepted requests')) {
    assert.is(vector.length, TINY_DIMENSIONS);
  }
  await settles(Promise.all([closing, instance.close()]), 'close');
  await settles(instance.close(), 'close again');
  assert.is(instance.similarity(dogs, dogs) > 0.99, true);
  assert.is(instance.stats().imagesEmbedded, 11);
});

lifetime('close: a findSimilar that was accepted finishes too', async () => {
  const instance = await SemanticVision.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1 });
  const ranking = instance.findSimilar(photo('two-dogs'), photoNames.slice(0, 6).map(photo), 3);
  const [ranked] = await Promise.all([settles(ranking, 'findSimilar'), settles(instance.close(), 'close')]);
  assert.is(ranked.length, 3);
});

lifetime('await using closes', async () => {
  let instance: SemanticVision;
  {
    await using scoped = await SemanticVision.create({ model: TINY_MODEL, workers: 1 });
    instance = scoped;
    await scoped.embedImage(noise(10));
  }
  await refused(instance.embedImage(noise(10)), 'CLOSED');
});

lifetime('options of a request are validated', async () => {
  for (const options of [null, 1, 'x', { priority: 'urgent' }, { signal: {} }, { signal: 'abort' }]) {
    await refused(vision.embedImage(DOGS, options as never), 'INVALID_ARGUMENT');
    await refused(vision.embedText('a dog', options as never), 'INVALID_ARGUMENT');
    await refused(() => vision.embedImages([DOGS], options as never), 'INVALID_ARGUMENT');
  }
});

lifetime.after(async () => {
  await Promise.all(everyone.map((instance) => instance.close()));
});
lifetime.run();
