// Installing this repository: no install script downloads anything, whichever npm runs it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROOT } from './helpers/fixtures.js';

const read = (name: string) => JSON.parse(readFileSync(join(ROOT, name), 'utf8')) as unknown;
const { allowScripts } = read('package.json') as { allowScripts: Record<string, boolean> };
const { packages } = read('package-lock.json') as {
  packages: Record<string, { hasInstallScript?: boolean }>;
};
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

install.run();
