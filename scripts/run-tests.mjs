// Runs every test file in a process of its own and adds up what uvu reports.
//
//   node scripts/run-tests.mjs [--stress] [PATTERN...]   only the files whose path holds one of the patterns
//
// Those in test/stress take minutes and need programs of other packages: they run with --stress, and alone then. A file that
// crashes, hangs, or ends without uvu's summary counts as a failure. A line "skipped: WHY" that a test prints is shown and
// counted. The last line is "N passed, N failed, N skipped".
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stress = process.argv.includes('--stress');
const patterns = process.argv.slice(2).filter((argument) => argument !== '--stress');
const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => name.startsWith(`stress${sep}`) === stress)
  .filter((name) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern)))
  .sort();
const FILE_TIMEOUT_MS = (stress ? 40 : 10) * 60_000;

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
      const reasons = [...output.matchAll(/^(?:.*• )?\s*skipped: (.*)$/gm)].map(([, reason]) => reason);
      const skipped = reasons.length + Number(/Skipped:\s+(\d+)/.exec(output)?.[1] ?? 0);
      const seconds = (performance.now() - started) / 1000;
      resolve({ name, passed, failed, skipped, reasons, code, signal, output, seconds });
    });
  });
}

let passed = 0;
let failed = 0;
let skipped = 0;
for (const name of files) {
  const result = await runFile(name);
  passed += result.passed;
  failed += result.failed;
  skipped += result.skipped;
  const ending = result.signal ? ` (killed by ${result.signal})` : '';
  console.log(
    `${result.failed === 0 ? 'ok  ' : 'FAIL'} ${name}  ${result.passed} passed in ${result.seconds.toFixed(1)} s${ending}`,
  );
  for (const reason of result.reasons) console.log(`     skipped: ${reason}`);
  if (result.failed > 0 || stress) console.log(result.output);
}
if (files.length === 0) {
  console.error('No test file matches.');
  failed = 1;
}
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
