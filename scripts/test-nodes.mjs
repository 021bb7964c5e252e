// Runs a good part of the suite on every Node that is supported, with Node's binaries from the npm registry.
//
//   node scripts/test-nodes.mjs [VERSION...]   default: the oldest one, and the newest of each line
//
// The last line is "N passed, N failed, N skipped", summed over the versions.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const VERSIONS = ['20.9.0', '22', '24'];
// The addon, the pool and the ends of threads and processes, both module formats, models, indices, the command.
const FILES = [
  'cli-embed',
  'cli-index.',
  'cli-names',
  'decode.test',
  'exit-gate',
  'frozen-intrinsics',
  'golden-pixels',
  'hub-models',
  'index-conflict',
  'index-store',
  'isolation.test',
  'native-cpu',
  'native-packages',
  'native-resize',
  'permission-model',
  'prepared.test',
  'process.test',
  'realm',
  'semantic-vision',
  'session.test',
  'test-runners',
  'texts.test',
  'thread',
  'vector-index.test',
  'worker-recycling',
];
// Jest, Vitest and TypeScript's own runner ask for more than the oldest Node; the package does not.
const NEED_MORE = { '20.9.0': ['test-runners', 'permission-model'] };

function binary(version) {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(root, '.cache', 'nodes', version);
  const path = join(folder, 'node_modules', name, 'bin', 'node');
  if (existsSync(path)) return path;
  const args = ['install', '--prefix', folder, '--no-save', '--ignore-scripts', `${name}@${version}`];
  const { status } = spawnSync('npm', args, { stdio: 'ignore' });
  return status === 0 && existsSync(path) ? path : undefined;
}

/** Runs the files and hands on what they print. */
function run(node, files) {
  return new Promise((resolve) => {
    const child = spawn(node, [join(root, 'scripts', 'run-tests.mjs'), ...files], { cwd: root });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
      process.stdout.write(chunk);
    });
    child.stderr.pipe(process.stderr);
    child.on('close', () => resolve(/(\d+) passed, (\d+) failed, (\d+) skipped\s*$/.exec(output)));
  });
}

let [passed, failed, skipped] = [0, 0, 0];
const versions = process.argv.length > 2 ? process.argv.slice(2) : VERSIONS;
for (const version of versions) {
  const node = binary(version);
  if (node === undefined) {
    console.log(`skipped: Node ${version} cannot be had from the npm registry for this platform`);
    skipped++;
    continue;
  }
  console.log(`== Node ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()}`);
  const counts = await run(
    node,
    FILES.filter((file) => !NEED_MORE[version]?.includes(file)),
  );
  if (counts === null) failed++;
  else [passed, failed, skipped] = [passed + +counts[1], failed + +counts[2], skipped + +counts[3]];
}
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
