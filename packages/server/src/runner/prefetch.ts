// How many calls a pool takes beyond its free slots: a pure policy. Short calls need a store of work, so that a slot
// does not wait for a claim's way; a long one must not hold work that another worker could do. Between the two one call a
// slot waits: its slot goes on at once, and where another becomes free elsewhere, it has lost no more than one run time.
//
// What waits belongs to the pool, not to a slot, so one long call holds nothing up while other slots move on: only the
// slots that move count. A single hiccup of a short function weighs little, because one run time counts only so much.
import { longAfterMs, NEXT_ONE_MS, SLOW_MS, TRUSTED_RESULTS } from './depth.ts';

/** Work to hold for each slot, in ms of run time. */
export const TARGET_MS = 20;
/** Calls to hold for each slot, at most. */
export const MOST_PER_SLOT = 128;
/** Weight of the newest run time in the mean; the first ones weigh alike. */
const WEIGHT = 1 / 16;
/** A run time counts as this much at most in what short calls are told by, in ms. */
const MOST_MS = 2 * SLOW_MS;
/** The same, in what long calls are told by. */
const MOST_LONG_MS = 1000;

/** Run times of all recent calls of a pool. */
export interface RunTimes {
  results: number;
  /** Of what counts as MOST_MS at most: a hiccup weighs little. */
  meanMs: number;
  /** Of what counts as MOST_LONG_MS at most: long calls are told from very long ones. */
  longMeanMs: number;
}

export const NO_RUN_TIMES: RunTimes = { results: 0, meanMs: 0, longMeanMs: 0 };

/** The run times after one more call of `runMs`. */
export function observe(times: RunTimes, runMs: number): RunTimes {
  const results = times.results + 1;
  const weight = Math.max(WEIGHT, 1 / results);
  return {
    results,
    meanMs: times.meanMs + weight * (Math.min(runMs, MOST_MS) - times.meanMs),
    longMeanMs: times.longMeanMs + weight * (Math.min(runMs, MOST_LONG_MS) - times.longMeanMs),
  };
}

/** A call that runs for longer than this, in ms, does not move: it takes longer than calls here do, or is one for which none waits. */
export function moveWithinMs({ longMeanMs }: RunTimes): number {
  return longMeanMs > NEXT_ONE_MS ? SLOW_MS : longAfterMs(longMeanMs);
}

/** Calls to hold beyond the free slots. `moving`: slots that are free, or whose call may be over soon (`moveWithinMs`). */
export function prefetchFor(moving: number, times: RunTimes): number {
  if (times.results < TRUSTED_RESULTS) return 0;
  const each = Math.floor(TARGET_MS / Math.max(times.meanMs, TARGET_MS / MOST_PER_SLOT));
  const least = times.longMeanMs <= NEXT_ONE_MS ? 1 : 0;
  return moving * Math.min(MOST_PER_SLOT, Math.max(least, each));
}
