// Builds dist/: ESM and its types with tsc, then the CommonJS entry from the same source with esbuild.
//
// Workers always run the ESM files, so the CommonJS entry is only the part that lives on the caller's thread.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
// Built beside and renamed, so that two builds at once, or a program that runs meanwhile, never see half of it.
const dist = join(root, `.dist-${process.pid}`);
process.on('exit', () => rmSync(dist, { recursive: true, force: true }));

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const compiled = spawnSync(
  process.execPath,
  [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', join(dist, 'esm')],
  {
    stdio: 'inherit',
  },
);
if (compiled.status !== 0) process.exit(1);

// The command: tsc keeps its #! line; npm makes it executable on installing, a checkout that is linked or run in place
// needs it from the start.
chmodSync(join(dist, 'esm', 'cli', 'main.js'), 0o755);

// What is an ES module only can't be required by every Node from 20.9 on, nor in Jest: it goes into the file. All else is
// required where it is used.
const ESM_ONLY = ['onnx-buf'];
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const required = ['dependencies', 'optionalDependencies', 'peerDependencies']
  .flatMap((kind) => Object.keys(manifest[kind]))
  .filter((name) => !ESM_ONLY.includes(name));

await build({
  entryPoints: [join(root, 'src', 'index.ts')],
  outfile: join(dist, 'cjs', 'index.cjs'),
  bundle: true,
  external: required.flatMap((name) => [name, `${name}/*`]),
  // Jest takes no import() without a flag of Node's.
  supported: { 'dynamic-import': false },
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  sourcemap: true,
  // CommonJS has no import.meta: its one use, finding the package's own files, gets the same value from __filename.
  define: { 'import.meta.url': 'moduleUrl' },
  banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
});

// The same declarations, read by TypeScript as CommonJS: the extension says which.
cpSync(join(dist, 'esm'), join(dist, 'cjs'), {
  recursive: true,
  // The command has no CommonJS side.
  filter: (path) =>
    path !== join(dist, 'esm', 'cli') && (path.endsWith('.d.ts') || statSync(path).isDirectory()),
});
for (const entry of readdirSync(join(dist, 'cjs'), { recursive: true, encoding: 'utf8' })) {
  if (!entry.endsWith('.d.ts')) continue;
  const from = join(dist, 'cjs', entry);
  const to = from.replace(/\.d\.ts$/, '.d.cts');
  writeFileSync(from, readFileSync(from, 'utf8').replace(/(['"])(\.{1,2}\/[^'"]+)\.js\1/g, '$1$2.cjs$1'));
  renameSync(from, to);
}
const published = join(root, 'dist');
rmSync(published, { recursive: true, force: true });
renameSync(dist, published);
