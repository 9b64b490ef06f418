// A line to one dispatcher: keeps a session up over one transport. Push and pull implement it.

export interface Line {
  /**
   * There may be something to say (a result, a grant). `soon`: when this turn of the event loop ends; else within
   * GATHER_MS, together with what comes meanwhile, because more is in progress and nobody waits for this alone.
   */
  wake(soon: boolean): void;
  /** Says goodbye where there is somebody to say it to, and closes. Idempotent. */
  close(): Promise<void>;
}

/** What is not urgent waits this long for company, ms. */
export const GATHER_MS = 1;

/** Waits before trying a dispatcher again, ms. */
export const RECONNECT = { baseMs: 100, maxMs: 2_000, factor: 1.7 };
