// Runs every test file in a process of its own and adds up what uvu reports.
//
//   node scripts/run-tests.mjs [PATTERN...]   only the files whose path holds one of the patterns
//
// A file that crashes, hangs, or ends without uvu's summary counts as a failure. The last line is "N passed, N failed".
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const patterns = process.argv.slice(2);
const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern)))
  .sort();
const FILE_TIMEOUT_MS = 10 * 60_000;

function runFile(name) {
  return new Promise((resolve) => {
    const started = performance.now();
    const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', join(root, 'test', name)], {
      cwd: root,
    });
    let output = '';
    const collect = (chunk) => (output += String(chunk));
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const timer = setTimeout(() => child.kill('SIGKILL'), FILE_TIMEOUT_MS);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const total = Number(/Total:\s+(\d+)/.exec(output)?.[1] ?? Number.NaN);
      const passed = Number(/Passed:\s+(\d+)/.exec(output)?.[1] ?? 0);
      const crashed = Number.isNaN(total) || (code !== 0 && passed === total);
      const failed = (Number.isNaN(total) ? 0 : total - passed) + (crashed ? 1 : 0);
      resolve({ name, passed, failed, code, signal, output, seconds: (performance.now() - started) / 1000 });
    });
  });
}

let passed = 0;
let failed = 0;
for (const name of files) {
  const result = await runFile(name);
  passed += result.passed;
  failed += result.failed;
  const ending = result.signal ? ` (killed by ${result.signal})` : '';
  console.log(
    `${result.failed === 0 ? 'ok  ' : 'FAIL'} ${name}  ${result.passed} passed in ${result.seconds.toFixed(1)} s${ending}`,
  );
  if (result.failed > 0) console.log(result.output);
}
if (files.length === 0) {
  console.error('No test file matches.');
  failed = 1;
}
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed`);
