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

/** Why a connection is given up whose session `isStuck`. */
export const STUCK = 'has sent arguments in part, and the rest does not come';

/** What is not urgent waits this long for company, ms. */
export const GATHER_MS = 1;

/**
 * Waits before a new try at a dispatcher, ms. A try keeps its socket open for ANSWER_TIMEOUT_MS, and ZeroMQ connects anew
 * every half second at most meanwhile: so one that listens again is reached within a second, however long it was away.
 * The tries themselves are the limit; the jitter keeps many workers from coming in step.
 */
export const RECONNECT = { baseMs: 50, maxMs: 200, factor: 2 };
