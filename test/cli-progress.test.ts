// The progress bar: what it draws, and where there is none.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Output, table } from '../dist/esm/cli/output.js';
import { printable } from '../dist/esm/cli/printable.js';
import { ProgressBar, bytes, duration } from '../dist/esm/cli/progress.js';
import { COMMAND, endingOf, run } from './helpers/cli.js';
import { TINY_MODEL, photo, photoNames, withTrailingBytes } from './helpers/fixtures.js';

const CLEAR = '\r\u001B[2K';
const progress = suite('cli progress');

function terminal(columns = 80) {
  const writes: string[] = [];
  return { columns, isTTY: true, writes, write: (text: string) => writes.push(text) > 0 };
}

function output(stderr: object, options: object, env: object): Output {
  return new Output(options, undefined, { stdout: terminal(), stderr } as never, env as NodeJS.ProcessEnv);
}

progress('draws one line over and over, and takes it away', () => {
  const screen = terminal();
  const bar = new ProgressBar(screen, { label: 'Doing', unit: 'images', color: false });
  bar.update(1, 4, '1 failed');
  bar.update(2, 4);
  assert.is(screen.writes.length, 1, 'at most ten times a second');
  assert.ok(screen.writes[0]!.startsWith(CLEAR));
  assert.match(screen.writes[0]!.slice(CLEAR.length), /^Doing {2}\[=====\s+\] {2}25% {2}1\/4 {2}.*1 failed$/);
  bar.update(4, 4);
  assert.match(screen.writes[1]!, /100% {2}4\/4/);
  bar.clear();
  bar.clear();
  assert.equal(screen.writes.slice(2), [CLEAR]);
});

progress('never fills the line, whatever the numbers', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.option(fc.nat()),
      fc.integer({ min: 0, max: 200 }),
      fc.string(),
      (done, total, columns, note) => {
        const screen = terminal(columns);
        new ProgressBar(screen, { label: 'Doing', unit: 'bytes', color: false }).update(
          done,
          total ?? undefined,
          note,
        );
        const line = screen.writes.join('').replace(CLEAR, '');
        assert.ok(line.length < (columns || 80), line);
        assert.not.match(line, /NaN|Infinity|undefined/);
      },
    ),
  );
});

progress('is there on a terminal only, and not with --quiet, --json or TERM=dumb', () => {
  const enabled = (stderr: object, options = {}, env = {}) =>
    output(stderr, options, env).progress('x', 'images').enabled;
  assert.ok(enabled(terminal()));
  assert.not(enabled({ ...terminal(), isTTY: undefined }));
  assert.not(enabled(terminal(), { quiet: true }));
  assert.not(enabled(terminal(), { json: true }));
  assert.not(enabled(terminal(), {}, { TERM: 'dumb' }));
});

progress('errors are red on a terminal, unless NO_COLOR is set', () => {
  const shown = (env: object) => {
    const screen = terminal();
    output(screen, {}, env).error({ code: 'INTERNAL', message: 'x' });
    return screen.writes.join('');
  };
  assert.is(shown({}), '\u001B[31merror\u001B[39m INTERNAL: x\n');
  assert.is(shown({ NO_COLOR: '1' }), 'error INTERNAL: x\n');
  assert.is(shown({ NO_COLOR: '' }), shown({}));
});

progress('a name with a line break or an escape sequence stays on its line', () => {
  const screen = terminal();
  const printer = output(screen, {}, { NO_COLOR: '1' });
  printer.error({ code: 'INTERNAL', message: 'x' }, 'a\nb\u001B[2J\u009B.jpg');
  printer.note('c\r\u007F\u2028d');
  assert.equal(screen.writes, ['error INTERNAL: a\\nb\\u001b[2J\\u009b.jpg: x\n', 'c\\r\\u007f\\u2028d\n']);
  assert.equal(
    table([
      ['a\nb', '1'],
      ['c', '2'],
    ]),
    ['a\\nb  1', 'c     2'],
  );
  assert.is(printable('ä 日本 \u{1F600} C:\\photos'), 'ä 日本 \u{1F600} C:\\photos');
});

progress('what is printed takes the bar off the screen first', async () => {
  const screen = terminal();
  const printer = output(screen, {}, {});
  printer.progress('x', 'images').update(1, 3);
  printer.note('hello');
  assert.equal(screen.writes.slice(1), [CLEAR, 'hello\n']);
  printer.progress('y', 'images').update(1, 3);
  await printer.line('result');
  assert.is(screen.writes.at(-1), CLEAR);
});

progress('numbers for people', () => {
  assert.equal([0, 1023, 1024, 1536, 150 * 1024, 3.7e9].map(bytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '150 KiB',
    '3.4 GiB',
  ]);
  assert.equal([0, 0.2, 59, 60, 3599, 3600, 90000].map(duration), [
    '0 s',
    '1 s',
    '59 s',
    '1 min 0 s',
    '59 min 59 s',
    '1 h 0 min',
    '25 h 0 min',
  ]);
});

progress('tables', () => {
  assert.equal(
    table(
      [
        ['A', 'BB'],
        ['1', ''],
        ['22', 'x'],
      ],
      [0],
    ),
    [' A  BB', ' 1', '22  x'],
  );
  assert.equal(table([]), []);
});

progress('a piped command prints no escape sequence', async () => {
  const { stdout, stderr } = await run(['embed', photo('two-dogs'), '/nowhere.jpg', '--model', TINY_MODEL]);
  assert.not.match(stdout + stderr, '\u001B');
});

progress('on a real terminal the bar appears and is gone at the end', async () => {
  if (
    (
      await endingOf(
        spawn('script', ['--version']).on('error', () => undefined),
        { stdout: '', stderr: '' },
      )
    ).code !== 0
  ) {
    console.log('skipped: no script(1) here');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-bar-'));
  try {
    for (const [i, name] of photoNames.entries())
      writeFileSync(join(folder, `${name}.jpg`), withTrailingBytes(readFileSync(photo(name)), i + 1));
    const command = `"${process.execPath}" "${COMMAND}" index build "${folder}" -o "${folder}/index" --model "${TINY_MODEL}"`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const seen = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (seen.stdout += String(chunk)));
    const { code, stdout } = await endingOf(child, seen);
    assert.is(code, 0, stdout);
    const drawn = stdout.split(CLEAR);
    assert.ok(drawn.some((line) => line.includes('Indexing') && line.includes('/s')));
    assert.match(drawn.at(-1)!, /^[^\r]*30 images \(30 added[^\r]*\r\n$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

progress.run();
