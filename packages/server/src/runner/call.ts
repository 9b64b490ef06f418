// A call as the runner room sees it, and what it says back. Local executor and worker both speak this, and nothing else.
import type { LogChunk, Outcome, TaskLogs } from '../lifecycle/outcome.ts';
import type { TaskSpec } from '../lifecycle/spec.ts';
import type { RuntimeSnapshot } from '../lifecycle/runtime.ts';

export interface Call {
  /** The attempt's token: names this call between the pool and its owner. Never given to the child. */
  key: string;
  attempt: number;
  spec: TaskSpec;
  args: Buffer;
  /** Monotonic ms after which it is not begun any more, but handed back: its expires_at. */
  startBy?: number | undefined;
}

/** What the pool tells its owner. Callbacks are called from the event loop, never from within a pool method. */
export interface PoolListener {
  /** The user's code began, Unix ms. */
  started(key: string, atMs: number): void;
  /** It printed; only of calls that run longer than 250 ms, at most every 250 ms: for people who follow. */
  printed(key: string, chunk: LogChunk): void;
  /** It is over, with all that is kept of its output (null = it printed nothing). Called exactly once for each call that was submitted, except after cancel() or a successful withdraw(). */
  ended(key: string, outcome: Outcome, startedAtMs: number, logs: TaskLogs | null): void;
  /** Room may have changed (a slot became free, a runtime broke or recovered, prefetch grew). Coalesced per turn. */
  changed(): void;
  /** The code of this digest is needed; answer with provideCode or refuseCode. Asked once until answered. */
  needCode(digest: string): void;
}

export interface PoolRoom {
  /** Slots that would start a call at once. */
  free: number;
  /** How many more calls may be submitted now: free slots plus prefetch, minus what waits. Never negative. */
  credits: number;
  running: number;
  waiting: number;
}

/** One pool of slots; each slot is a child process that runs one call at a time. */
export interface RunnerPool {
  readonly slots: number;
  /** Runtimes found at start, with versions; `broken` says why one is out of order at present. */
  readonly runtimes: readonly RuntimeSnapshot[];
  room(): PoolRoom;
  /** Takes calls. More than `room().credits` is accepted too: they wait. */
  submit(calls: readonly Call[]): void;
  hasCode(digest: string): boolean;
  provideCode(digest: string, bytes: Buffer): void;
  /** The code cannot be had. Calls that wait for it fail where it is `gone` for good, else they are released `no_code`. */
  refuseCode(digest: string, gone: boolean): void;
  /** Drops a waiting call or kills a started one; no `ended` follows. */
  cancel(key: string): void;
  /** Takes back a call that has not been started: true, and no `ended` follows; false where it has. */
  withdraw(key: string): boolean;
  /** Which calls it holds: for heartbeats. */
  held(): { key: string; startedAtMs: number }[];
  /** Waiting calls end as released `drain`; running ones may finish within graceMs, then are killed and released `drain` too. Leaves no process. Idempotent. */
  stop(graceMs: number): Promise<void>;
}
