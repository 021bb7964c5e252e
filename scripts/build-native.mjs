// Builds the C++ addon with node-gyp, offline wherever Node's own headers are on this machine.
//
// node-gyp downloads the headers from nodejs.org unless it is told where they are. Official Node archives, nvm and
// most Linux packages ship them next to the executable, so that copy is used first.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function headersDirectory() {
  const configured = process.env.npm_config_nodedir;
  if (configured) return configured;
  const prefix = dirname(dirname(process.execPath));
  return [prefix, dirname(process.execPath)].find((directory) =>
    existsSync(join(directory, 'include', 'node', 'node_api.h')),
  );
}

/** The node-gyp that npm carries: inside `npm ...` it is npm_config_node_gyp, outside it sits beside npm itself. */
function nodeGyp() {
  if (process.env.npm_config_node_gyp) return process.env.npm_config_node_gyp;
  const prefix = dirname(dirname(process.execPath));
  const places = [
    join(prefix, 'lib', 'node_modules', 'npm'),
    join(dirname(process.execPath), 'node_modules', 'npm'),
  ];
  for (const place of places) {
    const script = join(place, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
    if (existsSync(script)) return script;
  }
  return createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
}

const headers = headersDirectory();
const args = [nodeGyp(), 'rebuild', '--jobs=max', ...(headers ? [`--nodedir=${headers}`] : [])];
const result = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
if (result.status !== 0) {
  process.stdout.write(result.stdout ?? '');
  process.stderr.write(result.stderr ?? String(result.error));
  process.stderr.write(
    '\nsemantic-vision: the C++ addon could not be built. It needs Python 3, make and a C++17 compiler ' +
      '(Debian/Ubuntu: apt-get install python3 make g++; macOS: xcode-select --install; ' +
      'Windows: Visual Studio Build Tools with "Desktop development with C++").\n',
  );
  process.exit(1);
}
