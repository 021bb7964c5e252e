// Option "isolation": the same vectors from another process, and what happens when that process ends.
import { liveThreads, poison } from './helpers/threads.js';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readHeader } from '../dist/esm/image/header.js';
import { SemanticVision, VisionError, type ImageEmbedding } from '../dist/esm/index.js';
import { frameHead } from '../dist/esm/pool/frames.js';
import { refused, sameBits, settles, until } from './helpers/assertions.js';
import {
  freshPath,
  isRunning,
  noiseAvif,
  preloadVariables,
  setVariables,
  startedDecoders,
  type Action,
} from './helpers/decoders.js';
import { TINY_MODEL, fixture, noise, photo, photoNames } from './helpers/fixtures.js';

const GOLDEN = filesIn(fixture('golden/images'));
const BAD = filesIn(fixture('bad'));
const PANIC: Action = { kind: 'panic', file: fixture('cases/tiff-tiled-planar.tif') };
const OPTIONS = { model: TINY_MODEL, workers: 1, intraOpNumThreads: 1, cacheMaxBytes: 0 } as const;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Runs with instances whose decoder processes hold the preload, and closes them. */
async function withDecoders(
  actions: Record<string, Action>,
  workers: number,
  run: (vision: SemanticVision, started: () => number[]) => Promise<void>,
  more: Record<string, string> = {},
): Promise<void> {
  const variables = preloadVariables(actions);
  const restore = setVariables({ ...variables, ...more });
  const started = () => startedDecoders(variables.DECODER_PIDS);
  try {
    const vision = await SemanticVision.create({ ...OPTIONS, workers, isolation: 'process' });
    try {
      await run(vision, started);
    } finally {
      await settles(vision.close(), 'close');
    }
    assert.equal(started().filter(isRunning), [], 'close() has ended every decoder process');
  } finally {
    restore();
  }
}

const same = suite('isolation: the same work');

for (const model of ['tiny-siglip', 'tiny-siglip2']) {
  for (const autoOrient of [true, false]) {
    same(
      `${model}, autoOrient ${autoOrient}: every golden image, the same bits or the same refusal`,
      async () => {
        const options = { ...OPTIONS, model: fixture(model), autoOrient };
        const inside = await SemanticVision.create(options);
        const outside = await SemanticVision.create({ ...options, isolation: 'process' });
        const files = [...GOLDEN, ...BAD];
        let [vectors, causes] = [0, 0];
        for (const file of files) {
          const [expected, actual] = await Promise.all([
            outcome(inside.embedImage(file)),
            outcome(outside.embedImage(file)),
          ]);
          if (expected instanceof VisionError || actual instanceof VisionError) {
            assert.is(wordsOf(actual), wordsOf(expected), file);
            if (expected instanceof VisionError && expected.cause !== undefined) causes++;
          } else {
            sameBits(actual.vector, expected.vector, file);
            vectors++;
          }
        }
        assert.ok(vectors >= 30 && causes > 0, `${vectors} vectors, ${causes} causes`);
        await Promise.all([inside.close(), outside.close()]);
      },
    );
  }
}

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.json'))
    .map(({ name }) => join(folder, name));
}

function wordsOf(result: ImageEmbedding | VisionError): string {
  if (!(result instanceof VisionError)) return 'a vector';
  const { code, message, cause } = result;
  return `${code} ${message} (${cause instanceof Error ? cause.message : 'no cause'})`;
}

async function outcome(work: Promise<ImageEmbedding>): Promise<ImageEmbedding | VisionError> {
  return work.catch((error: unknown) => {
    if (error instanceof VisionError) return error;
    throw error;
  });
}

same('crops, the bundled model, large photos and pixels of the caller: the same bits', async () => {
  const options = { workers: 2, intraOpNumThreads: 1, cacheMaxBytes: 0 } as const;
  const inside = await SemanticVision.create(options);
  const outside = await SemanticVision.create({ ...options, isolation: 'process' });
  for (const image of [...photoNames.slice(0, 8).map(photo), noise(1, 300)]) {
    const [a, b] = await Promise.all([inside.embedImage(image), outside.embedImage(image)]);
    sameBits(b.vector, a.vector);
  }
  const { timings } = outside.stats();
  for (const { count, totalMs } of Object.values(timings)) assert.ok(count === 9 && totalMs > 0);
  await Promise.all([inside.close(), outside.close()]);
});

same('what is known of an image survives the way to the process', () => {
  for (const file of GOLDEN) {
    const header = readHeader(readFileSync(file), 1e9);
    assert.equal(JSON.parse(JSON.stringify(header)), header, file);
  }
});

same.run();

const crashes = suite('isolation: processes that end');

crashes('a file that aborts the decoder: two processes, one error, then refused by everybody', async () => {
  const doomed = await noiseAvif(1);
  const others = await Promise.all([2, 3, 4, 5, 6].map(noiseAvif));
  await withDecoders({ [sha256(doomed)]: PANIC }, 2, async (vision, started) => {
    const [first, second] = started() as [number, number];
    const meanwhile = others.map((image) => vision.embedImage(image));
    const error = await settles(
      refused(vision.embedImage(doomed), 'DECODER_CRASHED', /^This AVIF image .* SIGABRT .*panic/s),
      'the doomed image',
    );
    assert.match((error.cause as Error).message, /SIGABRT[^]*panicked at [^]*assertion failed/);
    for (const { vector } of await Promise.all(meanwhile)) assert.is(vector.length, 96);
    const dead = () => started().filter((pid) => !isRunning(pid));
    assert.is(dead().length, 2, 'two processes ended');
    for (const image of others) await vision.embedImage(image);
    // Refused before anything works on it, whoever asks.
    await refused(vision.embedImage(doomed), 'DECODER_CRASHED', new RegExp(sha256(doomed)));
    const unprotected = await SemanticVision.create(OPTIONS);
    await refused(unprotected.embedImage(doomed), 'DECODER_CRASHED');
    await unprotected.close();
    assert.is(dead().length, 2, 'no further process ended');
    assert.ok(isRunning(first) !== isRunning(second), 'the other worker has kept its process');
    assert.is(vision.stats().workerFailures, 0);
  });
});

crashes('a process that ends by itself counts as well, and its code is named', async () => {
  const doomed = await noiseAvif(10);
  await withDecoders({ [sha256(doomed)]: { kind: 'exit' } }, 1, async (vision) => {
    await refused(vision.embedImage(doomed), 'DECODER_CRASHED', /ended with code 3/);
    await vision.embedImage(await noiseAvif(11));
  });
});

const SUCCESS = { ok: true, decode: 0, preprocess: 0 };
const NONSENSE: [name: string, said: Buffer, why: string][] = [
  ['bytes that are no frame', Buffer.alloc(2_000_000, 'A'), 'too long'],
  ['no JSON', Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{')]), 'JSON'],
  ['zeros', Buffer.alloc(8), 'JSON'],
  ['null', Buffer.from('\x04\0\0\0\0\0\0\0null'), 'no object'],
  ['an image too short', Buffer.concat([frameHead(SUCCESS, 3), Buffer.from('abc')]), '3 bytes where'],
  ['an image too long', frameHead(SUCCESS, 100_000_000), 'too long'],
  ['an unknown failure', frameHead({ ok: false, code: 'toString', message: '' }, 0), 'neither'],
];

for (const [index, [name, said, why]] of NONSENSE.entries()) {
  crashes(`a process that answers ${name} is ended, and that counts`, async () => {
    const [doomed, next] = await Promise.all([noiseAvif(60 + index), noiseAvif(80 + index)]);
    const file = freshPath();
    writeFileSync(file, said);
    await withDecoders({ [sha256(doomed)]: { kind: 'say', file } }, 1, async (vision, started) => {
      const pattern = new RegExp(`the last one sent what is no answer \\(.*${why}`);
      const failed = settles(refused(vision.embedImage(doomed), 'DECODER_CRASHED', pattern), 'the image');
      const after = vision.embedImage(next);
      await failed;
      assert.is((await settles(after, 'the next image')).dimensions, 96);
      await refused(vision.embedImage(doomed), 'DECODER_CRASHED', new RegExp(sha256(doomed)));
      assert.is(started().length, 3, 'each of them was replaced');
      assert.is(started().filter(isRunning).length, 1);
    });
  });
}

crashes('an answer that nobody waits for ends the process before it is taken for the next one', async () => {
  const twice = await noiseAvif(90);
  const file = freshPath();
  // A failure that is well formed, then the answer itself.
  writeFileSync(file, frameHead({ ok: false, code: 'DECODE_FAILED', message: 'said first' }, 0));
  await withDecoders({ [sha256(twice)]: { kind: 'say', file } }, 1, async (vision, started) => {
    await refused(vision.embedImage(twice), 'DECODE_FAILED', /said first/);
    await until(() => !isRunning(started()[0]!), 'the end of the process');
    assert.is((await settles(vision.embedImage(await noiseAvif(91)), 'the next image')).dimensions, 96);
    assert.is(started().length, 2);
  });
});

crashes('neither a crash nor close() waits for what holds the streams of the process', async () => {
  const doomed = await noiseAvif(95);
  const holders = freshPath();
  try {
    await withDecoders(
      { [sha256(doomed)]: { kind: 'exit' } },
      1,
      async (vision, started) => {
        await settles(
          refused(vision.embedImage(doomed), 'DECODER_CRASHED', /ended with code 3/),
          'the image',
        );
        await settles(vision.embedImage(await noiseAvif(96)), 'the next image');
        assert.is(started().length, 3);
      },
      { DECODER_START: 'holder', DECODER_HOLDERS: holders },
    );
    assert.is(startedDecoders(holders).filter(isRunning).length, 3, 'they have been there all the time');
  } finally {
    for (const pid of startedDecoders(holders)) process.kill(pid);
  }
});

crashes('a process killed once under each image condemns none of them', async () => {
  const images = await Promise.all(Array.from({ length: 12 }, (_, i) => noiseAvif(100 + i)));
  const actions = images.map((image) => [sha256(image), { kind: 'kill-once', file: freshPath() }] as const);
  await withDecoders(Object.fromEntries(actions), 2, async (vision, started) => {
    await settles(Promise.all(images.map((image) => vision.embedImage(image))), 'all images');
    assert.is(started().length, 2 + images.length);
  });
});

crashes('processes killed at random moments condemn no image', async () => {
  await withDecoders({}, 1, async (vision, started) => {
    const images = await Promise.all(Array.from({ length: 200 }, (_, i) => noiseAvif(1000 + i)));
    let [done, killed] = [0, 0];
    const embedded = (async () => {
      for await (const result of vision.embedImages(images)) {
        if (!result.ok) throw result.error;
        done++;
        // 200 images alone would be over before the first kill.
        await sleep(40);
      }
    })();
    let state = 1;
    const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
    const finished = embedded.finally(() => (done = images.length));
    finished.catch(() => undefined);
    while (done < images.length) {
      // Only when the successor of the one before has started and had time for its first job: none is to be hit twice.
      await until(() => started().length > killed || done >= images.length, 'a successor');
      await sleep(500 + 300 * random());
      if (done >= images.length) break;
      process.kill(started().at(-1)!, 'SIGKILL');
      killed++;
    }
    await settles(finished, 'all images');
    assert.ok(killed >= 5, `${killed} killed`);
  });
});

crashes('a process killed while idle is replaced when it is needed', async () => {
  await withDecoders({}, 1, async (vision, started) => {
    process.kill(started()[0]!, 'SIGKILL');
    await until(() => !isRunning(started()[0]!), 'its end');
    await settles(vision.embedImage(await noiseAvif(20)), 'the image');
    assert.is(started().length, 2);
  });
});

crashes('a worker thread that dies takes its process with it, and its successor starts one', async () => {
  await withDecoders({}, 1, async (vision, started) => {
    poison(liveThreads().at(-1)!);
    await settles(refused(vision.embedImage(noise(4711)), 'WORKER_FAILED'), 'the doomed request');
    await until(() => !isRunning(started()[0]!), 'the end of its process');
    await settles(vision.embedImage(await noiseAvif(50)), 'the next image');
    assert.is(started().length, 2);
  });
});

crashes('requests beside and behind an image that hangs are answered', async () => {
  const slow = await noiseAvif(30);
  const file = freshPath();
  await withDecoders({ [sha256(slow)]: { kind: 'hang', file } }, 2, async (vision) => {
    const hanging = refused(vision.embedImage(slow), 'DECODER_CRASHED', /SIGKILL/);
    const images = await Promise.all([40, 41, 42, 43].map(noiseAvif));
    await settles(Promise.all(images.map((image) => vision.embedImage(image))), 'the others');
    for (let kills = 0; kills < 2; kills++) {
      await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '', 'a process that hangs');
      const pid = Number(readFileSync(file, 'utf8'));
      rmSync(file);
      process.kill(pid, 'SIGKILL');
    }
    await settles(hanging, 'the image that hangs');
    assert.is((await vision.embedImage(await noiseAvif(44))).dimensions, 96);
  });
});

crashes('a process that ends while it starts fails create() with its last words', async () => {
  const restore = setVariables({ ...preloadVariables(), DECODER_START: 'fail' });
  try {
    const error = await settles(
      refused(SemanticVision.create({ ...OPTIONS, isolation: 'process' }), 'WORKER_FAILED', /told to fail/),
      'create',
    );
    assert.match((error.cause as Error).message, /ended with code 1[^]*told to fail/);
  } finally {
    restore();
  }
});

crashes.run();
