// npm run bench: runs each trial for each subject in a fresh process, in alternating rounds, and prints the tables.
import { parseArgs } from 'node:util';
import { runQuietRound, runRound, type Round } from './child.js';
import { describeMachine } from './machine.js';
import { combine, table, type Row } from './report.js';
import type { Trial } from './trial.js';
import { TRIALS } from './trials/index.js';

const USAGE = `Usage: npm run bench -- [--quick] [--patient] [--json] [PATTERN...]
  PATTERN    runs the trials whose name contains it: ${TRIALS.map(({ name }) => name).join(', ')}
  --quick    one round and few repetitions: to see that it works, not to quote
  --patient  waits until the machine is quiet, and repeats rounds that other processes disturbed
  --json     prints one JSON object instead of tables
`;
const ROUNDS = 3;

const { values: options, positionals: patterns } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    patient: { type: 'boolean', default: false },
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
const say = (text: string) => {
  if (!options.json) process.stdout.write(`${text}\n`);
};
say(
  `${machine.cpu}, ${machine.cpus} CPUs, kernel ${machine.kernel}, ${machine.memoryGiB} GiB, ${machine.platform}, Node ${machine.node}`,
);
say(
  Object.entries(machine.packages)
    .map(([name, version]) => `${name} ${version}`)
    .join(', '),
);
say(
  'Each number is the median of the rounds, "rounds" the range of their medians, "others" the share of the CPU',
);
say('time that other processes took: "!" marks what they disturbed.');

const results: { trial: string; about: string; rows: Row[] }[] = [];
for (const trial of chosen) {
  const rows = await runTrial(trial);
  results.push({ trial: trial.name, about: trial.about, rows });
  say(table(trial, rows));
}
if (options.json) {
  const report = { date: new Date().toISOString(), quick: options.quick, machine, trials: results };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

// Alternating: a disturbance of the machine hits all subjects, not one.
async function runTrial(trial: Trial): Promise<Row[]> {
  const run = options.patient ? runQuietRound : runRound;
  const rounds = new Map(trial.subjects.map((subject) => [subject, [] as Round[]]));
  for (let round = 0; round < (options.quick ? 1 : ROUNDS); round++) {
    for (const [subject, done] of rounds) done.push(await run(trial.name, subject, options.quick));
  }
  return [...rounds].flatMap(([subject, done]) => combine(subject, done));
}
