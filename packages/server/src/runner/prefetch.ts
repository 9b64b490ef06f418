// How many calls a pool takes beyond its free slots: a pure policy. Short calls need a store of work, so that a slot
// does not wait for a claim's way; a long one must not hold work that another worker could do.
//
// What waits belongs to the pool, not to a slot, so one long call holds nothing up while other slots move on: only the
// slots that move count. A single hiccup of a short function weighs little, because one run time counts only so much.
import { SLOW_MS, TRUSTED_RESULTS } from './depth.ts';

/** Work to hold for each slot, in ms of run time. */
export const TARGET_MS = 20;
/** Calls to hold for each slot, at most. */
export const MOST_PER_SLOT = 128;
/** Weight of the newest run time in the mean; the first ones weigh alike. */
const WEIGHT = 1 / 16;
/** A run time counts as this much at most, in ms. */
const MOST_MS = 2 * SLOW_MS;

/** Run times of all recent calls of a pool. */
export interface RunTimes {
  results: number;
  meanMs: number;
}

export const NO_RUN_TIMES: RunTimes = { results: 0, meanMs: 0 };

/** The run times after one more call of `runMs`. */
export function observe(times: RunTimes, runMs: number): RunTimes {
  const counted = Math.min(runMs, MOST_MS);
  const meanMs =
    times.results === 0 ? counted : times.meanMs + Math.max(WEIGHT, 1 / (times.results + 1)) * (counted - times.meanMs);
  return { results: times.results + 1, meanMs };
}

/** Calls to hold beyond the free slots. `moving`: slots that are free, or whose call is not slow (yet). */
export function prefetchFor(moving: number, times: RunTimes): number {
  if (times.results < TRUSTED_RESULTS) return 0;
  const each = Math.floor(TARGET_MS / Math.max(times.meanMs, TARGET_MS / MOST_PER_SLOT));
  return moving * Math.min(MOST_PER_SLOT, each);
}
