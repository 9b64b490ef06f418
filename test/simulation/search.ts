// Many schedules, one a seed, in threads: until one fails, or all have held.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { MutantName } from './mutants.ts';
import type { Found, ThreadOrder, ThreadReport } from './thread.ts';

export interface Search {
  /** The first seed. */
  seed: number;
  runs: number;
  /** A broken system in place of the real one. */
  mutant: MutantName | undefined;
  /** Ends it early: what was begun is run, and what was run is told. */
  stop?: AbortSignal;
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

/** Seeds that a thread is given at a time. When another has found one that fails, it runs the rest of these in vain. */
const CHUNK = 20;
/** Of the tasks that could complete, so many have to: else little was proved, however clean. */
const ENOUGH = 0.9;

interface Thread {
  worker: Worker;
  /** Rejects when it has ended, which it does only where something is wrong. */
  gone: Promise<never>;
}

/** Threads that search, one search after the other: each reads and compiles the whole system once for all of them. */
export class Searchers {
  readonly #threads: Thread[];

  constructor(count: number) {
    this.#threads = Array.from({ length: count }, startThread);
  }

  /** Runs the schedules of `runs` seeds. Never rejects for a failing one. */
  search(search: Search): Promise<Totals> {
    return searchWith(this.#threads, search);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }
}

function startThread(): Thread {
  const worker = new Worker(new URL('./thread.ts', import.meta.url), {
    // A schedule's objects die with it: in a young generation of that size most of them never have to be moved.
    resourceLimits: { maxYoungGenerationSizeMb: 96 },
  });
  const gone = once(worker, 'exit').then(() => Promise.reject(new Error('a thread of the search has ended')));
  // Told to whoever searches; between searches and in the end nobody does.
  gone.catch(() => undefined);
  return { worker, gone };
}

async function searchWith(threads: readonly Thread[], { seed, runs, mutant, stop }: Search): Promise<Totals> {
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
    if (next >= runs || totals.found !== undefined || stop?.aborted === true) return undefined;
    const from = next;
    next = Math.min(runs, from + CHUNK);
    return { seed: seed + from, runs: next - from, mutant };
  };
  await Promise.all(threads.map((thread) => work(thread, order, (report) => addUp(totals, report))));
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
async function work(
  { worker, gone }: Thread,
  order: () => ThreadOrder | undefined,
  take: (report: ThreadReport) => void,
): Promise<void> {
  for (let next = order(); next !== undefined; next = order()) {
    const answer = once(worker, 'message') as Promise<[ThreadReport]>;
    worker.postMessage(next);
    const [report] = await Promise.race([answer, gone]);
    take(report);
  }
}
