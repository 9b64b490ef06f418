// The store: one asynchronous interface, two implementations (redis/, embedded/), one conformance suite.
// Every verb takes many where many make sense; every verb takes the tenant; nothing of Redis or SQLite leaks through.
//
// Invariants that every implementation keeps (the conformance suite names them by number):
//  S1  A submitted task is durable before submit resolves, and it is in the queue: no third state.
//  S2  claim gives every task a new attempt and token, overwriting the last; no task is handed out twice at a time.
//  S3  renew, release and settle act only where (attempt, token) are the current ones and the task is RUNNING.
//  S4  settle answers accepted, duplicate (ended by this very token) or stale; an accepted end never changes.
//  S5  Only losses and abandonments are counted, each in its own counter; a release changes no counter.
//  S6  A requeue after release, loss or lease end keeps the task's first score; a retry gets a new one.
//  S7  Order in one shard: lower score first, across all lanes of one claim.
//  S8  Hints are published inside the act, after its last write, or ahead of it where a claim that is asked for at the hint
//      comes after the act; nothing depends on one.
//  S9  All times are the store's own; the caller's clock is never compared with them.
import type { FailureKind, TaskState, TerminalState } from '@mpcsfaas/contract';
import type { AttemptNote, ErrorInfo, LogChunk, ReleaseReason, ResultForms, TaskLogs } from '../lifecycle/outcome.ts';
import type { Fence } from '../lifecycle/fence.ts';
import type { TaskSpec } from '../lifecycle/spec.ts';
import type { FunctionStore } from './functions.ts';
import type { FleetStore } from './fleet.ts';

export interface Store extends QueueStore, ResultStore, FunctionStore, FleetStore {
  /** 'redis' or 'embedded': for people, never for branching. */
  readonly kind: string;
  /** Number of shards, written at the first start; fixed while tasks exist. */
  readonly shards: number;
  /** One cheap round trip. Never rejects; `warnings` are for /readyz (eviction policy, AOF not as asked for). */
  health(): Promise<StoreHealth>;
  /** '' or why nothing new is accepted though the store is there: its disk or memory is full. Never rejects. For /readyz. */
  refusal(): Promise<string>;
  /** The store's time, Unix ms. */
  now(): Promise<number>;
  /** Stops and releases everything; idempotent. */
  close(): Promise<void>;
}

export interface StoreHealth {
  ok: boolean;
  /** One sentence where not ok. */
  detail: string;
  /** e.g. 'redis 7.0.15', 'sqlite 3.50'. */
  version: string;
  warnings: string[];
  /** Sentences on loops inside the store that do not come round; acts may go well all the same. */
  troubles: string[];
}

/** Thrown by any verb when the store cannot be reached or refuses to write. The service answers 503. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable';
  /** Of a batch submit: the indexes that were accepted before the fault. */
  accepted: number[] = [];
}

// ── the queue ────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Where one of several shards is away, an act on tasks of many rejects as a whole, though it was done in the others: whoever
 * must not wait for that one asks for each shard's tasks by themselves.
 */
export interface QueueStore {
  /** Would an act on this shard be done at once, as far as is known? */
  isReady(shard: number): boolean;
  /**
   * Accepts tasks: all go to `shard`. Each is QUEUED, or DELAYED where spec.not_before lies ahead. Looked at whole before
   * the first write: a conflict, or a queue that is full, refuses all that are new.
   */
  submit(tenant: string, shard: number, tasks: readonly Submission[], limits: QueueLimits): Promise<SubmitAnswer[]>;
  /** How many of these idempotency keys came before: what is submitted under them is not new. Writes nothing. */
  cameBefore(tenant: string, shard: number, keys: readonly string[]): Promise<number>;
  /**
   * Hands out up to `max` waiting tasks of these lanes, best score first, with payloads. Expired ones are ended, not handed
   * out. Ahead of them, and beyond `max`, comes what an earlier claim of this claimer handed out without its answer arriving
   * (docs/decisions/0044); without lanes nothing else does. Of several shards, those that `from` names are taken from.
   */
  claim(
    tenant: string,
    claimer: string,
    lanes: readonly LaneQuota[],
    max: number,
    from?: (shard: number) => boolean,
  ): Promise<Claim>;
  /** Extends leases; answers per fence whether it is still the current one. `note` tells what the record shows. */
  renew(tenant: string, fences: readonly Renewal[]): Promise<boolean[]>;
  /** Gives tasks back, uncharged, under their first score; answers per fence whether it was current. */
  release(tenant: string, releases: readonly Release[]): Promise<boolean[]>;
  /** Ends attempts: an end, a loss, or a retry by the user's policy. */
  settle(tenant: string, settlements: readonly Settlement[]): Promise<SettleAnswer[]>;
  /** Ends tasks that have not ended as CANCELED; else says which end won. */
  cancel(tenant: string, ids: readonly string[]): Promise<CancelAnswer[]>;
  /**
   * The named claimer is known to be gone with all it ran (a runner pool dies with its process): each of its RUNNING
   * tasks counts an abandonment and is requeued at once (at-most-once ones end FAILED `lost`). Answers how many.
   */
  abandon(tenant: string, claimer: string): Promise<number>;
  /** Promotes what is due, ends what expired in the queue, requeues what lost its lease, deletes what is past retention. ≤ 256 entries of each kind a call; `more` says call again. Leases are let be in the first lease time after a (re)connect: the owners renew first. */
  sweep(tenant: string): Promise<SweepReport>;
  /** Lanes with waiting tasks, how many wait in each and since when: what claims need. Shards that are away are left out where there are others. */
  lanes(tenant: string): Promise<LaneDepth[]>;
  /** Hints. The callback never throws. Resolves once subscribed; the answer unsubscribes. */
  subscribe(onHint: (hint: Hint) => void): Promise<() => Promise<void>>;
  /** Counters and depths. */
  stats(tenant: string): Promise<QueueStats>;
}

export interface Submission {
  spec: TaskSpec;
  /** Its packed header; tasks that share a header share the buffer. */
  packed: Buffer;
  lane: string;
  args: Buffer;
  /** Idempotency key with a digest of the content, where the caller gave one. */
  key?: { name: string; content: string };
}

/** Of a shard. Refused as a whole, before the first write, when passed. What came before takes no room, so it is told all the same. */
export interface QueueLimits {
  maxTasks: number;
  maxBytes: number;
}

export type SubmitAnswer =
  | { is: 'accepted'; id: string; submittedAt: number }
  /** The same key and content came before: that task. */
  | { is: 'replayed'; id: string }
  /** The same key, other content: nothing of the call is accepted. */
  | { is: 'conflict'; id: string }
  /** New, but another task of the call is in conflict. */
  | { is: 'refused' }
  /** `alone`: what is new of the call is more than an empty queue may hold. */
  | { is: 'queue_full'; limit: 'max_queued_tasks' | 'max_queued_bytes'; alone: boolean };

export interface LaneQuota {
  lane: string;
  /** At most this many of this lane. */
  max: number;
}

export interface Claim {
  tasks: ClaimedTask[];
  /** Waiting tasks within the quotas may have been left. False: none were, and what comes next is told by a hint. */
  more: boolean;
  /** A part of the store has not answered and may have handed out what is not in `tasks`: the next claim asks for it. */
  owes: boolean;
}

export interface ClaimedTask {
  fence: Fence;
  spec: TaskSpec;
  /** Its packed header, forwarded to workers as it is; tasks that share a header share the buffer. */
  packed: Buffer;
  lane: string;
  args: Buffer;
  losses: number;
  /** How often the user's own retry policy has sent it round again (settled as 'retry'). */
  retries: number;
  /** How long after the claim it may still be started, ms by the store's clock; undefined = for ever. */
  startWithinMs?: number | undefined;
}

export interface Renewal {
  fence: Fence;
  /** The worker that holds it, '' where unknown. */
  worker: string;
  /** Unix ms by the worker at which the user's code began; 0 while it waits. */
  startedAt: number;
}

export interface Release {
  fence: Fence;
  reason: ReleaseReason;
  worker: string;
  message: string;
  /** Unix ms at which the user's code had begun; 0 or left out = it had not. */
  startedAt?: number;
}

export type Settlement = { fence: Fence; worker: string; startedAt: number; logs: TaskLogs | null } & (
  | { is: 'end'; state: 'COMPLETED'; result: ResultForms }
  | { is: 'end'; state: 'FAILED'; kind: FailureKind; error: ErrorInfo; pickle?: Buffer }
  /** Charged; requeued, or FAILED `lost` once losses reach spec.max_attempts (at once for at_most_once). */
  | { is: 'loss'; error: ErrorInfo }
  /** The user's retry policy: DELAYED for delayMs under a new score. `error` is noted in the history. */
  | { is: 'retry'; delayMs: number; error: ErrorInfo }
);

export type SettleAnswer =
  { is: 'accepted'; state: TaskState } | { is: 'duplicate'; state: TaskState } | { is: 'stale' };

export type CancelAnswer =
  { is: 'canceled'; wasRunning: boolean } | { is: 'ended'; state: TerminalState } | { is: 'unknown' };

export interface SweepReport {
  /** Why leases were let be: '' or a sentence ('first lease time after a reconnect'). */
  skipped: string;
  promoted: number;
  expired: number;
  /** Lost their lease: requeued or ended `lost`. */
  abandoned: number;
  deleted: number;
  more: boolean;
  /** In how many ms the next delayed task is due or the next waiting one expires; Infinity where none does. */
  nextMs: number;
}

export interface LaneDepth {
  lane: string;
  waiting: number;
  /** Unix ms at which the oldest waiting task was submitted. */
  oldestAt: number;
}

export type Hint =
  /** Work is waiting, or will be in a moment: a claim that is asked for now sees it. */
  | { is: 'work'; lanes: string[] }
  /** Tasks ended; `result` rides along where it is small (≤ 1 KiB). */
  | { is: 'ends'; ends: TaskEnd[] }
  /** These RUNNING tasks were canceled: whoever holds them drops or kills them. */
  | { is: 'canceled'; ids: string[] }
  /** The connection was lost and is back: read again all you wait for. */
  | { is: 'reconnected' };

export interface TaskEnd {
  id: string;
  state: TerminalState;
  kind: FailureKind | '';
  group: string;
  functionId: string;
  endedAt: number;
  /** Small enough to ride along; absent = read it. */
  end?: EndedTask;
}

export interface QueueStats {
  submitted: number;
  /** By end: 'COMPLETED', or the failure kind. */
  ended: Record<string, number>;
  /** By cause: 'lost', 'abandoned', 'released', 'retry'. */
  requeued: Record<string, number>;
  /** How many tasks are in each state that is not terminal. */
  states: Record<'QUEUED' | 'DELAYED' | 'BLOCKED' | 'RUNNING', number>;
  queuedBytes: number;
  lanes: LaneDepth[];
}

// ── records, results, logs, events ───────────────────────────────────────────────────────────────────────────────

export interface ResultStore {
  /** Records in the order asked; undefined where there is none. */
  tasks(tenant: string, ids: readonly string[]): Promise<(TaskRecord | undefined)[]>;
  /** States alone, at the price of one read. */
  states(tenant: string, ids: readonly string[]): Promise<(TaskState | undefined)[]>;
  /** How far each is: its end with the payloads, or its state; undefined where it is unknown. */
  progress(tenant: string, ids: readonly string[]): Promise<(TaskProgress | undefined)[]>;
  /** The arguments, for a retry as a new task. */
  args(tenant: string, id: string): Promise<Buffer | undefined>;
  /** Newest first; the cursor is stable under inserts. A page may be short, even empty, while nextCursor is set. */
  list(
    tenant: string,
    filter: TaskFilter,
    limit: number,
    cursor: string,
  ): Promise<{ ids: string[]; nextCursor: string }>;
  /** Keeps an ended task and its result until unpinned. False where unknown. */
  pin(tenant: string, id: string, pinned: boolean): Promise<boolean>;
  /** Adds what a running call printed (offsets make it idempotent); keeps head and tail within `limits`. */
  appendLogs(
    tenant: string,
    entries: readonly { id: string; attempt: number; chunks: readonly LogChunk[] }[],
    limits: LogLimits,
  ): Promise<void>;
  /** What is kept of the newest attempt's output. */
  logs(tenant: string, id: string): Promise<{ attempt: number; logs: TaskLogs } | undefined>;
  /** Ends after a cursor ('' = from now: answers no items and the current cursor), oldest first; 'reset' when the cursor is too old. */
  events(tenant: string, after: string, limit: number): Promise<EventPage>;
  /**
   * The same of what was announced to this process, without a read: some of what comes after the cursor, without a gap.
   * Undefined where nothing has been heard, or something may be missing: then it is read.
   */
  announced(tenant: string, after: string, limit: number): EventPage | undefined;
}

export interface EventPage {
  items: (TaskEnd & { cursor: string })[];
  cursor: string;
  reset: boolean;
}

export interface TaskRecord {
  spec: TaskSpec;
  state: TaskState;
  attempt: number;
  losses: number;
  abandonments: number;
  /** Settled as 'retry' so many times. */
  retries: number;
  /** Unix ms; 0 where it has not happened. */
  submittedAt: number;
  claimedAt: number;
  startedAt: number;
  endedAt: number;
  /** Of a DELAYED task: when it is due, Unix ms. */
  dueAt: number;
  worker: string;
  kind: FailureKind | '';
  error: ErrorInfo | null;
  history: AttemptNote[];
  pinned: boolean;
  argsBytes: number;
  resultBytes: number;
}

export type TaskProgress = { is: 'ended'; end: EndedTask } | { is: 'open'; state: TaskState };

export interface EndedTask {
  id: string;
  state: TerminalState;
  kind: FailureKind | '';
  error: ErrorInfo | null;
  result: ResultForms;
  /** Which forms were asked for, so that the reader knows what is missing on purpose. */
  resultAs: TaskSpec['result_as'];
  runtime: TaskSpec['runtime'];
  endedAt: number;
  /** It failed after attempts that came to nothing. */
  hasHistory: boolean;
  /** Where it has one and a reader asked for it: why they did. */
  history?: readonly AttemptNote[];
}

export interface TaskFilter {
  states?: TaskState[];
  functionId?: string;
  group?: string;
  tag?: string;
  /** Submitted at or after / before, Unix ms. */
  since?: number;
  until?: number;
}

export interface LogLimits {
  headBytes: number;
  tailBytes: number;
}
