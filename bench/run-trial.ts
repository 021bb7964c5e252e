// The child process: runs one trial for one subject and prints its figures as one line of JSON.
import { existsSync, readFileSync } from 'node:fs';
import type { Report } from './child.js';
import { effortOf } from './trial.js';
import { TRIALS } from './trials/index.js';

const [name, subject, quick] = process.argv.slice(2);
const trial = TRIALS.find((candidate) => candidate.name === name);
if (trial === undefined || subject === undefined) {
  throw new Error(`Expected TRIAL SUBJECT [quick] but received ${process.argv.slice(2).join(' ')}.`);
}
const figures = await trial.run(subject, effortOf(quick === 'quick'));
const { user, system } = process.cpuUsage();
const report: Report = { figures, cpuMs: (user + system) / 1000 + endedChildrenMs() };
process.stdout.write(`${JSON.stringify(report)}\n`);

// CPU time of the child processes that have ended, where Linux tells: in ticks of 10 ms, the 16th and 17th field.
function endedChildrenMs(): number {
  if (!existsSync('/proc/self/stat')) return 0;
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return 10 * (Number(fields[13]) + Number(fields[14]));
}
