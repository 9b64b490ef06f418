// Waiting for what a store does in its own time: looks again until it is so; the test's own time limit is the end of it.
import { setTimeout as pause } from 'node:timers/promises';
import type { Hint, Store, SweepReport } from '../../src/store/store.ts';

/** Looks until `look` answers something. */
export async function until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(10);
  }
}

/** Sweeps until a sweep has done what is asked for. */
export function sweptUntil(
  store: Store,
  tenant: string,
  enough: (report: SweepReport) => boolean,
): Promise<SweepReport> {
  return until(async () => {
    const report = await store.sweep(tenant);
    return enough(report) ? report : undefined;
  });
}

/** Collects the hints of one test. */
export async function listen(store: Store): Promise<{ hints: Hint[]; stop: () => Promise<void> }> {
  const hints: Hint[] = [];
  const stop = await store.subscribe((hint) => hints.push(hint));
  return { hints, stop };
}
