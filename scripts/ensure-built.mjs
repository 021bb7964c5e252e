// Builds what is missing or older than its source, and nothing else: run before the demo, the tests and the bench.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** Runs a build script when its product is missing or older than any of its sources. */
function ensure(product, sources, script) {
  const built = join(root, product);
  const stale =
    !existsSync(built) || statSync(built).mtimeMs < Math.max(...sources.map((s) => newest(join(root, s))));
  if (!stale) return;
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', script)], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

ensure('build/Release/semantic_vision.node', ['native', 'binding.gyp'], 'build-native.mjs');
ensure('dist/cjs/index.cjs', ['src', 'tsconfig.json', 'tsconfig.build.json'], 'build-ts.mjs');
