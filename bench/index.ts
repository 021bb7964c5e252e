// npm run bench: runs each trial for each subject in a fresh process, in alternating rounds, and prints the tables.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine, load } from './machine.js';
import { combine, table, type Row } from './report.js';
import type { Figure, Trial } from './trial.js';
import { TRIALS } from './trials/index.js';

const USAGE = `Usage: npm run bench -- [--quick] [--json] [PATTERN...]
  PATTERN  runs the trials whose name contains it: ${TRIALS.map(({ name }) => name).join(', ')}
  --quick  one round and few repetitions: to see that it works, not to quote
  --json   prints one JSON object instead of tables
`;
const ROUNDS = 3;
const CHILD = fileURLToPath(new URL('run-trial.ts', import.meta.url));

const { values: options, positionals: patterns } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const chosen = TRIALS.filter(
  ({ name }) => patterns.length === 0 || patterns.some((part) => name.includes(part)),
);
if (options.help || chosen.length === 0) {
  process.stdout.write(USAGE);
  process.exit(options.help ? 0 : 1);
}

const machine = describeMachine();
const startLoad = load();
const say = (text: string) => {
  if (!options.json) process.stdout.write(`${text}\n`);
};
say(
  `${machine.cpu}, ${machine.cpus} CPUs, ${machine.memoryGiB} GiB, ${machine.platform}, Node ${machine.node}`,
);
say(
  Object.entries(machine.packages)
    .map(([name, version]) => `${name} ${version}`)
    .join(', '),
);
say(`Load before the start ${startLoad.toFixed(2)}${startLoad > 0.5 ? ': the machine is not idle' : ''}`);
say('Medians are medians of the rounds; "rounds" is the range of their medians.');

const results: { trial: string; about: string; rows: Row[] }[] = [];
for (const trial of chosen) {
  const rows = runTrial(trial);
  results.push({ trial: trial.name, about: trial.about, rows });
  say(table(trial, rows));
}
const endLoad = load();
if (options.json) {
  const load = { start: startLoad, end: endLoad };
  const report = { date: new Date().toISOString(), quick: options.quick, machine, load, trials: results };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

// Alternating: a disturbance of the machine hits all subjects, not one.
function runTrial(trial: Trial): Row[] {
  const rounds = new Map(trial.subjects.map((subject) => [subject, [] as Figure[][]]));
  for (let round = 0; round < (options.quick ? 1 : ROUNDS); round++) {
    for (const [subject, figures] of rounds) figures.push(runOnce(trial.name, subject));
  }
  return [...rounds].flatMap(([subject, figures]) => combine(subject, figures));
}

function runOnce(trial: string, subject: string): Figure[] {
  const effort = options.quick ? 'quick' : 'full';
  const { stdout, status } = spawnSync(process.execPath, ['--import', 'tsx', CHILD, trial, subject, effort], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`Trial "${trial}" failed for "${subject}": its error is printed above.`);
  // The last line: a library may have printed before it.
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Figure[];
}
