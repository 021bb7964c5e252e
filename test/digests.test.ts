// Digests of large files: read once, known afterwards, and never known of a file that may have changed.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SemanticVision, modelInfo, pullModel, verifyModel } from '../dist/esm/index.js';
import { Digests, digestsFor, isTelling } from '../dist/esm/models/digests.js';
import type { HashReply } from '../dist/esm/pool/hash-worker.js';
import { refused, until } from './helpers/assertions.js';
import { CountingHasher, LARGE, digestsIn, forge, later, recordsIn } from './helpers/digests.js';
import { ROOT } from './helpers/fixtures.js';
import { largeModel, scratchFolder } from './helpers/prepared.js';

const OLD = new Date(1_700_000_000_500);
const hasher = new CountingHasher();
let assets = '';
let file = '';

/** Bytes of a large file that differ from seed to seed. */
function content(seed: number): Buffer {
  return Buffer.alloc(LARGE, `content ${seed} `);
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @returns how often the file was read for it, and that the answer is right */
async function reads(digests = digestsIn(hasher, assets), path = file): Promise<number> {
  hasher.read = [];
  const reply = await digests.file(path);
  const bytes = readFileSync(path);
  assert.equal(reply, { ok: true, sha256: sha256Of(bytes), size: bytes.length });
  return hasher.read.length;
}

const digests = suite('digests');

digests.before.each(() => {
  assets = scratchFolder();
  file = join(scratchFolder(), 'model.onnx');
  writeFileSync(file, content(1));
  // A time that can be put back exactly.
  utimesSync(file, OLD, OLD);
});

digests('a large file is read once; a known one leaves every record as it is', async () => {
  assert.equal([await reads(), await reads(), await reads()], [1, 0, 0]);
  const [record] = recordsIn(assets);
  const { mtimeNs, ino } = statSync(record!, { bigint: true });
  assert.is(await reads(), 0);
  const after = statSync(record!, { bigint: true });
  assert.equal([after.mtimeNs, after.ino], [mtimeNs, ino]);
  assert.ok(after.size < 1000n);
});

digests('small files are read every time, and leave nothing', async () => {
  truncateSync(file, 8 * 2 ** 20 - 1);
  assert.equal([await reads(), await reads()], [1, 1]);
  assert.not(existsSync(join(assets, 'digests')));
});

digests('without a place to keep them every file is read', async () => {
  const plain = new Digests(hasher);
  assert.equal([await reads(plain), await reads(plain)], [1, 1]);
});

const changes: [string, () => void][] = [
  ['other content of the same size', () => writeFileSync(file, content(2))],
  [
    'one byte changed, and the time put back',
    () => {
      const bytes = readFileSync(file);
      bytes[LARGE / 2]! ^= 1;
      writeFileSync(file, bytes);
      utimesSync(file, OLD, OLD);
    },
  ],
  ['a longer file', () => appendFileSync(file, 'x')],
  ['a shorter file', () => truncateSync(file, LARGE - 1)],
  [
    'another file under its name, of the same time',
    () => {
      writeFileSync(`${file}.new`, content(3));
      utimesSync(`${file}.new`, OLD, OLD);
      renameSync(`${file}.new`, file);
    },
  ],
  ['nothing but the time', () => utimesSync(file, new Date(), new Date())],
  ['nothing but the permissions', () => chmodSync(file, 0o600)],
  ['a second name', () => linkSync(file, `${file}.link`)],
];
for (const [title, change] of changes) {
  digests(`${title}: read again, once`, async () => {
    assert.is(await reads(), 1);
    change();
    assert.equal([await reads(), await reads()], [1, 0]);
  });
}

digests('symbolic links and copies: the file counts, not its name', async () => {
  const link = join(dirname(file), 'link.onnx');
  symlinkSync(file, link);
  const all = digestsIn(hasher, assets);
  assert.equal([await reads(all, link), await reads(all), await reads(all, link)], [1, 0, 0]);
  const copy = join(dirname(file), 'copy.onnx');
  copyFileSync(file, copy);
  rmSync(link);
  symlinkSync(copy, link);
  assert.equal([await reads(all, link), await reads(all, copy), await reads(all)], [1, 0, 0]);
});

digests(
  'a file that has just been written is not known: the clock may still be at the same step',
  async () => {
    const now = new Digests(hasher, assets);
    assert.equal([await reads(now), await reads(now)], [1, 1]);
    assert.not(existsSync(join(assets, 'digests')));
    // With the clock of tomorrow it is old; with that of yesterday it comes from the future.
    const yesterday = new Digests(hasher, assets, { now: () => Date.now() - 86_400_000 });
    assert.equal(
      [await reads(yesterday), await reads(yesterday), await reads(), await reads()],
      [1, 1, 1, 0],
    );
  },
);

digests('times that tell: old enough, and finer than a second', () => {
  const now = 1_800_000_000_000;
  const at = (ms: number, ns = 1) => String(BigInt(now + ms) * 1_000_000n + BigInt(ns));
  const tells = (modified: string, changed: string) => isTelling({ modified, changed }, now);
  assert.ok(tells(at(-2001), at(-2001)));
  assert.ok(tells(at(-2000, 0), at(-9000)));
  assert.not(tells(at(-1999), at(-9000)));
  assert.not(tells(at(-9000), at(-1999)));
  assert.not(tells(at(1), at(1)));
  // What FAT, an ISO image and a reproducible build have.
  assert.not(tells(at(-10_000, 0), at(-10_000, 0)));
  assert.not(tells('0', '1000000000'));
  // A package unpacked with its times, on a file system that has a time of state.
  assert.ok(tells('1000000000', at(-10_000, 5)));
});

digests('a file that changes while it is read is not known', async () => {
  class Meddler extends CountingHasher {
    change: () => void = () => undefined;
    override async file(path: string): Promise<HashReply> {
      const reply = await super.file(path);
      this.change();
      return reply;
    }
  }
  const meddler = new Meddler();
  for (const change of [
    () => writeFileSync(file, content(5)),
    () => utimesSync(file, OLD, OLD),
    () => rmSync(file),
  ]) {
    writeFileSync(file, content(4));
    const before = readFileSync(file);
    meddler.change = change;
    const reply = await digestsIn(meddler, assets).file(file);
    assert.ok(reply.ok && reply.sha256 === sha256Of(before));
    assert.not(existsSync(join(assets, 'digests')));
  }
  await meddler.close();
});

digests('what is to be checked is read, and what was found is known afterwards', async () => {
  await reads();
  const [record] = recordsIn(assets);
  const truth = readFileSync(record!, 'utf8');
  // As if a bit had rotted: nothing shows it.
  forge(record!, 'f'.repeat(64));
  assert.is(((await digestsIn(hasher, assets).file(file)) as { sha256: string }).sha256, 'f'.repeat(64));
  hasher.read = [];
  assert.is((await digestsIn(hasher, assets).read(file)).ok, true);
  assert.is(hasher.read.length, 1);
  assert.equal([await reads(digestsIn(hasher, assets, false)), await reads()], [1, 0]);
  assert.is(readFileSync(record!, 'utf8'), truth);
  assert.match(JSON.stringify(await digestsIn(hasher, assets).read(file, true)), /"gitBlob":"[0-9a-f]{40}"/);
});

const damages: [string, (record: string) => void][] = [
  ['empty', (record) => writeFileSync(record, '')],
  ['cut', (record) => truncateSync(record, 100)],
  ['zeros', (record) => writeFileSync(record, Buffer.alloc(statSync(record).size))],
  ['no JSON', (record) => writeFileSync(record, 'not ours')],
  ['null', (record) => writeFileSync(record, 'null\n')],
  ['a list', (record) => writeFileSync(record, '[]\n')],
  ['no digest', (record) => writeFileSync(record, '{"sha256":"ABC"}\n')],
  ...(
    [
      ['another digest', /"sha256":"../, '"sha256":"00'],
      ['another format', '"format":1', '"format":2'],
      ['another size', /"bytes":"9/, '"bytes":"8'],
      ['another inode', /"inode":"/, '"inode":"1'],
      ['another check', /"check":"../, '"check":"00'],
    ] as [string, string | RegExp, string][]
  ).map(([title, from, to]): [string, (record: string) => void] => [
    title,
    (record) => {
      const before = readFileSync(record, 'utf8');
      const after = before.replace(from, to);
      assert.is.not(after, before);
      writeFileSync(record, after);
    },
  ]),
];
for (const [title, damage] of damages) {
  digests(
    `a record that is damaged or foreign (${title}): the file is read, and the record mended`,
    async () => {
      await reads();
      damage(recordsIn(assets)[0]!);
      assert.equal([await reads(), await reads()], [1, 0]);
      assert.is(recordsIn(assets).length, 1);
    },
  );
}

digests('the record of another file, and a folder in its place', async () => {
  const other = `${file}.other`;
  writeFileSync(other, content(6));
  await reads();
  const [first] = recordsIn(assets);
  await reads(digestsIn(hasher, assets), other);
  const second = recordsIn(assets).find((record) => record !== first);
  copyFileSync(first!, second!);
  assert.equal([await reads(digestsIn(hasher, assets), other), await reads()], [1, 0]);
  rmSync(second!);
  mkdirSync(second!);
  const again = digestsIn(hasher, assets);
  assert.equal([await reads(again, other), await reads(again, other), await reads()], [1, 1, 0]);
  assert.equal(recordsIn(assets).sort(), [first!, second!].sort(), 'nothing beside them');
});

digests('a place that is no folder, or cannot be written: read every time, and no error', async () => {
  const inFile = join(file, 'semantic-vision');
  for (const place of [inFile, '/dev/null/semantic-vision']) {
    const all = digestsIn(hasher, place);
    assert.equal([await reads(all), await reads(all)], [1, 1], place);
  }
});

digests('a folder that is read-only: what it knows is believed, nothing is added', async () => {
  const other = `${file}.other`;
  writeFileSync(other, content(7));
  await reads();
  const folder = join(assets, 'digests');
  for (const path of [assets, dirname(file)]) chmodSync(path, 0o755);
  chmodSync(folder, 0o555);
  // Root may write everywhere, so be nobody meanwhile.
  const root = process.getuid?.() === 0;
  if (root) process.seteuid?.(65534);
  try {
    const all = digestsIn(hasher, assets);
    assert.equal([await reads(all), await reads(all, other), await reads(all, other)], [0, 1, 1]);
    assert.is(readdirSync(folder).length, 1);
  } finally {
    if (root) process.seteuid?.(0);
    chmodSync(folder, 0o755);
  }
});

const dist = (path: string) => JSON.stringify(join(ROOT, 'dist', 'esm', path));
const program = (body: string) => `import { Digests } from ${dist('models/digests.js')};
  import { Hasher } from ${dist('pool/hasher.js')};
  const hasher = new Hasher();
  const options = { now: () => Date.now() + 10_000, believe: false };
  const digests = new Digests(hasher, ${JSON.stringify(assets)}, options);
  ${body}
  await hasher.close();`;

digests('a full disk: read every time, no error, nothing left', () => {
  if (process.platform === 'win32') return;
  const body = `console.log((await digests.file(${JSON.stringify(file)})).sha256);`;
  const node = [process.execPath, '--input-type=module', '-e', program(body)];
  const { stdout, stderr } = spawnSync('sh', ['-c', 'ulimit -f 0; exec "$0" "$@"', ...node], {
    encoding: 'utf8',
  });
  assert.is(stdout, `${sha256Of(content(1))}\n`, stderr);
  assert.equal(readdirSync(join(assets, 'digests')), []);
});

digests('many processes that write the same records: each of them is whole at any moment', async () => {
  const files = [1, 2, 3].map((seed) => `${file}.${seed}`);
  files.forEach((path, seed) => writeFileSync(path, content(seed)));
  const body = `for (let i = 0; i < 25; i++)
    await Promise.all(${JSON.stringify(files)}.map((path) => digests.file(path)));`;
  const children = [1, 2, 3].map(() =>
    spawn(process.execPath, ['--input-type=module', '-e', program(body)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    }),
  );
  const errors = children.map((child) => text(child.stderr));
  const ended = children.map((child) => once(child, 'exit') as Promise<[number]>);
  const hashes = files.map((path) => sha256Of(readFileSync(path)));
  const state = { running: true };
  let looks = 0;
  void Promise.all(ended).then(() => (state.running = false));
  while (state.running) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (!existsSync(join(assets, 'digests'))) continue;
    for (const record of recordsIn(assets).filter((path) => path.endsWith('.json'))) {
      const { sha256, check } = JSON.parse(readFileSync(record, 'utf8')) as Record<string, string>;
      assert.ok(hashes.includes(sha256!) && check?.length === 64);
      looks++;
    }
  }
  assert.equal(await Promise.all(errors), ['', '', '']);
  for (const [code] of await Promise.all(ended)) assert.is(code, 0);
  assert.ok(looks > 100);
  assert.is(recordsIn(assets).length, 3, 'and nothing is left beside them');
  for (const path of files) assert.is(await reads(digestsIn(hasher, assets), path), 0);
});

digests(
  'their number is bounded: the oldest go, and what killed writers left; what is not ours stays',
  async () => {
    const folder = join(assets, 'digests');
    mkdirSync(folder);
    const name = (i: number) => `${i.toString(16).padStart(32, '0')}.json`;
    const write = (path: string, days: number) => {
      writeFileSync(join(folder, path), '{}');
      utimesSync(join(folder, path), Date.now() / 1000, Date.now() / 1000 - days * 86_400);
    };
    for (let i = 1; i <= 300; i++) write(name(i), i);
    write(`${name(1)}.0123456789ab.tmp`, 400);
    write('notes.json', 500);
    await reads();
    assert.is(await reads(), 0);
    const left = readdirSync(folder);
    assert.is(left.length, 256 + 1);
    assert.ok(left.includes('notes.json') && left.includes(name(255)) && !left.includes(name(256)));
  },
);

digests('a user without a home: every file is read', async () => {
  const { homedir } = os;
  const { env } = process;
  process.env = { PATH: env.PATH };
  os.homedir = () => {
    throw new Error('no such user');
  };
  syncBuiltinESMExports();
  try {
    const homeless = digestsFor(hasher, {}, { now: later });
    assert.equal([await reads(homeless), await reads(homeless)], [1, 1]);
    const placed = digestsFor(hasher, { cacheDir: assets }, { now: later });
    assert.equal([await reads(placed), await reads(placed)], [1, 0]);
  } finally {
    process.env = env;
    os.homedir = homedir;
    syncBuiltinESMExports();
  }
});

digests('a file that cannot be read, and a closed hasher', async () => {
  const all = digestsIn(hasher, assets);
  for (const path of [`${file}.none`, dirname(file), join(file, 'below'), 'a\0b']) {
    const [known, read] = [await all.file(path), await hasher.file(path)];
    assert.equal(known, read, path);
    assert.is(known.ok, false);
  }
  const closed = new CountingHasher();
  await closed.close();
  await refused(digestsIn(closed, assets).file(file), 'CLOSED');
});

digests.after(() => hasher.close());
digests.run();

const callers = suite('who believes a digest');

callers('create and modelInfo do; pullModel and verifyModel read, and say what they found', async () => {
  const model = largeModel();
  const cacheDir = scratchFolder();
  const place = join(cacheDir, 'semantic-vision');
  const options = { model, cacheDir, workers: 1, text: false };
  const fingerprint = async () => {
    const vision = await SemanticVision.create(options);
    await vision.close();
    assert.is((await modelInfo(model, { cacheDir, text: false })).fingerprint, vision.model.fingerprint);
    return vision.model.fingerprint;
  };
  const { mtimeMs } = statSync(join(model, 'onnx', 'vision_model.onnx'));
  await until(() => Date.now() > mtimeMs + 2100, 'the model to be old enough');
  const first = await fingerprint();
  const [record] = recordsIn(place);
  assert.is(recordsIn(place).length, 1);
  assert.match(readFileSync(record!, 'utf8'), new RegExp(basename(model)));
  assert.is(await fingerprint(), first);
  for (const check of [pullModel, verifyModel]) {
    forge(record!, 'e'.repeat(64));
    assert.is.not(await fingerprint(), first);
    await check(model, { cacheDir, text: false });
    assert.is(await fingerprint(), first);
  }
});

callers('the bundled model is read every time, and nothing is written for it', async () => {
  const cacheDir = scratchFolder();
  const vision = await SemanticVision.create({ cacheDir, workers: 1 });
  await vision.close();
  assert.equal(readdirSync(cacheDir), []);
});

callers('a hub that cannot be one does not matter to a model that does not come from it', async () => {
  process.env.HF_ENDPOINT = 'no URL';
  try {
    const vision = await SemanticVision.create({
      model: largeModel(),
      cacheDir: scratchFolder(),
      workers: 1,
    });
    assert.equal(vision.stats().weights.image, { shared: true });
    await vision.close();
  } finally {
    delete process.env.HF_ENDPOINT;
  }
});

callers.run();
