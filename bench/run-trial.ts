// The child process: runs one trial for one subject and prints its figures as one line of JSON.
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
const report: Report = { figures, cpuMs: (user + system) / 1000 };
process.stdout.write(`${JSON.stringify(report)}\n`);
