// Installing this repository: no install script downloads anything, whichever npm runs it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROOT } from './helpers/fixtures.js';

interface Entry {
  hasInstallScript?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const read = (name: string) => JSON.parse(readFileSync(join(ROOT, name), 'utf8')) as unknown;
const { allowScripts } = read('package.json') as { allowScripts: Record<string, boolean> };
const { packages } = read('package-lock.json') as { packages: Record<string, Entry> };
const RUNTIME = 'onnxruntime-node';

const install = suite('install');

install("onnxruntime-node's script, which downloads CUDA libraries, does not run", () => {
  // npm from 11.16 asks package.json. Those before run the scripts of packages that the lockfile says have some: there the
  // flag has to be taken out by hand whenever the package's entry is written anew.
  assert.is(allowScripts[RUNTIME], false);
  assert.not(
    packages[`node_modules/${RUNTIME}`]?.hasInstallScript,
    'package-lock.json: remove hasInstallScript',
  );
  // A key in .npmrc did it before: npm from 11 on warns that keys which it does not know will stop working.
  const settings = join(ROOT, '.npmrc');
  if (existsSync(settings)) assert.not.match(readFileSync(settings, 'utf8'), /onnxruntime/);
});

install('each script that the lockfile knows of is allowed or forbidden by name', () => {
  const having = Object.entries(packages).filter(
    ([path, { hasInstallScript }]) => path !== '' && hasInstallScript,
  );
  for (const [path] of having) {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    assert.type(allowScripts[name], 'boolean', name);
  }
});

// Where Node would look for it, from that package's folder upwards.
function hasEntry(from: string, name: string): boolean {
  for (let at = from; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/'))))
    if (`${at}/node_modules/${name}` in packages) return true;
  return `node_modules/${name}` in packages;
}

install('each dependency has an entry in the lockfile: npm ci refuses one without, from npm 11 on', () => {
  const missing = Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !hasEntry(path, name))
      .map((name) => `${path}: ${name}`),
  );
  assert.equal(missing, []);
});

install.run();
