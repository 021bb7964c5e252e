// model verify: published values against a model's files; the tiny models stand for the real one.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VisionError } from '../dist/esm/errors.js';
import { pullModel } from '../dist/esm/models/catalog.js';
import { readManifest } from '../dist/esm/models/manifest.js';
import { readReferenceFile } from '../dist/esm/models/reference.js';
import { verifyModel } from '../dist/esm/verify-model.js';
import { refused } from './helpers/assertions.js';
import { fixture, fixtureJson } from './helpers/fixtures.js';
import { HubServer, gitBlob, sha256, type ServedFile } from './helpers/hub-server.js';

const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-verify-'));
const MODEL = fixture('tiny-siglip2');
// A lossless image whose pixels are the reference's.
const IMAGE = 'png_rgb.png';
const TEXTS = ['a photo of a cat', 'a photo of 2 cats'];

interface Golden {
  images: string[];
  texts: string[];
  logits: number[][];
}
const golden = fixtureJson('tiny-siglip2/logits.json') as Golden;
const texts = fixtureJson('tiny-siglip2/texts.json') as { text: string; idsLowercase: number[] }[];
const known = TEXTS.filter((text) => golden.texts.includes(text));

function reference(change: (values: { ids: number[]; logits: number[] }) => void = () => undefined): string {
  const row = golden.logits[golden.images.indexOf(IMAGE)]!;
  const [text = ''] = known;
  const all = texts.find((each) => each.text === text)!.idsLowercase;
  const values = {
    ids: all.slice(0, all.indexOf(1) + 1),
    logits: known.map((each) => row[golden.texts.indexOf(each)]!),
  };
  change(values);
  const path = join(folder, 'reference.json');
  const source = 'golden';
  const content = {
    tokens: [{ text, ids: values.ids, source }],
    logits: [
      {
        image: fixture(`golden/images/${IMAGE}`),
        texts: known,
        values: values.logits,
        tolerance: 1e-3,
        source,
      },
    ],
  };
  writeFileSync(path, JSON.stringify(content));
  return path;
}

const verifying = suite('verifyModel');

verifying('the golden values: everything is right', async () => {
  assert.ok(known.length > 0);
  const report = await verifyModel(MODEL, { reference: reference() });
  assert.ok(report.ok, JSON.stringify(report.checks));
  assert.is(report.checks.length, 1 + known.length);
  assert.ok(report.checks.every(({ difference }) => difference === undefined || difference < 1e-3));
});

verifying('values that differ are told, with both sides', async () => {
  const path = reference((values) => {
    values.ids[0] = 7;
    values.logits[0] = 1;
  });
  const { ok, checks } = await verifyModel(MODEL, { reference: path });
  assert.not(ok);
  const wrong = checks.filter((check) => !check.ok);
  assert.equal(
    wrong.map(({ name }) => name.split(' ')[0]),
    ['token', 'logit'],
  );
  assert.is(wrong[1]?.expected, '1.0000');
  assert.ok(wrong.every(({ expected, actual }) => expected !== actual));
});

verifying('quantised weights are reported on, not held to what exact ones give', async () => {
  const report = await verifyModel(MODEL, { reference: reference(), dtype: 'q8' }).catch(
    (error: unknown) => error,
  );
  // Only the image tower of this dtype is there: its texts have none to be embedded by.
  assert.match(String(report), /text tower/);
});

verifying('the bundled model: the hash of every file', async () => {
  const { ok, checks } = await verifyModel('bundled');
  assert.ok(ok && checks.length >= 5 && checks.every(({ name }) => name.startsWith('SHA-256')));
});

verifying('a file that was damaged in the cache', async () => {
  const server = await HubServer.start();
  process.env.HF_ENDPOINT = server.endpoint;
  const paths = ['config.json', 'preprocessor_config.json', 'onnx/vision_model.onnx'];
  const files = paths.map((path): [string, ServedFile] => [
    path,
    { content: readFileSync(fixture(`tiny-siglip2/${path}`)), lfs: path.endsWith('.onnx') },
  ]);
  server.commit('org/m', Object.fromEntries(files));
  const options = { cacheDir: join(folder, 'cache'), text: false };
  const { ok, checks } = await verifyModel('org/m', options);
  assert.ok(ok, JSON.stringify(checks));
  // Expected is what the hub calls the content, not what was read from the file a moment before.
  assert.equal(
    checks.map(({ name, expected }) => [name, expected]),
    [
      ['SHA-256 of onnx/vision_model.onnx', sha256(files[2]![1].content)],
      ['git SHA-1 of preprocessor_config.json', gitBlob(files[1]![1].content)],
      ['git SHA-1 of config.json', gitBlob(files[0]![1].content)],
    ],
  );
  const path = (await pullModel('org/m', options)).files[0]!.path;
  const damaged = readFileSync(path);
  damaged[1000] = damaged[1000]! ^ 1;
  writeFileSync(path, damaged);
  await refused(verifyModel('org/m', { ...options, localFilesOnly: true }), 'MODEL_INVALID', /damaged/);
  assert.ok((await verifyModel('org/m', options)).ok, 'online it is fetched anew');
  await server.close();
});

verifying('a reference that is not there or no JSON, an unknown option', async () => {
  await refused(verifyModel(MODEL, { reference: join(folder, 'nowhere') }), 'MODEL_NOT_FOUND');
  writeFileSync(join(folder, 'bad.json'), '{');
  await refused(verifyModel(MODEL, { reference: join(folder, 'bad.json') }), 'MODEL_INVALID');
  await refused(verifyModel(MODEL, { workers: 1 } as object), 'INVALID_OPTION');
});

verifying('a reference that is not what it should be: INVALID_ARGUMENT that names the key', async () => {
  const path = join(folder, 'wrong.json');
  const token = { text: 'a cat', ids: [1, 2] };
  const logit = { image: 'x.png', texts: ['a'], values: [1], tolerance: 0.1 };
  const wrong: [unknown, RegExp][] = [
    [null, /the content of .*wrong\.json/],
    [[], /the content/],
    [{}, /"tokens" or "logits"/],
    [{ token: [token] }, /"tokens" or "logits"/],
    [{ tokens: {} }, /an array for tokens of/],
    [{ tokens: [null] }, /tokens\[0\]/],
    [{ tokens: [token, { text: 'a' }] }, /tokens\[1\]\.ids/],
    [{ tokens: [{ ...token, text: 7 }] }, /tokens\[0\]\.text/],
    [{ tokens: [{ ...token, ids: [1, 1.5] }] }, /tokens\[0\]\.ids\[1\]/],
    [{ tokens: [{ ...token, ids: [-1] }] }, /tokens\[0\]\.ids\[0\]/],
    [{ tokens: [token], logits: [{ ...logit, image: '' }] }, /logits\[0\]\.image/],
    [{ logits: [{ ...logit, texts: 'a' }] }, /logits\[0\]\.texts/],
    [{ logits: [{ ...logit, texts: ['a', 'b'] }] }, /each of the 2 texts for logits\[0\]\.values/],
    [{ logits: [{ ...logit, values: ['1'] }] }, /logits\[0\]\.values\[0\]/],
    [{ logits: [{ ...logit, tolerance: undefined }] }, /logits\[0\]\.tolerance/],
    [{ logits: [{ ...logit, tolerance: -1 }] }, /logits\[0\]\.tolerance/],
  ];
  for (const [content, message] of wrong) {
    writeFileSync(path, JSON.stringify(content));
    // Nothing is fetched for a reference that is of no use.
    await refused(verifyModel('org/nobody', { reference: path }), 'INVALID_ARGUMENT', message);
  }
});

verifying('any JSON at all as a reference: values or INVALID_ARGUMENT', async () => {
  const path = join(folder, 'any.json');
  const list = fc.array(
    fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom('text', 'ids', 'image', 'texts', 'values', 'tolerance'), fc.jsonValue()),
    ),
  );
  const any = fc.oneof(fc.jsonValue(), fc.record({ tokens: list, logits: list }));
  await fc.assert(
    fc.asyncProperty(any, async (content) => {
      writeFileSync(path, JSON.stringify(content));
      await readReferenceFile(path).catch((error: unknown) => {
        assert.ok(error instanceof VisionError && error.code === 'INVALID_ARGUMENT', String(error));
      });
    }),
  );
});

verifying('the manifest: what is said of each model is complete and in range', async () => {
  const entries = await readManifest();
  assert.is(new Set(entries.map(({ id }) => id)).size, entries.length);
  for (const entry of entries) {
    assert.ok([768, 1024, 1152].includes(entry.dimensions) && entry.imageSize >= 224, entry.id);
    if (entry.source === 'bundled') continue;
    assert.ok(entry.revisionSource.length > 10, entry.id);
    assert.match(entry.revision, /^(main|[0-9a-f]{40})$/);
    assert.is(
      entry.dimensions,
      { base: 768, large: 1024, so400m: 1152 }[/(base|large|so400m)/.exec(entry.id)![1]!],
    );
    for (const { values, texts: labels } of entry.reference?.logits ?? [])
      assert.is(values.length, labels.length);
  }
});

verifying.after(() => rmSync(folder, { recursive: true }));
verifying.run();
