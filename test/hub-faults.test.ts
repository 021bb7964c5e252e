// Downloads of files and of models that go wrong at random: afterwards every file is whole or not there, a model is complete
// or an error, and the next call mends it.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VisionError } from '../dist/esm/errors.js';
import { Digests } from '../dist/esm/models/digests.js';
import { findOnHub } from '../dist/esm/models/find-on-hub.js';
import { resolveFetchOptions } from '../dist/esm/models/model-options.js';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { Client, QUICK, REPO, holds, large, random, small } from './helpers/hub-client.js';
import { HubServer, type Fault, type ServedFile } from './helpers/hub-server.js';

const FAULTED = 1000;
// Side by side, since most of the time goes into waiting for silence to end.
const LANES = 4;
const FAULTED_MODELS = 200;
const SEED = 20240607;
// Thousands of caches are made and removed: in memory where that is possible.
const DISK = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const EXPECTED = ['HUB_UNREACHABLE', 'DOWNLOAD_CORRUPT', 'HUB_ACCESS_DENIED', 'MODEL_NOT_FOUND', 'ABORTED'];
// So short that silence costs the test little; a busy machine may make it fail more calls, which changes no promise.
const HASTY = { attempts: 3, answer: 60, idle: 60, longestRetryAfter: 5 };

const faults = suite('random faults');

faults(`after ${FAULTED} faulted downloads the files were whole or absent each time`, async () => {
  const outcomes = new Map<string, number>();
  await Promise.all(Array.from({ length: LANES }, (_, lane) => faultedDownloads(lane, outcomes)));
  console.log([...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', '));
  // The test is worth something only if the faults hit, in all their ways, and are often overcome.
  for (const outcome of ['done', ...EXPECTED]) assert.ok((outcomes.get(outcome) ?? 0) > 0, outcome);
  assert.ok((outcomes.get('done') ?? 0) < FAULTED);
});

async function faultedDownloads(lane: number, outcomes: Map<string, number>): Promise<void> {
  const seed = SEED + lane;
  const next = random(seed);
  const upTo = (limit: number) => Math.floor(next() * limit);
  const server = await HubServer.start();
  const hasher = new Hasher();

  for (let run = 0; run < FAULTED / LANES; run++) {
    server.reset();
    // Sizes around those of the pieces that bodies come in.
    const size = [1, 1000, 65_535, 65_536, 65_537, 150_000][upTo(6)] as number;
    const files: Record<string, ServedFile> = {
      'onnx/model.onnx': large(size, run),
      'config.json': small(1 + upTo(2000), run),
    };
    server.commit(REPO, files);
    const client = new Client(server, hasher, DISK);
    const controller = new AbortController();
    const places = upTo(4) + 1;
    for (let i = 0; i < places; i++) {
      server.faults.push(...Array.from({ length: upTo(3) }, () => undefined), randomFault(upTo, size));
    }
    const abortAt = upTo(8) === 0 ? upTo(size) : Infinity;
    const outcome = await client
      .fetch({
        files: Object.keys(files),
        timing: { ...HASTY, report: 0 },
        signal: controller.signal,
        onProgress: ({ fileBytes }) => {
          if (fileBytes >= abortAt) controller.abort();
        },
      })
      .then(
        () => 'done',
        (error: unknown) => {
          if (error instanceof VisionError && EXPECTED.includes(error.code)) return error.code;
          throw error;
        },
      );
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    areWholeOrAbsent(client, files, `run ${run} of seed ${seed}`);

    server.reset();
    holds(await client.fetch({ files: Object.keys(files) }), files);
    client.isTidy();
    client.remove();
  }
  await hasher.close();
  await server.close();
}

faults(`${FAULTED_MODELS} faulted pulls gave a complete model or an error, never a smaller one`, async () => {
  const next = random(SEED);
  const upTo = (limit: number) => Math.floor(next() * limit);
  const server = await HubServer.start();
  process.env.HF_ENDPOINT = server.endpoint;
  const hasher = new Hasher();
  const outcomes = new Map<string, number>();
  const revisions = ['first', 'second'].map((name) => {
    const of = (length: number, lfs: boolean) => ({ content: Buffer.alloc(length, name), lfs });
    const config = JSON.stringify({ model_type: 'siglip', name });
    const files: Record<string, ServedFile> = {
      'preprocessor_config.json': of(200, false),
      'config.json': { content: Buffer.from(config), lfs: false },
      'tokenizer.json': of(2000, false),
      'tokenizer_config.json': of(300, false),
      'onnx/vision_model.onnx': of(70_000, true),
      'onnx/vision_model.onnx_data': of(90_000, true),
      'onnx/text_model.onnx': of(66_000, true),
    };
    return files;
  });

  for (let run = 0; run < FAULTED_MODELS; run++) {
    server.reset();
    const cacheDir = mkdtempSync(join(DISK, 'semantic-vision-hub-faults-'));
    const repo = `org/model-${run}`;
    const source = { kind: 'hub' as const, id: repo, repo, revision: 'main', entry: undefined };
    // Every file's content tells its commit: a model made of two would be seen.
    const pull = async (localFilesOnly: boolean, timing = QUICK) => {
      const request = { ...resolveFetchOptions(repo, { cacheDir, localFilesOnly }), dtype: 'fp32' as const };
      const { revision, vision, text, preprocessor, config } = await findOnHub(
        source,
        request,
        new Digests(hasher),
        timing,
      );
      const there = text ? [text.graph, ...text.graph.data, text.tokenizer, text.tokenizerConfig] : [];
      const found = [...vision.data, vision, preprocessor, config, ...there].map((file) => file!);
      const files = revisions[commits.indexOf(revision)]!;
      assert.equal(found.map(({ name }) => name).sort(), Object.keys(files).sort(), `run ${run}`);
      for (const { name, path } of found) {
        assert.ok(readFileSync(path).equals(files[name]!.content), `run ${run}: ${path}`);
      }
      return commits.indexOf(revision);
    };
    const commits = [server.commit(repo, revisions[0]!)];
    // Half of them are updates of what is in the cache.
    const isUpdate = run % 2 === 1;
    if (isUpdate) {
      assert.is(await pull(false), 0);
      commits.push(server.commit(repo, revisions[1]!));
    }
    const newest = commits.length - 1;
    const places = upTo(6) + 1;
    for (let i = 0; i < places; i++) {
      const fault = randomFault(upTo, 90_000);
      // A hub that says itself that it lacks a file is believed.
      if (fault.kind === 'status' && fault.status === 404) fault.status = 403;
      server.faults.push(...Array.from({ length: upTo(6) }, () => undefined), fault);
    }
    const outcome = await pull(false, { ...QUICK, ...HASTY }).then(
      (which) => (which === newest ? 'done' : 'older'),
      (error: unknown) => {
        if (error instanceof VisionError && EXPECTED.includes(error.code)) return error.code;
        throw error;
      },
    );
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    server.reset();
    if (outcome === 'done' || isUpdate)
      assert.is(await pull(true), outcome === 'done' ? newest : 0, `run ${run}`);
    assert.is(await pull(false), newest, `run ${run}`);
    rmSync(cacheDir, { recursive: true });
  }
  await hasher.close();
  await server.close();
  console.log([...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', '));
  // How many tries fail depends on the machine; that some pulls succeed, fall back and fail does not.
  const [done = 0, older = 0] = ['done', 'older'].map((outcome) => outcomes.get(outcome));
  assert.ok(done > 0 && older > 0 && done + older < FAULTED_MODELS);
});

function randomFault(upTo: (limit: number) => number, size: number): Fault {
  const at = upTo(size + 1);
  switch (upTo(24)) {
    case 0:
      return { kind: 'silence' };
    case 1:
      return { kind: 'stall', at };
    case 2:
    case 3:
      return { kind: 'reset' };
    case 4:
    case 5:
      return { kind: 'whole' };
    case 6:
    case 7:
      return { kind: 'shifted', by: 1 + upTo(100) };
    case 8:
    case 9:
      return { kind: 'length', by: upTo(200) - 100 };
    case 10: {
      const status = [401, 403, 404, 416, 418][upTo(5)] as number;
      return { kind: 'status', status };
    }
    case 11:
    case 12: {
      const status = [408, 429, 500, 502, 503][upTo(5)] as number;
      return { kind: 'status', status, headers: { 'retry-after': '0' } };
    }
    case 13:
    case 14:
    case 15:
    case 16:
      return { kind: 'flip', at };
    default:
      return { kind: 'cut', at, reset: upTo(2) === 0 };
  }
}

function areWholeOrAbsent(client: Client, files: Record<string, ServedFile>, where: string): void {
  for (const [path, file] of Object.entries(files)) {
    for (const place of [client.blob(file), ...pointersOf(client, path)]) {
      if (!existsSync(place)) continue;
      assert.is(statSync(place).size, file.content.length, `${where}: ${place}`);
      assert.ok(readFileSync(place).equals(file.content), `${where}: ${place} has another content`);
    }
  }
  assert.equal(
    client.list().filter((path) => /\.(lock|tmp)$/.test(path)),
    [],
    where,
  );
}

function pointersOf(client: Client, path: string): string[] {
  return client
    .list()
    .filter((name) => name.includes('snapshots') && name.endsWith(path))
    .map((name) => join(client.directory, name));
}

faults.run();
