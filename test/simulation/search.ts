// Many schedules, one a seed, in threads: until one fails, or all have held.
import { Worker } from 'node:worker_threads';
import type { MutantName } from './mutants.ts';
import type { Found, ThreadOrder, ThreadReport } from './thread.ts';

export interface Search {
  /** The first seed. */
  seed: number;
  runs: number;
  threads: number;
  /** A broken system in place of the real one. */
  mutant: MutantName | undefined;
}

export interface Totals {
  /** Schedules run; all of them, where none failed. */
  schedules: number;
  /** Events carried out. */
  steps: number;
  /** Simulated time in ms. */
  simulatedMs: number;
  /** Real time in ms. */
  tookMs: number;
  /** Processor time of all threads in ms: on a machine that has others to serve, what the search itself costs. */
  processorMs: number;
  tasks: number;
  starts: number;
  /** Tasks that nothing in their own plan kept from completing, and how many of them did. */
  completable: number;
  completed: number;
  /** The failing seed that is nearest to the first one. */
  found: Found | undefined;
}

/** Seeds that a thread is given at a time. */
const CHUNK = 100;
/** Of the tasks that could complete, so many have to: else little was proved, however clean. */
const ENOUGH = 0.9;

/** Runs the schedules of `runs` seeds. Never rejects for a failing one. */
export async function search({ seed, runs, threads, mutant }: Search): Promise<Totals> {
  const started = performance.now();
  const before = process.cpuUsage();
  const totals: Totals = {
    ...{
      schedules: 0,
      steps: 0,
      simulatedMs: 0,
      tookMs: 0,
      processorMs: 0,
      tasks: 0,
      starts: 0,
      completable: 0,
      completed: 0,
    },
    found: undefined,
  };
  let next = 0;
  const order = (): ThreadOrder | undefined => {
    if (next >= runs || totals.found !== undefined) return undefined;
    const from = next;
    next = Math.min(runs, from + CHUNK);
    return { seed: seed + from, runs: next - from, mutant };
  };
  await Promise.all(Array.from({ length: threads }, () => work(order, (report) => addUp(totals, report))));
  totals.tookMs = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  totals.processorMs = (user + system) / 1000;
  return totals;
}

function addUp(totals: Totals, report: ThreadReport): void {
  totals.schedules += report.schedules;
  totals.steps += report.steps;
  totals.simulatedMs += report.simulatedMs;
  totals.tasks += report.tasks;
  totals.starts += report.starts;
  totals.completable += report.completable;
  totals.completed += report.completed;
  const { found } = report;
  if (found !== undefined && (totals.found === undefined || found.seed < totals.found.seed)) totals.found = found;
}

/** '' or why the search proves nothing. */
export function tooLittle({ completable, completed }: Totals): string {
  if (completable > 0 && completed >= ENOUGH * completable) return '';
  return `only ${completed} of ${completable} tasks that could complete did: this run proves nothing`;
}

/** One thread, order by order. */
async function work(order: () => ThreadOrder | undefined, take: (report: ThreadReport) => void): Promise<void> {
  const thread = new Worker(new URL('./thread.ts', import.meta.url));
  await new Promise<void>((resolve, reject) => {
    const give = (): void => {
      const next = order();
      if (next === undefined) resolve();
      else thread.postMessage(next);
    };
    thread.on('message', (report: ThreadReport) => {
      take(report);
      give();
    });
    thread.on('error', reject);
    thread.on('exit', () => reject(new Error('a thread of the search has ended')));
    give();
  }).finally(() => thread.terminate());
}
