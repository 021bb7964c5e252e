// What the addon says about this CPU, against what Linux says.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { byteDotProducts, kernelImplementations } from '../dist/esm/image/binding.js';

const NAMES: Partial<Record<NodeJS.Architecture, string[]>> = {
  x64: ['avx512_vnni', 'avx_vnni'],
  arm64: ['i8mm', 'asimddp'],
};
const names = NAMES[process.arch] ?? [];

const cpu = suite('the CPU');

cpu('each byte dot product is named once, and only those of the architecture', () => {
  const found = byteDotProducts();
  assert.is(new Set(found).size, found.length);
  for (const name of found) assert.ok(names.includes(name), name);
});

cpu('the kernels of AVX-512 and its byte dot product are the same question', () => {
  assert.is(kernelImplementations().includes('avx512'), byteDotProducts().includes('avx512_vnni'));
});

cpu('SEMANTIC_VISION_KERNEL does not hide what the CPU has', () => {
  const binding = new URL('../dist/esm/image/binding.js', import.meta.url).href;
  const script = `import { byteDotProducts } from ${JSON.stringify(binding)}; console.log(JSON.stringify(byteDotProducts()))`;
  const env = { ...process.env, SEMANTIC_VISION_KERNEL: 'scalar' };
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env,
  });
  assert.equal(JSON.parse(stdout), byteDotProducts());
});

// The kernel leaves out of its flags what it does not let programs use.
if (process.platform === 'linux') {
  cpu('it is what /proc/cpuinfo says', () => {
    const cpuinfo = readFileSync('/proc/cpuinfo', 'utf8');
    const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(' ');
    assert.ok(flags, 'no line of flags');
    assert.equal(
      byteDotProducts(),
      names.filter((name) => flags.includes(name)),
    );
  });
}

cpu.run();
