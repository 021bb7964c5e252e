// Runs one trial for one subject in a process of its own, and sees how much of the CPU others took meanwhile.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Figure } from './trial.js';

const PROGRAM = fileURLToPath(new URL('run-trial.ts', import.meta.url));
/** Above this share of the machine's CPU time, other processes disturb the figures. */
export const DISTURBED = 0.05;
const LOOK_MS = 2000;
const LOOKS = 30;
const ATTEMPTS = 4;

/** What the child prints. */
export interface Report {
  figures: Figure[];
  /** CPU time of the child itself, ms, from its start. */
  cpuMs: number;
}

/** What one round gave. */
export interface Round {
  figures: Figure[];
  /** Share of the machine's CPU time that other processes used during the round: 0 to 1. */
  others: number;
}

/**
 * @param trial - its name
 * @param subject - its name
 * @param quick - a short run
 * @returns figures and disturbance
 * @throws Error when the child fails; it has printed why
 */
export async function runRound(trial: string, subject: string, quick: boolean): Promise<Round> {
  const before = cpuTimes();
  const effort = quick ? 'quick' : 'full';
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, trial, subject, effort], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const [output, [code]] = await Promise.all([text(child.stdout), ended]);
  if (code !== 0) throw new Error(`Trial "${trial}" failed for "${subject}": its error is printed above.`);
  // The last line: a library may have printed before it.
  const { figures, cpuMs } = JSON.parse(output.trimEnd().split('\n').at(-1)!) as Report;
  return { figures, others: Math.max(0, busyShare(before, cpuTimes(), cpuMs)) };
}

/**
 * As {@link runRound}, on a machine that others use: waits for a quiet moment, and repeats a disturbed round. Rounds
 * are chosen by what others did, never by what they measured.
 * @param trial - its name
 * @param subject - its name
 * @param quick - a short run
 * @returns the first undisturbed round, or the least disturbed one
 */
export async function runQuietRound(trial: string, subject: string, quick: boolean): Promise<Round> {
  let best: Round | undefined;
  for (let attempt = 0; attempt < ATTEMPTS && (best?.others ?? 1) > DISTURBED; attempt++) {
    for (let look = 0; look < LOOKS && (await busyNow()) > DISTURBED; look++);
    const round = await runRound(trial, subject, quick);
    if (best === undefined || round.others < best.others) best = round;
  }
  return best!;
}

async function busyNow(): Promise<number> {
  const before = cpuTimes();
  await sleep(LOOK_MS);
  return busyShare(before, cpuTimes(), 0);
}

interface CpuTimes {
  busy: number;
  total: number;
}

function busyShare(before: CpuTimes, after: CpuTimes, own: number): number {
  return (after.busy - before.busy - own) / (after.total - before.total);
}

function cpuTimes(): CpuTimes {
  let [busy, total] = [0, 0];
  for (const { times } of cpus()) {
    const used = times.user + times.nice + times.sys + times.irq;
    busy += used;
    total += used + times.idle;
  }
  return { busy, total };
}
