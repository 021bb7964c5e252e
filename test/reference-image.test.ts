// Images of reference values: fetched once and kept, never more than fits, never offline, and stopped by Ctrl-C.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { verifyModel } from '../dist/esm/index.js';
import { readReferenceImage } from '../dist/esm/models/reference-image.js';
import { refused, until } from './helpers/assertions.js';
import { run, scratch, start } from './helpers/cli.js';
import { fixture } from './helpers/fixtures.js';

const images = suite('reference images');
const { folder, remove } = scratch();
const IMAGE = readFileSync(fixture('golden/images/png_rgb.png'));
const MODEL = fixture('tiny-siglip2');
const MIB = 1024 * 1024;

let answer: RequestListener;
let asked = 0;
const server = createServer((request, response) => {
  asked++;
  answer(request, response);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/image.png`;

images.before.each(() => {
  asked = 0;
  answer = (_, response) => response.end(IMAGE);
});

function settings(name: string, offline = false) {
  return { offline, assetsDirectory: join(folder, name) };
}

/** A reference file about the served image; its values are wrong, which is no error. */
function reference(): string {
  const path = join(folder, 'reference.json');
  const logits = [{ image: url, texts: ['a photo of a cat'], values: [0], tolerance: 1e6 }];
  writeFileSync(path, JSON.stringify({ logits }));
  return path;
}

images('a path is relative to the file that names it', async () => {
  const { input } = await readReferenceImage('a b.png', folder, settings('none'), undefined);
  assert.equal(input, pathToFileURL(join(folder, 'a b.png')));
});

images('what was embedded is kept, and read without the network from then on', async () => {
  const cacheDir = join(folder, 'cache');
  for (const localFilesOnly of [false, false, true]) {
    const { ok } = await verifyModel(MODEL, { reference: reference(), cacheDir, localFilesOnly });
    assert.ok(ok);
  }
  assert.is(asked, 1);
  const kept = join(cacheDir, 'semantic-vision', 'images');
  const [name = '', ...others] = readdirSync(kept);
  assert.match(name, /^[0-9a-f]{64}$/);
  assert.equal([others, readFileSync(join(kept, name))], [[], IMAGE]);
});

images('what is no image is not kept', async () => {
  answer = (_, response) => response.end('<html>Please log in</html>');
  const cacheDir = join(folder, 'portal');
  await refused(verifyModel(MODEL, { reference: reference(), cacheDir }), 'UNSUPPORTED_FORMAT');
  answer = (_, response) => response.end(IMAGE);
  assert.ok((await verifyModel(MODEL, { reference: reference(), cacheDir })).ok);
});

images('offline, by the option or by the variable, nothing is asked for', async () => {
  await refused(
    readReferenceImage(url, folder, settings('x', true), undefined),
    'MODEL_NOT_CACHED',
    /image\.png/,
  );
  const { code, stderr } = await run(['model', 'verify', MODEL, '--reference', reference()], {
    env: { HF_HUB_OFFLINE: '1', HF_HOME: join(folder, 'offline') },
  });
  assert.is(code, 3, stderr);
  assert.match(stderr, /^error MODEL_NOT_CACHED: /);
  assert.is(asked, 0);
});

images('more than 16 MiB are not read to their end', async () => {
  answer = (_, response) => {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(MIB)));
      response.once('drain', more);
    };
    more();
  };
  await refused(readReferenceImage(url, folder, settings('x'), undefined), 'TOO_MANY_BYTES', /16777216/);
  answer = (_, response) => response.end(Buffer.alloc(16 * MIB));
  const { input } = await readReferenceImage(url, folder, settings('x'), undefined);
  assert.is((input as Uint8Array).length, 16 * MIB);
});

images('errors of the server and of the connection: HUB_UNREACHABLE', async () => {
  answer = (_, response) => response.writeHead(404).end();
  await refused(readReferenceImage(url, folder, settings('x'), undefined), 'HUB_UNREACHABLE', /HTTP 404/);
  answer = (request) => request.socket.destroy();
  await refused(readReferenceImage(url, folder, settings('x'), undefined), 'HUB_UNREACHABLE');
});

images('an abort before the answer or in its middle: ABORTED', async () => {
  for (const first of [undefined, IMAGE.subarray(0, 10)]) {
    const stop = new AbortController();
    answer = (_, response) => {
      if (first !== undefined) response.write(first);
      setImmediate(() => stop.abort());
    };
    await refused(readReferenceImage(url, folder, settings('x'), stop.signal), 'ABORTED');
  }
});

images('Ctrl-C while the image is on its way: 130', async () => {
  answer = () => undefined;
  const { child, ending } = start(['model', 'verify', MODEL, '--reference', reference()], {
    env: { HF_HUB_OFFLINE: '', HF_HOME: join(folder, 'interrupted') },
  });
  await until(() => asked > 0, 'the request');
  child.kill('SIGINT');
  const { code, stderr } = await ending;
  assert.is(code, 130, stderr);
  assert.match(stderr, /error INTERRUPTED: /);
});

images.after(() => {
  server.closeAllConnections();
  server.close();
  remove();
});
images.run();
