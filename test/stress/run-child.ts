// Runs a job in child processes: when one dies or hangs, the input that it died of is found, and another goes on behind it.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Kind } from './mutate.js';
import type { Failure, Job, Outcome } from './outcome.js';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));
// For the start and for each answer. A slow answer is a failure long before; this ends what would never answer.
const SILENCE_MS = 30_000;

/**
 * Runs a job to its end, whatever its inputs do to the processes.
 * @param job - what to run
 * @param kindOf - the kind of an input that did not live to tell it
 * @param see - told of every input once
 */
export async function runChild(
  job: Job,
  kindOf: (number: number) => Kind,
  see: (outcome: Outcome) => void,
): Promise<void> {
  const { from, below, step } = job.numbers;
  const deadline = performance.now() + job.ms;
  let next = from;
  while (next < below && performance.now() < deadline) {
    const numbers = { from: next, below, step };
    const { missing, after, end } = await runOnce({ ...job, numbers, ms: deadline - performance.now() }, see);
    if (end === undefined) return;
    // Several inputs may have been under way, and their answers lost: each is tried again, alone.
    for (const number of missing) {
      const numbersOfOne = { from: number, below: number + 1, step };
      const alone =
        missing.length > 1 ? await runOnce({ ...job, numbers: numbersOfOne, ms: Infinity }, see) : { end };
      if (alone.end !== undefined)
        see({ number, mode: job.mode, kind: kindOf(number), ms: 0, failure: alone.end });
    }
    next = after;
  }
}

interface Run {
  /** Inputs that were begun, or may have been, and did not answer. */
  missing: number[];
  /** The first input behind those. */
  after: number;
  /** Why it ended too early; undefined when it did not. */
  end?: Failure;
}

// A child begins its inputs in order, and no more than this many before the first of them has answered.
const MOST_UNDER_WAY = 4;

async function runOnce(job: Job, see: (outcome: Outcome) => void): Promise<Run> {
  const child = fork(CHILD, {
    execArgv: process.execArgv,
    serialization: 'advanced', // JSON knows no Infinity
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const { from, step, below } = job.numbers;
  const answered = new Set<number>();
  let first = from;
  let last = from - step;
  const state = { hung: false, words: '' };
  child.stderr?.on(
    'data',
    (data: Buffer) => (state.words = (state.words + data.toString('latin1')).slice(-2000)),
  );
  const alarm = setTimeout(() => {
    state.hung = true;
    child.kill('SIGKILL');
  }, SILENCE_MS);
  child.on('message', (outcome: Outcome) => {
    answered.add(outcome.number);
    last = Math.max(last, outcome.number);
    while (answered.delete(first)) first += step;
    see(outcome);
    alarm.refresh();
  });
  child.send(job);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once('close', (...end) => resolve(end)),
  );
  clearTimeout(alarm);
  if (code === 0 && !state.hung) return { missing: [], after: below };
  const missing: number[] = [];
  const lanes = job.mode === 'api' ? MOST_UNDER_WAY : 1;
  let after = first;
  for (let number = first; number < below && (number <= last || missing.length < lanes); number += step) {
    if (!answered.has(number)) missing.push(number);
    after = number + step;
  }
  const how = state.hung ? `no answer within ${SILENCE_MS} ms` : `exit ${code ?? String(signal)}`;
  return {
    missing,
    after,
    end: { what: state.hung ? 'hang' : 'crash', detail: `${how}: ${state.words.trim()}` },
  };
}
