// How many calls may sit in one runner's pipe: a pure policy.
// Short calls are sent ahead so that the child never waits for us. Behind a call of middling length sits one, so that its
// slot goes on without us; behind a call that may be long, none.

/** Calls that a pipe takes at least, the running one among them, where all are short. */
export const LEAST_DEEP = 4;
/** Calls that a pipe takes at most. */
export const MOST_DEEP = 64;
/**
 * Run time that a pipe may hold, in ms, by the mean of its slowest function: what a turn of a busy parent takes, so that
 * the child works meanwhile and its answers come many at a time.
 */
export const PIPE_MS = 4;
/** Arguments in a pipe, in bytes, beyond which it takes no more than the least. */
export const PIPE_BYTES = 1024 * 1024;
/** A pipe is filled up again when no more than this share of it is left: many calls in one write cost little more than one. */
export const REFILL_SHARE = 0.5;
/** Weight of the newest run time in a function's mean; the first ones weigh alike. */
const WEIGHT = 1 / 16;
/** Calls that take no longer than this in the mean, in ms, are of middling length: one is held for each slot, and may sit behind the running one. */
export const NEXT_ONE_MS = 150;
/** Where a call has longer than this to wait behind others, in ms, a slot that is free takes it over. */
export const OVERDUE_MS = PIPE_MS;
/** Results of a function before it is believed to be short. */
export const TRUSTED_RESULTS = 8;
/** A call longer than this is slow, in ms. */
export const SLOW_MS = 20;
/** A running call is slow for certain after this, in ms; before, a busy machine may be what is slow: the child says at the answer. */
export const STUCK_MS = 100;
/** How long a slow call is remembered, in ms. */
export const SLOW_MEMORY_MS = 10_000;
/** So many results that are not slow are remembered no less: a busy machine makes one of thousands slow. */
export const HICCUP_RESULTS = 2_000;

/** What is known of a function's run times. */
export interface Pace {
  results: number;
  /** Mean of its recent run times, in ms. */
  meanMs: number;
  /** Monotonic ms of its last slow call that was no hiccup, or -Infinity. */
  slowAt: number;
  /** Results since its last slow call. */
  sinceSlow: number;
  /** It writes to the raw descriptors, whose bytes carry no call's number: only one call at a time can own them. */
  raw: boolean;
}

/**
 * How many short calls a pipe takes: as many as make up PIPE_MS, while their arguments are small.
 * @param meanMs - of the slowest function in it
 * @param bytes - of the arguments in it
 */
export function depthFor(meanMs: number, bytes: number): number {
  if (bytes > PIPE_BYTES) return LEAST_DEEP;
  return Math.max(LEAST_DEEP, Math.floor(PIPE_MS / Math.max(meanMs, PIPE_MS / MOST_DEEP)));
}

/** Takes a run time into account. */
export function notePace(pace: Pace, runMs: number, nowMono: number): void {
  pace.results += 1;
  pace.meanMs += Math.max(WEIGHT, 1 / pace.results) * (runMs - pace.meanMs);
  if (runMs > SLOW_MS) noteSlow(pace, nowMono);
  else pace.sinceSlow += 1;
}

/** A call of it has turned out slow. The first one after many that were not is a hiccup of the machine's. */
export function noteSlow(pace: Pace, nowMono: number): void {
  if (pace.sinceSlow < HICCUP_RESULTS) pace.slowAt = nowMono;
  pace.sinceSlow = 0;
}

/** May calls of this function sit behind, or before, another in a pipe? */
export function mayQueue(pace: Pace, nowMono: number): boolean {
  if (pace.results < TRUSTED_RESULTS || pace.raw) return false;
  return nowMono - pace.slowAt >= SLOW_MEMORY_MS || pace.sinceSlow >= HICCUP_RESULTS;
}

/** May one call of this function sit behind, or before, another in a pipe, also where both are no short ones? */
export function mayBeNext(pace: Pace): boolean {
  return pace.results >= TRUSTED_RESULTS && !pace.raw && pace.meanMs <= NEXT_ONE_MS;
}

/** A call that runs for longer than this, in ms, is longer than calls with this mean are: nothing is to wait behind it. */
export function longAfterMs(meanMs: number): number {
  return Math.min(NEXT_ONE_MS, Math.max(SLOW_MS, 1.5 * meanMs));
}

/** Must the bytes of its raw output be waited for before another call begins? */
export function mustSettle(pace: Pace): boolean {
  return pace.raw || pace.results < TRUSTED_RESULTS;
}
