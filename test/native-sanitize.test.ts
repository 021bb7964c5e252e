// Runs scripts/sanitize.sh: the C++ kernels under AddressSanitizer and UBSan, and as arm64 code where an emulator is.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const script = fileURLToPath(new URL('../scripts/sanitize.sh', import.meta.url));

// The script is for Linux toolchains; other systems are covered by the tests of the built addon.
if (process.platform === 'linux') {
  test('the kernels are clean under the sanitizers, with every warning an error', () => {
    const { status, stdout, stderr } = spawnSync('bash', [script], { encoding: 'utf8' });
    assert.is(status, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /^sanitize: all passed$/m);
  });
}

test.run();
