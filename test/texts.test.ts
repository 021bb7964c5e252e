// Texts in batches: cancelled ones harm nobody, large calls bound themselves, failures end the rest.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision } from '../dist/esm/index.js';
import { refused, sameBits, settles, until } from './helpers/assertions.js';
import { TINY_MODEL, fixture, noise } from './helpers/fixtures.js';

const texts = suite('texts in batches');

function create(options = {}): Promise<SemanticVision> {
  return SemanticVision.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1, ...options });
}

/** Keeps the only worker busy for a while. */
function busy(vision: SemanticVision): Promise<unknown> {
  return Promise.all([1, 2, 3, 4].map((seed) => vision.embedImage(noise(seed, 1500))));
}

const many = (count: number, prefix = 'text') => Array.from({ length: count }, (_, i) => `${prefix} ${i}`);

texts('an aborted call leaves its texts usable, at any size, whether its jobs wait or run', async () => {
  for (const count of [1, 2, 4, 5, 9, 40]) {
    for (const delay of [0, 5]) {
      const vision = await create();
      const work = busy(vision);
      const controller = new AbortController();
      const given = many(count);
      const aborted = refused(vision.embedTexts(given, { signal: controller.signal }), 'ABORTED');
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
      controller.abort();
      await settles(aborted, 'the aborted call');
      const again = await settles(vision.embedTexts(given), 'the same texts again');
      assert.is(again.length, count);
      await work;
      await settles(vision.close(), 'close');
    }
  }
});

texts('another caller of the same texts gets them although the first gave up', async () => {
  const vision = await create();
  const work = busy(vision);
  const controller = new AbortController();
  const given = many(12);
  const first = refused(vision.embedTexts(given, { signal: controller.signal }), 'ABORTED');
  const second = vision.embedTexts(given.slice(3, 7));
  const third = vision
    .classify(noise(9), given.slice(5), { template: '{}' })
    .catch((error: unknown) => error);
  controller.abort();
  await first;
  assert.is((await settles(second, 'the other caller')).length, 4);
  assert.match(String(await settles(third, 'classify')), /not known/);
  await work;
  await settles(vision.close(), 'close');
});

texts('an aborted classify leaves its labels usable', async () => {
  const model = fixture('tiny-siglip2');
  const vision = await create({ model });
  const work = busy(vision);
  const controller = new AbortController();
  const labels = many(30, 'label');
  const options = { signal: controller.signal };
  const first = refused(vision.classify(noise(9), labels, options), 'ABORTED');
  const other = vision.classify(noise(9), labels);
  await new Promise((resolve) => setTimeout(resolve, 5));
  controller.abort();
  await first;
  assert.is((await settles(other, 'the other caller')).length, 30);
  assert.is((await settles(vision.classify(noise(9), labels), 'again')).length, 30);
  await work;
  await settles(vision.close(), 'close');
});

texts('many more texts than maxQueue: one call is one request', async () => {
  const vision = await create({ maxQueue: 2 });
  const given = many(200);
  const results = await settles(vision.embedTexts(given), '200 texts');
  assert.is(new Set(results.map(({ vector }) => vector.join())).size, 200);
  sameBits((await vision.embedText('text 77')).vector, results[77]!.vector);
  await vision.close();
});

texts('a full queue refuses the call whole and leaves nothing behind', async () => {
  const vision = await create({ model: 'bundled', maxQueue: 1 });
  // Two images: one at work, one that fills the queue.
  const work = Promise.all([1, 2].map((seed) => vision.embedImage(noise(seed, 50))));
  await until(() => vision.stats().queue.interactive === 1, 'a full queue');
  await refused(vision.embedTexts(many(50, 'photo of cat')), 'QUEUE_FULL');
  await work;
  assert.equal(vision.stats().queue, { interactive: 0, bulk: 0, running: 0 });
  assert.is((await settles(vision.embedTexts(many(50, 'photo of cat')), 'later')).length, 50);
  await vision.close();
});

texts('the first text that fails ends the call; what it did not need is not computed', async () => {
  const vision = await SemanticVision.create({ workers: 1, intraOpNumThreads: 1 });
  const given = ['a dog', '!!!', ...many(400, 'photo of cat')];
  await refused(vision.embedTexts(given), 'TEXT_NOT_UNDERSTOOD', /!!!/);
  await settles(vision.close(), 'close');
  assert.ok(vision.stats().textsEmbedded < 100, `${vision.stats().textsEmbedded} texts were embedded`);
});

texts('of a very long text the beginning is read, whatever stands at the cut', async () => {
  const vision = await create();
  const begin = `a photo of a cat ${'x'.repeat(9_982)}`;
  for (const rest of ['\u{1F600}'.repeat(300_000), 'y'.repeat(500_000)]) {
    const [long, short] = await vision.embedTexts([begin + rest, begin]);
    sameBits(long!.vector, short!.vector);
    assert.is(long!.text.length, begin.length + rest.length);
  }
  await vision.close();
});

texts('the caller’s arrays may change meanwhile', async () => {
  const vision = await create();
  const given = ['one', 'two'];
  const pending = vision.embedTexts(given);
  given[0] = 'three';
  given.pop();
  assert.equal(
    (await pending).map(({ text }) => text),
    ['one', 'two'],
  );
  await vision.close();
});

texts.run();
