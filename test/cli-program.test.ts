// The command line itself: help, version, usage errors, exit codes, how it is installed.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMAND, run, scratch } from './helpers/cli.js';
import { ROOT, TINY_MODEL, photo } from './helpers/fixtures.js';

const program = suite('cli program');
const { folder, remove } = scratch();
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

const COMMANDS = [
  'model list',
  'model pull',
  'model info',
  'model verify',
  'embed',
  'classify',
  'index build',
  'index search',
];

program('--version and -V print the version and nothing else', async () => {
  for (const flag of ['--version', '-V'])
    assert.equal(await run([flag]), { code: 0, signal: null, stdout: `${version}\n`, stderr: '' });
});

program('--help goes to stdout and names the exit codes', async () => {
  const { code, stdout, stderr } = await run(['--help']);
  assert.is(code, 0);
  assert.is(stderr, '');
  for (const text of ['embed', 'classify', 'index', 'model', 'Exit codes:', '130'])
    assert.match(stdout, text);
});

program('every command has help, with the options that all share', async () => {
  const docs = readFileSync(join(ROOT, 'docs', 'cli.md'), 'utf8');
  for (const command of COMMANDS) {
    const { code, stdout } = await run([...command.split(' '), '--help']);
    assert.is(code, 0, command);
    for (const option of ['--json', '--quiet', '--help']) assert.match(stdout, option, command);
    for (const line of stdout.split('\n')) assert.ok(line.length <= 116, `${command}: ${line}`);
    for (const [, option] of stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm))
      assert.match(docs, `\`${option}`, `${command} ${String(option)}`);
    assert.match(docs, `semantic-vision ${command}`);
  }
});

program('without a command the help goes to stderr', async () => {
  for (const args of [[], ['model'], ['index']]) {
    const { code, stdout, stderr } = await run(args);
    assert.is(code, 2);
    assert.is(stdout, '');
    assert.match(stderr, /^Usage: /);
    assert.match(stderr, /error USAGE: Expected a command\./);
  }
});

program('wrong usage is one line that says where to look, and exit code 2', async () => {
  const cases: [string[], RegExp][] = [
    [['embd', 'x'], /unknown command 'embd'.*embed/],
    [['embed'], /missing required argument 'file'.*"semantic-vision embed --help"/],
    [['embed', 'x.jpg', '--outptu', 'y.npy'], /unknown option '--outptu'.*--output/],
    [['embed', 'x.jpg', '--output', 'y.csv'], /ends in \.npy/],
    [['embed', 'x.jpg', '--workers', '0'], /whole number/],
    [['embed', 'x.jpg', '--workers', '99999'], /workers/],
    [['embed', 'x.jpg', '--threads', '1.5'], /whole number/],
    [['embed', '-', '-'], /at most once/],
    [['embed', '-0', 'x.jpg'], /Expected - among the files/],
    [['classify', 'x.jpg'], /--labels/],
    [['classify', 'x.jpg', '--labels', 'a,,b'], /none empty/],
    [['classify', 'x.jpg', 'y.jpg', '--labels', 'a'], /too many arguments/],
    [['index', 'build', 'x'], /--output/],
    [['index', 'build', 'x', '-o', 'y', '--checkpoint', '-1'], /seconds/],
    [['index', 'search', 'x', '-i', 'y', '-k', '-1'], /whole number/],
    [['index', 'search', 'x', '-i', 'y', '--text', '--image'], /cannot be used with/],
    [['index', 'search', 'gone.jpg', '-i', 'y'], /looks like a path/],
    [['index', 'serch', 'x', '-i', 'y'], /"semantic-vision index --help"/],
  ];
  const endings = await Promise.all(cases.map(([args]) => run(args)));
  for (const [i, { code, stdout, stderr }] of endings.entries()) {
    const [args, pattern] = cases[i]!;
    const what = `${args.join(' ')}: ${stderr}`;
    assert.is(code, 2, what);
    assert.is(stdout, '', what);
    assert.match(stderr, /^error (USAGE|INVALID_OPTION): [^\n]+\n$/, what);
    assert.match(stderr, pattern, what);
  }
});

program('with --json errors are JSON as well', async () => {
  const { code, stderr } = await run(['embed', '--json']);
  assert.is(code, 2);
  const { error } = JSON.parse(stderr) as { error: { code: string; message: string } };
  assert.is(error.code, 'USAGE');
  assert.match(error.message, /missing required argument/);
});

program('what cannot be done at all is exit code 3, one line, no stack', async () => {
  const image = photo('two-dogs');
  const cases: [string[], RegExp][] = [
    [['embed', image, '--model', join(folder, 'nowhere')], /^error MODEL_NOT_FOUND: /],
    [
      ['embed', image, '--model', TINY_MODEL, '--output', join(folder, 'no', 'x.npy')],
      /^error OUTPUT_FAILED: .*ENOENT/,
    ],
    [
      ['index', 'search', image, '--model', TINY_MODEL, '--index', join(folder, 'none')],
      /^error INDEX_NOT_FOUND: /,
    ],
  ];
  for (const [args, pattern] of cases) {
    const { code, stdout, stderr } = await run(args);
    assert.is(code, 3, stderr);
    assert.is(stdout, '');
    assert.match(stderr, pattern);
    assert.is(stderr.split('\n').length, 2, stderr);
  }
});

program('what ends the command is told once, by whichever way it comes', async () => {
  // A dependency that does not load rejects the import, and is a rejection that nobody handles beside.
  const broken = join(folder, 'broken.cjs');
  writeFileSync(broken, "exports.Piscina = undefined;\nthrow new Error('does not load');\n");
  const hooks = `export const resolve = async (specifier, context, next) => specifier === 'piscina'
    ? { url: ${JSON.stringify(pathToFileURL(broken).href)}, format: 'commonjs', shortCircuit: true }
    : next(specifier, context);`;
  const preload = join(folder, 'preload.mjs');
  const preloads = [
    `import { register } from 'node:module';
     register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));`,
    `process.on('newListener', (name) => {
       if (name !== 'uncaughtException') return;
       setImmediate(() => { Promise.reject(new Error('one')); throw new Error('two'); });
     });`,
  ];
  for (const text of preloads) {
    writeFileSync(preload, text);
    const { code, stdout, stderr } = await run(['model', 'list'], {
      env: { NODE_OPTIONS: `--import=${pathToFileURL(preload).href}` },
    });
    assert.is(code, 3, stderr);
    assert.is(stdout, '');
    assert.match(stderr, /^error INTERNAL: [^\n]*\n$/);
  }
});

program('what ONNX Runtime fails with is told once: it would print it as well', async () => {
  const model = join(folder, 'model');
  cpSync(TINY_MODEL, model, { recursive: true });
  const path = join(model, 'preprocessor_config.json');
  // The graph loads and cannot run: it is made for 64 pixels.
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/(height|width)": 64/g, '$1": 128'));
  const { code, stderr } = await run(['embed', photo('two-dogs'), '--model', model]);
  assert.is(code, 3);
  assert.match(stderr, /^error MODEL_INVALID: The model failed to run: [^\n]*\n$/);
});

program('NODE_DEBUG=semantic-vision shows the whole error', async () => {
  const { stderr } = await run(['index', 'build', join(folder, 'nowhere'), '-o', join(folder, 'x')], {
    env: { NODE_DEBUG: 'semantic-vision' },
  });
  assert.match(stderr, /\n\s+at .*walk/);
});

program('runs through the link that npm makes', () => {
  accessSync(COMMAND, constants.X_OK);
  const bin = join(folder, 'node_modules', '.bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"name":"consumer","private":true}');
  symlinkSync(ROOT, join(folder, 'node_modules', 'semantic-vision'));
  symlinkSync('../semantic-vision/dist/esm/cli/main.js', join(bin, 'semantic-vision'));
  const options = { cwd: folder, encoding: 'utf8' } as const;
  assert.is(execFileSync(join(bin, 'semantic-vision'), ['--version'], options), `${version}\n`);
  assert.is(execFileSync('npx', ['--offline', 'semantic-vision', '--version'], options), `${version}\n`);
});

program.after(remove);
program.run();
