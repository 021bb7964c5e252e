// semantic-vision embed: JSON lines, NumPy matrices, lists on standard input, files that cannot be used.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PassedOver } from '../dist/esm/cli/passed-over.js';
import { readable } from '../dist/esm/image/recognise/kinds.js';
import { SemanticVision } from '../dist/esm/index.js';
import { sameBits, until } from './helpers/assertions.js';
import { jsonLines, run, scratch } from './helpers/cli.js';
import { isRunning, noiseAvif, preloadVariables, startedDecoders } from './helpers/decoders.js';
import { ROOT, TINY_DIMENSIONS, TINY_MODEL, fixture, photo, photoNames } from './helpers/fixtures.js';

interface Line {
  id: string;
  imageHash: string;
  model: string;
  dimensions: number;
  vector: number[];
}

const embed = suite('cli embed');
const { folder, remove } = scratch();
const PHOTOS = join(ROOT, 'examples', 'photos');
const TINY = ['--model', TINY_MODEL, '--workers', '1', '--threads', '1'];
const names = photoNames.slice(0, 5);
const vision = await SemanticVision.create({ model: TINY_MODEL, workers: 1 });

async function expected(name: string): Promise<Float32Array> {
  return (await vision.embedImage(photo(name))).vector;
}

function readNpy(path: string): { header: string; shape: number[]; rows: Float32Array[] } {
  const bytes = readFileSync(path);
  assert.equal([...bytes.subarray(0, 8)], [0x93, ...Buffer.from('NUMPY'), 1, 0]);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, start);
  const shape = (/'shape': \((\d+), (\d+)\)/.exec(header) ?? []).slice(1).map(Number);
  const [n = 0, d = 0] = shape;
  assert.is(bytes.length, start + n * d * 4);
  const rows = Array.from({ length: n }, (_, i) =>
    Float32Array.from({ length: d }, (_, j) => bytes.readFloatLE(start + (i * d + j) * 4)),
  );
  return { header, shape, rows };
}

embed('prints a line for each file, in order, to the bit what the library gives', async () => {
  const { code, stdout, stderr } = await run(['embed', ...names.map((name) => `${name}.jpg`), ...TINY], {
    cwd: PHOTOS,
  });
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  const lines = jsonLines<Line>(stdout);
  assert.equal(
    lines.map(({ id }) => id),
    names.map((name) => `${name}.jpg`),
  );
  for (const [i, line] of lines.entries()) {
    assert.equal(Object.keys(line), ['id', 'imageHash', 'model', 'dimensions', 'vector']);
    assert.is(line.dimensions, TINY_DIMENSIONS);
    assert.is(line.model, vision.model.fingerprint);
    sameBits(Float32Array.from(line.vector), await expected(names[i]!), line.id);
  }
});

embed('the bundled model is the default', async () => {
  const { code, stdout, stderr } = await run(['embed', photo('two-dogs'), '--workers', '1']);
  assert.is(code, 0, stderr);
  assert.is(jsonLines<Line>(stdout)[0]?.dimensions, 768);
});

embed('a bad file is reported and left out, and the exit code is 1', async () => {
  const text = join(folder, 'not an image.txt');
  writeFileSync(text, 'not an image');
  const good = photo('two-dogs');
  const args = ['embed', join(folder, 'gone.jpg'), good, text, 'http://example.org/x.jpg', good, ...TINY];
  const { code, stdout, stderr } = await run(args);
  assert.is(code, 1, stderr);
  assert.equal(
    jsonLines<Line>(stdout).map(({ id }) => id),
    [good, good],
  );
  const errors = stderr.trimEnd().split('\n');
  assert.is(errors.length, 3, stderr);
  assert.match(errors[0]!, /^error INPUT_NOT_FOUND: .*gone\.jpg/);
  assert.match(errors[1]!, /^error UNSUPPORTED_FORMAT: .*not an image\.txt: /);
  assert.match(errors[2]!, /^error INVALID_ARGUMENT: /);

  const json = await run([...args, '--json', '--quiet']);
  assert.is(json.code, 1);
  assert.equal(jsonLines(json.stdout), jsonLines(stdout));
  assert.equal(
    jsonLines<{ error: { code: string; input: string } }>(json.stderr).map(({ error }) => [
      error.code,
      error.input,
    ]),
    [
      ['INPUT_NOT_FOUND', join(folder, 'gone.jpg')],
      ['UNSUPPORTED_FORMAT', text],
      ['INVALID_ARGUMENT', 'http://example.org/x.jpg'],
    ],
  );
});

embed('folders are walked', async () => {
  const root = join(folder, 'tree');
  mkdirSync(join(root, 'below', '.hidden'), { recursive: true });
  copyFileSync(photo('two-dogs'), join(root, 'a.JPG'));
  copyFileSync(photo('cat-face'), join(root, 'below', 'b.jpeg'));
  copyFileSync(photo('cat-face'), join(root, 'below', '.hidden', 'c.jpg'));
  writeFileSync(join(root, 'notes.txt'), 'left alone');
  const { code, stdout, stderr } = await run(['embed', 'tree', ...TINY], { cwd: folder });
  assert.is(code, 0, stderr);
  assert.is(stderr, 'Passed over: 1 not images.\n');
  assert.equal(
    jsonLines<Line>(stdout)
      .map(({ id }) => id)
      .sort(),
    [join('tree', 'a.JPG'), join('tree', 'below', 'b.jpeg')],
  );
});

embed('what is passed over in a folder is counted by kind', async () => {
  const root = join(folder, 'mixed');
  mkdirSync(root);
  copyFileSync(fixture('cases/jpeg-named.heic'), join(root, 'a.heic'));
  writeFileSync(join(root, 'notes.txt'), 'left alone, and counted');
  const clean = await run(['embed', root, ...TINY]);
  assert.is(clean.code, 0, clean.stderr);
  assert.is(jsonLines(clean.stdout).length, 1);
  assert.is(clean.stderr, 'Passed over: 1 not images.\n');

  copyFileSync(fixture('cases/raw-cr2-like.cr2'), join(root, 'b.cr2'));
  const lines = await run(['embed', root, '--json', ...TINY]);
  assert.is(lines.code, 1);
  assert.is(jsonLines(lines.stdout).length, 1);
  const [failure, passed] = jsonLines<{ error?: { input: string }; passedOver?: object }>(lines.stderr);
  assert.is(failure?.error?.input, join(root, 'b.cr2'));
  assert.equal(passed, { passedOver: { 'RAW (CR2)': 1, 'not images': 1 } });

  const path = join(folder, 'mixed.npy');
  const matrix = await run(['embed', root, '-o', path, '--json', ...TINY]);
  const document = JSON.parse(matrix.stdout) as { rows: number; passedOver: object };
  assert.equal([document.rows, document.passedOver], [1, { 'RAW (CR2)': 1, 'not images': 1 }]);
  assert.is(jsonLines(matrix.stderr).length, 1);
  const quiet = await run(['embed', root, '--quiet', ...TINY]);
  assert.not.match(quiet.stderr, /Passed over/);
});

embed(
  'a file counts once for the bar, and what is not read of a readable format is named for that',
  async () => {
    const passedOver = new PassedOver();
    // A text, a text named .jpg, and a TIFF that no decoder is right for.
    passedOver.add(undefined, false);
    passedOver.add(undefined, true);
    passedOver.add(readable('tiff'), true);
    passedOver.add(readable('heic'), true);
    passedOver.addIrregular('links to nothing');
    assert.is(passedOver.silent, 1, 'the others are counted as failed');
    assert.is(
      passedOver.toString(),
      '1 TIFF (of a structure that is not read), 1 HEIC, 1 links to nothing, 2 not images',
    );

    const root = join(folder, 'irregular');
    mkdirSync(root);
    copyFileSync(photo('two-dogs'), join(root, 'a.jpg'));
    symlinkSync('nowhere', join(root, 'gone.jpg'));
    symlinkSync('nowhere', join(root, 'gone'));
    const { code, stdout, stderr } = await run(['embed', root, '--json', ...TINY]);
    assert.is(code, 1, stderr);
    assert.is(jsonLines(stdout).length, 1);
    const [failure, passed] = jsonLines<{ error?: { code: string; input: string } }>(stderr);
    assert.equal([failure?.error?.code, failure?.error?.input], ['INPUT_NOT_FOUND', join(root, 'gone.jpg')]);
    assert.equal(passed, { passedOver: { 'links to nothing': 1 } });
  },
);

embed('a file that ends its decoder ends neither the command nor the others', async () => {
  const root = join(folder, 'crash');
  mkdirSync(root);
  copyFileSync(photo('two-dogs'), join(root, 'a.jpg'));
  copyFileSync(photo('cat-face'), join(root, 'z.jpg'));
  const fatal = await noiseAvif(7);
  writeFileSync(join(root, 'fatal.avif'), fatal);
  const env = preloadVariables({ [createHash('sha256').update(fatal).digest('hex')]: { kind: 'exit' } });
  const lines = await run(['embed', root, '--json', ...TINY], { env });
  const stored = join(folder, 'crash-index');
  const built = await run(['index', 'build', root, '-o', stored, '--json', ...TINY], { env });
  for (const { code, stderr } of [lines, built]) {
    assert.is(code, 1, stderr);
    const [failure] = jsonLines<{ error: { code: string; input: string } }>(stderr);
    assert.equal([failure?.error.code, failure?.error.input], ['DECODER_CRASHED', join(root, 'fatal.avif')]);
  }
  assert.is(jsonLines(lines.stdout).length, 2);
  assert.is((JSON.parse(built.stdout) as { entries: number }).entries, 2);
  await until(
    () => startedDecoders(env.DECODER_PIDS).every((pid) => !isRunning(pid)),
    'the end of the children',
  );
});

embed('- reads paths from standard input, by line or by NUL', async () => {
  const odd = join(folder, 'with\nline break.jpg');
  copyFileSync(photo('cat-face'), odd);
  const files = [photo('two-dogs'), odd, photo('coffee-cup')];
  const ids = (stdout: string) => jsonLines<Line>(stdout).map(({ id }) => id);

  const byNull = await run(['embed', '-0', '-', ...TINY], { stdin: files.join('\0') });
  assert.is(byNull.code, 0, byNull.stderr);
  assert.equal(ids(byNull.stdout), files);

  const lines = [photo('two-dogs'), '', photo('coffee-cup'), ''].join('\n');
  const byLine = await run(['embed', photo('astronaut'), '-', ...TINY], { stdin: lines });
  assert.is(byLine.code, 0, byLine.stderr);
  assert.equal(ids(byLine.stdout), [photo('astronaut'), photo('two-dogs'), photo('coffee-cup')]);

  assert.equal(await run(['embed', '-', ...TINY]), { code: 0, signal: null, stdout: '', stderr: '' });
});

embed('--output writes a NumPy matrix, and the ids beside it', async () => {
  const path = join(folder, 'x.npy');
  const files = [...names.map(photo), join(folder, 'gone.jpg')];
  const { code, stdout, stderr } = await run(['embed', ...files, '--output', path, '--json', ...TINY]);
  assert.is(code, 1, stderr);
  const ids = join(folder, 'x.ids.jsonl');
  assert.equal(JSON.parse(stdout), {
    output: path,
    ids,
    rows: names.length,
    dimensions: TINY_DIMENSIONS,
    passedOver: {},
  });

  const { header, shape, rows } = readNpy(path);
  assert.match(header, /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(5, 96\), \} *\n$/);
  assert.equal(shape, [names.length, TINY_DIMENSIONS]);
  for (const [i, row] of rows.entries()) sameBits(row, await expected(names[i]!), names[i]);
  assert.equal(
    jsonLines<{ id: string }>(readFileSync(ids, 'utf8')).map(({ id }) => id),
    names.map(photo),
  );
  assert.equal(
    readdirSync(folder).filter((name) => name.endsWith('.tmp')),
    [],
  );
});

embed('NumPy reads it', async () => {
  try {
    execFileSync('python3', ['-c', 'import numpy'], { stdio: 'ignore' });
  } catch {
    console.log('skipped: no NumPy here');
    return;
  }
  const path = join(folder, 'numpy.npy');
  await run(['embed', ...names.map(photo), '-o', path, ...TINY]);
  const script = `import numpy, sys; a = numpy.load(sys.argv[1]); print(a.dtype, a.shape, a.flags.c_contiguous, abs((a * a).sum(1) - 1).max() < 1e-5)`;
  const told = execFileSync('python3', ['-c', script, path], { encoding: 'utf8' });
  assert.is(told, 'float32 (5, 96) True True\n');
});

embed('as many files as a shell makes of *.jpg', async () => {
  // ONNX Runtime's telemetry overflowed its stack on a command line of this length: see src/cli/main.ts.
  const files = Array.from({ length: 600 }, (_, i) =>
    join(folder, `of a glob that matches many files ${i}.jpg`),
  );
  const { code, signal, stdout } = await run(['embed', ...files, photo('two-dogs'), ...TINY]);
  assert.is(signal, null);
  assert.is(code, 1);
  assert.is(jsonLines(stdout).length, 1);
});

embed('no files at all give an empty matrix', async () => {
  const path = join(folder, 'empty.npy');
  const { code, stdout } = await run(['embed', '-', '-o', path, ...TINY]);
  assert.is(code, 0);
  assert.match(stdout, /^\S+empty\.npy: 0 x 96 float32/);
  assert.equal(readNpy(path).shape, [0, TINY_DIMENSIONS]);
});

embed('a matrix is not replaced by one without rows', async () => {
  const path = join(folder, 'kept.npy');
  const ids = join(folder, 'kept.ids.jsonl');
  await run(['embed', photo('two-dogs'), '-o', path, ...TINY]);
  const kept = [readFileSync(path), readFileSync(ids)];
  const gone = await run(['embed', join(folder, 'gone.jpg'), '-o', path, ...TINY]);
  assert.is(gone.code, 1);
  assert.is(gone.stdout, '');
  assert.match(gone.stderr, /kept\.npy is as it was/);
  const none = await run(['embed', '-', '-o', path, '--json', ...TINY]);
  assert.is(none.code, 0);
  assert.equal(JSON.parse(none.stdout), {
    output: null,
    ids: null,
    rows: 0,
    dimensions: TINY_DIMENSIONS,
    passedOver: {},
  });
  assert.equal([readFileSync(path), readFileSync(ids)], kept);
  assert.equal(
    readdirSync(folder).filter((name) => name.endsWith('.tmp')),
    [],
  );
});

embed.after(async () => {
  remove();
  await vision.close();
});
embed.run();
