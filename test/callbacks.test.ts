// Functions of the caller's: a promise is no yes, nothing they do ends the process, and what they throw reaches the caller.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../dist/esm/index/vector-index.js';
import { byteProducts } from '../dist/esm/models/optimized/cpu.js';
import { resolveFetchOptions } from '../dist/esm/models/model-options.js';
import { SemanticVision } from '../dist/esm/semantic-vision.js';
import { Hasher } from '../dist/esm/pool/hasher.js';
import type { DownloadProgress } from '../dist/esm/types.js';
import { refused } from './helpers/assertions.js';
import { Client, REPO, holds, large } from './helpers/hub-client.js';
import { HubServer } from './helpers/hub-server.js';
import { Folders, writeTower } from './helpers/optimizing.js';

type Filter = (id: string, metadata: { n: number } | undefined) => boolean;

// One that nobody hears ends this process, as it would the caller's.
const unheard: unknown[] = [];
process.on('unhandledRejection', (reason) => unheard.push(reason));

const callbacks = suite('callbacks');
const index = VectorIndex.create<{ n: number }>({ dimensions: 2 });
const query = Float32Array.of(1, 0);
for (let n = 0; n < 20; n++) index.add(`id${n}`, Float32Array.of(Math.cos(n), Math.sin(n)), { n });

async function refusesFilter(filter: unknown, message: RegExp, where = index): Promise<void> {
  await refused(() => where.search(query, { k: 3, filter: filter as Filter }), 'INVALID_ARGUMENT', message);
}

async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

callbacks.after.each(async () => {
  await turns();
  assert.equal(unheard, []);
});

callbacks('a filter that is async or a generator is refused at once, whatever the index holds', async () => {
  const empty = VectorIndex.create<{ n: number }>({ dimensions: 2 });
  const never = (): string => {
    throw new Error('it was called');
  };
  for (const [filter, kind] of [
    [async () => Promise.resolve(never()), 'AsyncFunction'],
    [
      function* () {
        yield never();
      },
      'GeneratorFunction',
    ],
    [
      async function* () {
        yield await Promise.resolve(never());
      },
      'AsyncGeneratorFunction',
    ],
    [runInNewContext('(async () => false)'), 'AsyncFunction'],
  ] as const) {
    await refusesFilter(filter, new RegExp(`true or false for filter but received one of kind ${kind}`));
    await refusesFilter(filter, /Find out beforehand/, empty);
  }
});

callbacks(
  'one that returns a promise is refused at its first answer, and its rejection is heard',
  async () => {
    let calls = 0;
    const count = <T>(value: T): T => (calls++, value);
    for (const filter of [
      () => count(Promise.resolve(false)),
      () => count(Promise.reject(new Error('of the filter'))),
      () => count({ then: (_: unknown, reject: (reason: unknown) => void) => reject(1) }),
      () => count(runInNewContext('Promise.reject(new Error())') as unknown),
      (async () => count(Promise.reject(new Error('bound')))).bind(undefined),
      new Proxy((): unknown => count(Promise.reject(new Error('proxy'))), {}),
    ]) {
      calls = 0;
      await refusesFilter(filter, /promise|AsyncFunction/i);
      assert.ok(calls <= 1);
    }
  },
);

callbacks('true is yes, falsy is no, anything else is refused', async () => {
  const search = (filter: unknown) => index.search(query, { k: 20, filter: filter as Filter }).length;
  assert.is(
    search(() => true),
    20,
  );
  for (const no of [false, undefined, null, 0, '', Number.NaN])
    assert.is(
      search(() => no),
      0,
    );
  assert.is(
    search((_id: string, metadata?: { n: number }) => metadata!.n < 5),
    5,
  );
  for (const odd of [1, 'yes', {}, [], () => true, Symbol('x'), 1n]) {
    await refusesFilter(
      () => odd,
      /Expected true or false for what filter returns but received .*Boolean\(\)/,
    );
  }
  const mine = new Error('mine');
  assert.throws(
    () =>
      search(() => {
        throw mine;
      }),
    (error: unknown) => error === mine,
  );
  await refused(() => search(1), 'INVALID_OPTION');
});

callbacks('the same through the search by text', async () => {
  await using vision = await SemanticVision.create({ workers: 1 });
  const images = VectorIndex.create({ dimensions: vision.model.dimensions });
  images.add('a', await vision.embedText('a dog'));
  const filter = (async () => Promise.resolve(false)) as unknown as () => boolean;
  await refused(vision.search(images, 'a dog', { filter }), 'INVALID_ARGUMENT', /AsyncFunction/);
});

callbacks('a promise is no metadata and no entry', async () => {
  const promise = () => Promise.reject(new Error('of the promise'));
  await refused(
    () => index.add('x', query, promise() as never),
    'INVALID_ARGUMENT',
    /metadata .*Await it first/,
  );
  await refused(index.addMany([promise() as never]), 'INVALID_ARGUMENT', /an entry .*Await it first/);
  assert.is(index.size, 20);
});

callbacks(
  'what a listener throws, or is rejected with, ends the download, and the next one goes on',
  async () => {
    const server = await HubServer.start();
    const hasher = new Hasher();
    const client = new Client(server, hasher);
    try {
      const files = { 'model.onnx': large(3_000_000), 'config.json': large(200_000) };
      server.commit(REPO, files);
      const mine = Object.assign(new Error('mine'), { code: 'ENOSPC', syscall: 'write' });
      for (const onProgress of [
        () => {
          throw mine;
        },
        async () => Promise.reject(mine),
      ] as ((progress: DownloadProgress) => void)[]) {
        const given = resolveFetchOptions(REPO, { onProgress }).onProgress!;
        const fetching = client.fetch({ onProgress: given, timing: { report: 0 } });
        const error = await refused(
          fetching,
          'INVALID_ARGUMENT',
          /Expected onProgress to return but it threw: mine/,
        );
        assert.is(error.cause, mine);
        holds(await client.fetch(), files);
        client.isTidy();
        client.remove();
      }
      await refused(
        () =>
          resolveFetchOptions(REPO, {
            onProgress: function* () {
              yield;
            },
          }),
        'INVALID_OPTION',
      );
      // One that works may be async.
      let heard = 0;
      const patient: () => unknown = async () => (heard += await Promise.resolve(1));
      const onProgress = resolveFetchOptions(REPO, { onProgress: patient }).onProgress!;
      holds(await client.fetch({ onProgress }), files);
      assert.ok(heard > 0);
    } finally {
      client.remove();
      await server.close();
      await hasher.close();
    }
  },
);

callbacks('the same where int8 is made: in a process, which ends', async () => {
  const folders = new Folders();
  try {
    const model = folders.make();
    await writeTower(model, [1]);
    for (const fail of [
      () => {
        throw new Error('mine');
      },
      async () => Promise.reject(new Error('mine')),
    ]) {
      for (const from of ['waiting', 'comparing']) {
        const cacheDir = folders.make();
        const onOptimize = ({ stage }: { stage: string }): unknown => (stage === from ? fail() : undefined);
        const creating = SemanticVision.create({
          model,
          dtype: 'int8',
          cacheDir,
          workers: 1,
          onOptimize,
        });
        const error = await refused(
          creating,
          'INVALID_ARGUMENT',
          /Expected onOptimize to return but it threw: mine/,
        );
        assert.instance(error.cause, Error);
        assert.equal(readdirSync(join(cacheDir, 'semantic-vision', 'optimized')), []);
      }
    }
  } finally {
    folders.remove();
  }
});

callbacks('with dtype "auto" too: a listener that fails is no reason to go on in float32', async () => {
  if (byteProducts() === undefined) {
    console.log('skipped: "auto" makes no int8 on this CPU');
    return;
  }
  const folders = new Folders();
  try {
    const [model, cacheDir] = [folders.make(), folders.make()];
    await writeTower(model, [1], 1000, false, 480);
    const onOptimize = () => {
      throw new Error('mine');
    };
    const creating = SemanticVision.create({ model, dtype: 'auto', cacheDir, workers: 1, onOptimize });
    await refused(creating, 'INVALID_ARGUMENT', /onOptimize/);
  } finally {
    folders.remove();
  }
});

callbacks.run();
