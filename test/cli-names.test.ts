// Names of files that are no UTF-8, or hold line breaks and escape sequences: embedded, indexed and found like any other, exact
// for programs, harmless for terminals.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesOf, forLibrary, forSystem, holdsBytes, textOf } from '../dist/esm/cli/names.js';
import { json, printable } from '../dist/esm/cli/printable.js';
import { ProgressBar } from '../dist/esm/cli/progress.js';
import { COMMAND, jsonLines, run, scratch, type Ending } from './helpers/cli.js';
import { TINY_MODEL, photo } from './helpers/fixtures.js';

const names = suite('cli names');
const { folder, remove } = scratch();
const TINY = ['--model', TINY_MODEL];
// eslint-disable-next-line no-control-regex -- what must not reach a terminal
const HARMFUL = /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/;

const latin1 = (name: string) => Buffer.from(name, 'latin1');
const ODD: Record<string, Buffer> = {
  // As programs of another time and place wrote "é".
  'latin-1': latin1('caf\u00E9.jpg'),
  'a byte beside letters beyond the plane': Buffer.concat([Buffer.from('\u{1F600}'), latin1('\u00FF.jpg')]),
  // Half a pair, as no UTF-8 may hold it.
  surrogate: latin1('\u00ED\u00B3\u00BF.jpg'),
  'line break': Buffer.from('two\nlines\r.jpg'),
  escape: Buffer.from('\u001B[2J\u001B]0;title\u0007.jpg'),
  'control of 8 bits': Buffer.from('\u009B31m.jpg'),
  'right to left': Buffer.from('photo\u202Egpj.exe.jpg'),
  separators: Buffer.from('a\u2028b\u2029.jpg'),
  'a URL': Buffer.from('data:image.jpg'),
  quotes: Buffer.from('"\'\\ $(x).jpg'),
};
const odd = join(folder, 'odd');
const inLatin1 = latin1('d\u00FCr');
const rooted = (...parts: Buffer[]) =>
  Buffer.concat([Buffer.from(odd), ...parts.flatMap((part) => [Buffer.from('/'), part])]);
let skipped = false;
mkdirSync(odd);
try {
  mkdirSync(rooted(inLatin1));
} catch {
  skipped = true; // a file system whose names are UTF-8
}
const files = skipped
  ? Object.values(ODD).filter((name) => !holdsBytes(textOf(name)))
  : [...Object.values(ODD), Buffer.concat([inLatin1, Buffer.from('/x.jpg')])];
for (const file of files) copyFileSync(photo('two-dogs'), rooted(file));
const ids = files.map(textOf).sort();

function harmless({ stdout, stderr }: Pick<Ending, 'stdout' | 'stderr'>): void {
  assert.not.match(stdout, HARMFUL);
  assert.not.match(stderr, HARMFUL);
}

// Arguments of Node's child processes are text; a shell passes bytes on.
function shell(command: string, cwd = odd): Pick<Ending, 'stdout' | 'stderr'> {
  const script = `semantic_vision() { "${process.execPath}" "${COMMAND}" "$@" 2>&1; }; ${command}`;
  return { stdout: execFileSync('sh', ['-c', script], { cwd, encoding: 'utf8' }), stderr: '' };
}

names('bytes become text and bytes again, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      assert.equal([...bytesOf(textOf(bytes))], [...bytes]);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const bytes = Buffer.from(text);
      assert.is(textOf(bytes), bytes.toString());
      assert.not(holdsBytes(textOf(bytes)));
    }),
  );
  const python = (bytes: number[]) => textOf(Uint8Array.from(bytes));
  assert.is(python([0x61, 0xff]), 'a\uDCFF');
  // Cut short, overlong, a surrogate, beyond the last plane: none is UTF-8, and each byte stands for itself.
  for (const bytes of [
    [0xf0, 0x9f, 0x98],
    [0xc0, 0xaf],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
  ])
    assert.is(python(bytes), String.fromCharCode(...bytes.map((byte) => 0xdc00 + byte)));
});

names('the text is the one that Python gives, as the documentation says', () => {
  try {
    execFileSync('python3', ['--version']);
  } catch {
    console.log('skipped: no python3 here');
    return;
  }
  const program = `import json, os, sys
for line in sys.stdin: print(json.dumps(os.fsencode(json.loads(line)).hex()))`;
  const input = files.map((file) => json(textOf(file))).join('\n');
  const told = execFileSync('python3', ['-c', program], {
    input,
    encoding: 'utf8',
    env: { ...process.env, PYTHONUTF8: '1' },
  });
  assert.equal(
    jsonLines<string>(told),
    files.map((file) => file.toString('hex')),
  );
});

names('what opens a file is text where that says it, else bytes or a URL of bytes', () => {
  assert.is(forSystem('\u00E9.jpg'), '\u00E9.jpg');
  assert.equal(forSystem('\uDCE9.jpg'), latin1('\u00E9.jpg'));
  assert.is(forLibrary('a b.jpg'), 'a b.jpg');
  assert.is(String(forLibrary('/a b/%\uDCE9?#.jpg')), 'file:///a%20b/%25%e9%3f%23.jpg');
});

names('for people each is one line without a control character; JSON is exact', () => {
  for (const text of [...Object.values(ODD).map(textOf), '\uD800', '\u200E\u200F\u061C']) {
    assert.not.match(printable(text), /\p{Cc}|\p{Bidi_Control}|[\u2028\u2029\uD800-\uDFFF]/u);
    assert.is(printable(printable(text)), printable(text));
    assert.is(JSON.parse(json(text)), text);
    assert.equal(JSON.parse(json({ [text]: [text] }, 2)), { [text]: [text] });
  }
  assert.is(printable('a\uDCFFb\uDC80'), 'a\\xffb\\x80');
  assert.is(printable('photo\u202Egpj.exe'), 'photo\\u202egpj.exe');
  assert.is(json('\u007F\u009B\u202E\u2028'), '"\\u007f\\u009b\\u202e\\u2028"');
  const kept = 'ä 日本 \u{1F600} שלום';
  assert.equal([printable(kept), json(kept)], [kept, `"${kept}"`]);
});

names('a file that a server has named does nothing to the progress bar', () => {
  let drawn = '';
  const terminal = { columns: 200, write: (text: string) => (drawn += text) };
  new ProgressBar(terminal, { label: 'x', unit: 'bytes', color: false }).update(1, 2, 'a\u001B[2J\n.onnx');
  assert.match(drawn, /a\\u001b\[2J\\n\.onnx$/);
});

names('index build takes them all, knows them again, and finds them', async () => {
  const index = join(folder, 'index');
  const build = ['index', 'build', odd, '-o', index, ...TINY];
  const first = await run(build);
  assert.is(first.code, 0, first.stderr);
  assert.match(first.stdout, `${ids.length} added`);
  harmless(first);
  const again = JSON.parse((await run([...build, '--json', '--prune'])).stdout) as Record<string, number>;
  assert.equal([again.unchanged, again.added, again.removed, again.failed], [ids.length, 0, 0, 0]);

  const search = ['index', 'search', photo('two-dogs'), '-i', index, '-k', '50'];
  const json = JSON.parse((await run([...search, '--json'])).stdout) as { results: { id: string }[] };
  assert.equal(json.results.map(({ id }) => id).sort(), ids);
  const human = await run(search);
  harmless(human);
  assert.equal(human.stdout.trimEnd().split('\n').sort(), ids.map((id) => `1.0000  ${printable(id)}`).sort());
});

names('embed takes them from folders, from lists, and from a shell', async () => {
  const walked = await run(['embed', odd, ...TINY]);
  assert.is(walked.code, 0, walked.stderr);
  harmless(walked);
  const idsOf = ({ stdout }: { stdout: string }) => jsonLines<{ id: string }>(stdout).map(({ id }) => id);
  assert.equal(idsOf(walked).sort(), ids.map((id) => join(odd, id)).sort());

  const inside = await run(['embed', '.', ...TINY], { cwd: odd });
  assert.equal([inside.code, idsOf(inside).sort()], [0, ids], inside.stderr);

  const listed = shell(`find . -type f -print0 | semantic_vision embed -0 - --model "${TINY_MODEL}"`);
  assert.equal(idsOf(listed).sort(), ids.map((id) => `./${id}`).sort(), listed.stdout);
  // Linux keeps what Node loses of the arguments.
  const expected = ids.filter((id) => !id.includes('/') && (!holdsBytes(id) || process.platform === 'linux'));
  const named = shell(`semantic_vision embed *.jpg --model "${TINY_MODEL}"`);
  harmless(named);
  if (process.platform === 'linux') assert.equal(idsOf(named).sort(), expected);

  const path = join(folder, 'x.npy');
  const matrix = await run(['embed', odd, '-o', path, ...TINY]);
  assert.is(matrix.code, 0, matrix.stderr);
  const rows = jsonLines<{ id: string }>(readFileSync(join(folder, 'x.ids.jsonl'), 'utf8'));
  assert.equal(rows.map(({ id }) => id).sort(), ids.map((id) => join(odd, id)).sort());
});

names('what is wrong with one is told by its name', async () => {
  const broken = join(folder, 'broken');
  mkdirSync(broken);
  const all = files.filter((file) => !file.includes('/'));
  for (const file of all)
    writeFileSync(Buffer.concat([Buffer.from(`${broken}/`), file]), 'no image at all, but text');
  for (const args of [
    ['embed', broken, ...TINY],
    ['index', 'build', broken, '-o', join(folder, 'none'), ...TINY],
  ]) {
    const human = await run(args);
    assert.is(human.code, 1);
    harmless(human);
    const errors = human.stderr.split('\n').filter((line) => line.startsWith('error '));
    for (const file of all) {
      const name = printable(textOf(file));
      assert.is(
        errors.filter((line) => line.startsWith(`error UNSUPPORTED_FORMAT: ${broken}/${name}: `)).length,
        1,
        name,
      );
    }
    const { stderr } = await run([...args, '--json']);
    const told = jsonLines<{ error?: { input: string } }>(stderr).flatMap(({ error }) => error?.input ?? []);
    assert.equal(told.sort(), all.map((file) => join(broken, textOf(file))).sort());
  }
  // The names that were refused, and the name of a folder that is not there.
  const gone = await run(['index', 'build', 'gone\u001B[2J\n', '-o', join(folder, 'none')]);
  assert.is(gone.code, 1);
  harmless(gone);
  assert.match(gone.stderr, /^error INPUT_NOT_FOUND: [^\n]*gone\\u001b\[2J\\n[^\n]*\n$/);
  const debug = await run(['index', 'build', 'gone\u001B[2J', '-o', 'x'], {
    env: { NODE_DEBUG: 'semantic-vision' },
  });
  harmless(debug);
});

names('named ones: an image to classify, a query, and what may only be text', () => {
  if (skipped || process.platform !== 'linux') {
    console.log('skipped: no such names here');
    return;
  }
  const name = `"$(printf 'caf\\351.jpg')"`;
  const tiny = `--model "${TINY_MODEL}"`;
  const told = (command: string) => {
    const shown = shell(`semantic_vision ${command} || true`);
    harmless(shown);
    return shown.stdout;
  };
  const index = join(folder, 'index');
  assert.match(told(`classify ${name} -l cat,dog`), /^PROBABILITY/);
  assert.match(told(`index search ${name} -i "${index}" -k 1`), /^1\.0000 {2}/);
  assert.match(
    told(`index build "$(printf 'd\\374r')" -o "${folder}/below" ${tiny}`),
    /: 1 images \(1 added/,
  );
  assert.match(
    told(`embed "$(printf 'gone\\351.jpg')" ${tiny}`),
    /^error INPUT_NOT_FOUND: gone\\xe9\.jpg: .*gone%e9\.jpg\.\n$/,
  );
  assert.match(
    told(`embed ${name} -o "$(printf 'x\\351.npy')"`),
    /^error USAGE: Expected UTF-8 for --output but received x\\xe9\.npy\.\n$/,
  );
  assert.match(
    told(`classify ${name} -l "$(printf 'a\\351')"`),
    /^error USAGE: Expected UTF-8 for --labels but received a\\xe9\.\n$/,
  );
  for (const query of [`"$(printf 'caf\\351')"`, `--text ${name}`])
    assert.match(told(`index search ${query} -i "${index}"`), /^error USAGE: [^\n]*caf\\xe9[^\n]*\n$/);
  assert.not(readdirSync(odd).some((entry) => entry.endsWith('.npy')));
});

names.after(remove);
names.run();
