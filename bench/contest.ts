// Contestants in alternation: every round runs each of them once, so that a noisy minute hits all alike. Who is not in turn
// is stopped (SIGSTOP): what a contestant does while idle would be taken from the one in turn.
import { setTimeout as pause } from 'node:timers/promises';
import { descendantsOf } from './cpu.ts';
import type { Figure, Plan } from './measure.ts';
import { quantile } from './statistics.ts';

export interface Score {
  tasks: number;
  seconds: number;
  /** Results that were not what was expected. */
  wrong: number;
  /** Of single calls, ms. */
  latencies?: number[];
  /** CPU ms by program during the run. */
  cpu?: Record<string, number>;
  /** The most that was resident during the run, bytes by program. */
  peaks?: Record<string, number>;
}

export interface Player {
  /** How it is configured. */
  how: string;
  run(seconds: number): Promise<Score>;
  /** The programs it has started; what they have started goes with them. */
  pids: () => number[];
  stop: () => Promise<void>;
}

export interface Contestant {
  name: string;
  /** Rejects with `Absent` where a program is missing. */
  start: () => Promise<Player>;
}

/** A contestant whose program is not on this machine. */
export class Absent extends Error {
  override name = 'Absent';
}

export interface Contest {
  scores: Map<string, Score[]>;
  figures: Figure[];
  notes: string[];
}

/** After it was woken a contestant plays so long unmeasured, s: heartbeats, connections and caches are as in use again. */
const WAKE_UP = 2;
/** Woken servers close what has been idle for too long before anybody may send on it. */
const CLOSING_MS = 300;

/** Starts all, warms all up, runs all in turn, stops all. A wrong result ends the bench: a fast lie is no figure. */
export async function contest(contestants: readonly Contestant[], plan: Plan): Promise<Contest> {
  const players: { name: string; player: Player }[] = [];
  const alternate = !plan.quick && contestants.length > 1;
  const notes: string[] = [];
  const scores = new Map<string, Score[]>();
  // What is stopped hears of no Ctrl-C.
  const interrupted = (): never => {
    for (const { player } of players) {
      signal(player, 'SIGCONT');
      signal(player, 'SIGTERM');
    }
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    for (const { name, start } of contestants) {
      try {
        const player = await start();
        players.push({ name, player });
        if (alternate) await wake(player);
        await checked(name, player, plan.warmUp);
        if (alternate) signal(player, 'SIGSTOP');
        if (player.how !== '') notes.push(`${name}: ${player.how}`);
      } catch (error) {
        if (!(error instanceof Absent)) throw error;
        notes.push(`${name}: NOT MEASURED: ${error.message}`);
        plan.note(`!! ${name} is left out: ${error.message}`);
      }
    }
    for (let round = 1; round <= plan.runs; round += 1) {
      for (const { name, player } of players) {
        if (alternate) {
          await wake(player);
          await checked(name, player, WAKE_UP);
        }
        const score = await checked(name, player, plan.seconds);
        if (alternate) signal(player, 'SIGSTOP');
        scores.set(name, [...(scores.get(name) ?? []), score]);
        plan.note(`round ${round}/${plan.runs} ${name}: ${Math.round(score.tasks / score.seconds)} tasks/s`);
      }
    }
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    for (const { player } of players) signal(player, 'SIGCONT');
    await Promise.all(players.map(({ player }) => player.stop()));
  }
  return { scores, figures: [...scores].map(([name, all]) => throughput(name, all)), notes };
}

/** It may play again; at its start, too: its system may be another contestant's that has had its turn. */
async function wake(player: Player): Promise<void> {
  signal(player, 'SIGCONT');
  await pause(CLOSING_MS);
}

/** To all programs of a player. */
function signal(player: Player, name: 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void {
  for (const pid of player.pids().flatMap((root) => [root, ...descendantsOf(root)])) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended since it was listed.
    }
  }
}

async function checked(name: string, player: Player, seconds: number): Promise<Score> {
  const score = await player.run(seconds);
  if (score.wrong > 0) throw new Error(`${name}: ${score.wrong} of ${score.tasks} results are wrong`);
  return score;
}

function throughput(name: string, scores: readonly Score[]): Figure {
  const figure: Figure = { name, unit: 'tasks/s', samples: scores.map(({ tasks, seconds }) => tasks / seconds) };
  const cpu = cpuATask(scores);
  return cpu === undefined ? figure : { ...figure, cpu };
}

/** p50 and p99 of each contestant's latencies, ms, a sample a run. */
export function percentiles(scores: Contest['scores']): Figure[] {
  return [...scores].flatMap(([name, all]) =>
    [0.5, 0.99].map((share) => ({
      name: `${name}, p${share * 100}`,
      unit: 'ms',
      samples: all.map(({ latencies = [] }) => quantile(latencies, share)),
    })),
  );
}

/** CPU µs a task by program, over all runs. */
function cpuATask(scores: readonly Score[]): Record<string, number> | undefined {
  const tasks = scores.reduce((sum, score) => sum + score.tasks, 0);
  const total: Record<string, number> = {};
  for (const { cpu = {} } of scores) {
    for (const [program, ms] of Object.entries(cpu)) total[program] = (total[program] ?? 0) + ms;
  }
  const entries = Object.entries(total);
  return entries.length === 0
    ? undefined
    : Object.fromEntries(entries.map(([name, ms]) => [name, (ms * 1000) / tasks]));
}
