// Which worker meets the demands of a lane: one rule for who claims, who chooses and who explains a wait. Pure.
import { hasLabels } from './labels.ts';
import type { LaneDemand } from './lane.ts';
import type { RuntimeSnapshot } from './runtime.ts';

/** What a worker can do, as far as lanes ask. */
export interface Able {
  runtimes: readonly RuntimeSnapshot[];
  labels: readonly string[];
}

/** Can it run at once what the lane demands? */
export function serves(able: Able, demand: LaneDemand): boolean {
  return (
    hasLabels(able.labels, demand.labels) &&
    able.runtimes.some((runtime) => fits(runtime, demand) && whyOut(runtime, demand) === '')
  );
}

/** Is it a runtime of the kind and version that the lane demands, in order or not? */
export function fits({ runtime, version }: RuntimeSnapshot, demand: LaneDemand): boolean {
  if (runtime !== demand.runtime) return false;
  return demand.python === '' || version === demand.python || version.startsWith(`${demand.python}.`);
}

/** What is out of order with it for such tasks; '' = nothing. */
export function whyOut({ broken, pickles = '' }: RuntimeSnapshot, demand: LaneDemand): string {
  return broken !== '' || !demand.pickled ? broken : pickles;
}

/**
 * What a task of this lane is to fail with, because none of those who would run it can read its pickle, and none will;
 * '' = somebody can or will, or nobody fits at all, and then it waits for one that does.
 */
export function whyNeverRead(workers: readonly Able[], demand: LaneDemand): string {
  if (!demand.pickled) return '';
  let why = '';
  for (const { runtimes, labels } of workers) {
    if (!hasLabels(labels, demand.labels)) continue;
    for (const runtime of runtimes) {
      if (!fits(runtime, demand)) continue;
      // A broken one may be right tomorrow, and read pickles.
      if (runtime.broken !== '' || (runtime.pickles ?? '') === '' || runtime.pickles_soon === true) return '';
      why = runtime.pickles ?? '';
    }
  }
  return why;
}
