// How many calls may sit in one runner's pipe: a pure policy.
// Short calls are sent ahead so that the child never waits for us; a call that may be long never has one behind it.

/** Calls in a runner's pipe, the running one among them, where all are short. */
export const DEEP = 4;
/** A pipe is filled up again when it holds no more than this: two calls in one write cost little more than one. */
export const REFILL_AT = 2;
/** Results of a function before it is believed to be short. */
export const TRUSTED_RESULTS = 8;
/** A call longer than this is slow, in ms. */
export const SLOW_MS = 20;
/** A running call is slow for certain after this, in ms; before, a busy machine may be what is slow: the child says at the answer. */
export const STUCK_MS = 100;
/** How long a slow call is remembered, in ms. */
export const SLOW_MEMORY_MS = 10_000;

/** What is known of a function's run times. */
export interface Pace {
  results: number;
  /** Monotonic ms of its last slow call, or -Infinity. */
  slowAt: number;
  /** It writes to the raw descriptors, whose bytes carry no call's number: only one call at a time can own them. */
  raw: boolean;
}

/** May calls of this function sit behind, or before, another in a pipe? */
export function mayQueue(pace: Pace, nowMono: number): boolean {
  return pace.results >= TRUSTED_RESULTS && !pace.raw && nowMono - pace.slowAt >= SLOW_MEMORY_MS;
}

/** Must the bytes of its raw output be waited for before another call begins? */
export function mustSettle(pace: Pace): boolean {
  return pace.raw || pace.results < TRUSTED_RESULTS;
}
