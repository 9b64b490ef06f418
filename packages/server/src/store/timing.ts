// The store's own times and bounds; docs/guarantees.md explains them.

/** How long a claim or renewal holds, ms. */
export const LEASE_MS = 4000;
/** How often a task's lease may run out before it ends `lost`. */
export const MAX_ABANDONMENTS = 10;
/** Entries of each kind that one sweep looks at. */
export const SWEEP_ENTRIES = 256;
/** The event log keeps this much, whichever is less. */
export const EVENTS_KEPT_MS = 600_000;
export const EVENTS_KEPT = 100_000;
/** A result of at most this many bytes rides along with the announcement of its end. */
export const RIDE_ALONG_BYTES = 1024;
/** Argument bytes that one claim hands out at most (one task always fits). */
export const CLAIM_BYTES = 32 * 1024 * 1024;
/** Records that one page of a filtered listing looks at. */
export const LIST_SCAN = 5000;
