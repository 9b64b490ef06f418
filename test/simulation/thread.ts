// One thread of a search: runs the seeds it is given and answers what came of them.
import { parentPort } from 'node:worker_threads';
import { MUTANTS, type MutantName } from './mutants.ts';
import { scheduleOf } from './plan.ts';
import { run } from './run.ts';
import { REAL } from './variant.ts';

export interface ThreadOrder {
  seed: number;
  runs: number;
  mutant: MutantName | undefined;
}

/** A schedule that failed. */
export interface Found {
  seed: number;
  violation: string;
}

export interface ThreadReport {
  schedules: number;
  steps: number;
  simulatedMs: number;
  tasks: number;
  starts: number;
  completable: number;
  completed: number;
  found: Found | undefined;
}

// A store that is away is an answer like any other here, and there are millions: nobody reads where it came from.
Error.stackTraceLimit = 0;

parentPort?.on('message', (order: ThreadOrder) => {
  void carryOut(order).then((report) => parentPort!.postMessage(report));
});

async function carryOut({ seed, runs, mutant }: ThreadOrder): Promise<ThreadReport> {
  const variant = mutant === undefined ? REAL : MUTANTS[mutant];
  const report: ThreadReport = {
    ...{ schedules: 0, steps: 0, simulatedMs: 0, tasks: 0, starts: 0, completable: 0, completed: 0 },
    found: undefined,
  };
  for (let n = seed; n < seed + runs && report.found === undefined; n += 1) {
    const { violation, steps, lastedMs, tasks, starts, completable, completed } = await run(scheduleOf(n), variant);
    report.schedules += 1;
    report.steps += steps;
    report.simulatedMs += lastedMs;
    report.tasks += tasks;
    report.starts += starts;
    report.completable += completable;
    report.completed += completed;
    if (violation !== '') report.found = { seed: n, violation };
  }
  return report;
}
