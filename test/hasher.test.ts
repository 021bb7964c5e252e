// Hashing in and off the calling thread.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { refused, settles } from './helpers/assertions.js';

const hasher = new Hasher();
const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-hasher-'));
const KIB = 1024;

function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Bytes that own their buffer, as the hasher wants them: it may move them away and hands them back. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}

const hashing = suite('Hasher');

hashing('the empty string has the known hash', async () => {
  const { sha256: hash } = await hasher.bytes(new Uint8Array(0));
  assert.is(hash, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});

hashing(
  'equals node:crypto around the size where the thread takes over, and hands the bytes back',
  async () => {
    for (const size of [1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 5000 * KIB + 7]) {
      const bytes = Buffer.alloc(size, `content ${size}`);
      for (const prefix of ['', 'raw:1x1x3\n']) {
        const reply = await hasher.bytes(own(bytes), prefix);
        assert.is(reply.sha256, sha256(prefix, bytes));
        assert.ok(bytes.equals(reply.bytes), `${size} bytes come back unchanged`);
      }
    }
  },
);

hashing('many at once do not mix', async () => {
  const inputs = Array.from({ length: 20 }, (_, i) => Buffer.alloc(300 * KIB, `input ${i}`));
  const replies = await Promise.all(inputs.map((input) => hasher.bytes(own(input))));
  for (const [i, input] of inputs.entries()) {
    assert.is(replies[i]!.sha256, sha256(input));
    assert.ok(input.equals(replies[i]!.bytes));
  }
});

hashing('files: hash and size; failures are replies', async () => {
  for (const size of [0, 1, 1024 * KIB, 1024 * KIB + 1, 2500 * KIB]) {
    const path = join(folder, `${size}`);
    const bytes = Buffer.alloc(size, 'file');
    writeFileSync(path, bytes);
    assert.equal(await hasher.file(path), { ok: true, sha256: sha256(bytes), size });
  }
  // The names that git itself gives to nothing and to "hello\n".
  const names = {
    '': 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391',
    'hello\n': 'ce013625030ba8dba906f756967f9e9ca394464a',
  };
  for (const [content, gitBlob] of Object.entries(names)) {
    const path = join(folder, 'git');
    writeFileSync(path, content);
    assert.equal(await hasher.file(path, true), {
      ok: true,
      sha256: sha256(content),
      size: content.length,
      gitBlob,
    });
  }
  const missing = await hasher.file(join(folder, 'missing'));
  assert.is(missing.ok, false);
  assert.is(!missing.ok && missing.errno, 'ENOENT');
  const directory = await hasher.file(folder);
  assert.is(!directory.ok && directory.errno, 'EISDIR');
});

hashing('close ends the thread, and is harmless when there is none', async () => {
  await settles(new Hasher().close(), 'close of an unused hasher');
  await settles(hasher.close(), 'close');
  await settles(hasher.close(), 'a second close');
  // A thread started now would keep the process alive.
  await refused(hasher.file(folder), 'CLOSED');
  for (const size of [1, 300 * KIB]) await refused(hasher.bytes(new Uint8Array(size)), 'CLOSED');
  rmSync(folder, { recursive: true });
});

hashing.run();
