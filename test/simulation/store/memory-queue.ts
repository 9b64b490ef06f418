// One tenant's queue in memory: the acts of the embedded store without its tables, made of the same pure rules
// (store/rules.ts, store/submit-rules.ts, lifecycle/moves.ts). What an act does happens at once and whole.
import { HISTORY_KEPT, type FailureKind, type TaskState } from '@mpcsfaas/contract';
import type { Fence } from '../../../packages/server/src/lifecycle/fence.ts';
import { newToken } from '../../../packages/server/src/lifecycle/ids.ts';
import { isLegal, type Act } from '../../../packages/server/src/lifecycle/moves.ts';
import { scoreOf } from '../../../packages/server/src/lifecycle/order.ts';
import type { AttemptNote, ErrorInfo, ResultForms } from '../../../packages/server/src/lifecycle/outcome.ts';
import {
  ABANDONED,
  ABANDONED_ONCE,
  CANCELED,
  EXPIRED,
  LEASE_RAN_OUT,
  finalLoss,
} from '../../../packages/server/src/store/platform-error.ts';
import { startWithinMs, type Fate, type Rules } from '../../../packages/server/src/store/rules.ts';
import { hasHistory, noted } from '../../../packages/server/src/store/history.ts';
import { STATE_CODE, endOf, hasEnded, stateOf } from '../../../packages/server/src/store/state-code.ts';
import type {
  CancelAnswer,
  Claim,
  ClaimedTask,
  Hint,
  LaneDepth,
  LaneQuota,
  QueueLimits,
  Release,
  Renewal,
  SettleAnswer,
  Settlement,
  Submission,
  SubmitAnswer,
  SweepReport,
  TaskEnd,
} from '../../../packages/server/src/store/store.ts';
import { filledForms } from '../../../packages/server/src/store/result-forms.ts';
import { byId, byKey, judged, type Accepted } from '../../../packages/server/src/store/submit-rules.ts';
import { CLAIM_BYTES, RIDE_ALONG_BYTES, SWEEP_ENTRIES } from '../../../packages/server/src/store/timing.ts';
import { newTask, resultBytes, type MemoryTask } from './memory-task.ts';

/** Who sees every move, as soon as it is written. */
export interface Watcher {
  inserted(task: MemoryTask): void;
  /** `shown`: the fence that the caller showed, or was given by a claim; undefined for what the platform does. */
  moved(task: MemoryTask, act: Act, from: TaskState, shown?: Fence, settlement?: Settlement): void;
  /** A settlement was told that its end is there already. */
  duplicated(fence: Fence): void;
  /** A claim handed out these, in this order, and left those of its lanes. */
  handed(tasks: readonly MemoryTask[], left: readonly MemoryTask[]): void;
}

/** What a queue asks of the shard that it is part of. */
export interface QueueHost {
  readonly rules: Rules;
  readonly leaseMs: number;
  /** The store's time, Unix ms. */
  now(): number;
  /** The next number in the shard's order. */
  sequence(): number;
  publish: (hint: Hint) => void;
  readonly watcher: Watcher;
  /** One more, or one less, task names this code. */
  refer(digest: string, by: number): void;
}

type NewEnd = {
  kind: FailureKind | '';
  error: ErrorInfo | null;
  result: ResultForms;
  token: string;
} & Partial<Pick<MemoryTask, 'worker' | 'startedAt' | 'losses' | 'abandonments'>>;

export class MemoryQueue {
  tasks = new Map<string, MemoryTask>();
  keys = new Map<string, { id: string; content: string }>();
  counters = new Map<string, number>();
  events: TaskEnd[] = [];
  readonly #host: QueueHost;
  readonly #waiting = new Set<MemoryTask>();
  readonly #running = new Set<MemoryTask>();
  #lanes = new Set<string>();
  #ends: TaskEnd[] = [];
  #canceled: string[] = [];

  constructor(host: QueueHost) {
    this.#host = host;
  }

  /** What is RUNNING: for whoever watches. */
  running(): ReadonlySet<MemoryTask> {
    return this.#running;
  }

  // ── acts ───────────────────────────────────────────────────────────────────────────────────────────────────────

  submit(tasks: readonly Submission[], limits: QueueLimits): SubmitAnswer[] {
    const accepted = this.#accepted();
    const known = judged(tasks, accepted, limits);
    const answers = tasks.map((task, i) => known[i] ?? byKey(task, accepted) ?? this.#insert(task, accepted));
    this.#announce();
    return answers;
  }

  #accepted(): Accepted {
    return {
      underKey: (name) => this.keys.get(name),
      submittedAt: (id) => this.tasks.get(id)?.submittedAt,
      waiting: () => {
        const states = ['QUEUED', 'DELAYED', 'BLOCKED'].map((state) => this.counters.get(`state:${state}`) ?? 0);
        return { tasks: states.reduce((sum, n) => sum + n, 0), bytes: this.counters.get('bytes') ?? 0 };
      },
    };
  }

  #insert(submission: Submission, accepted: Accepted): SubmitAnswer {
    const before = byId(submission, accepted);
    if (before !== undefined) return before;
    const { spec, key } = submission;
    const now = this.#host.now();
    const state = spec.not_before > now ? 'DELAYED' : 'QUEUED';
    const task = newTask(submission, state, scoreOf(spec.priority, this.#host.sequence()), now);
    this.tasks.set(spec.id, task);
    if (key !== undefined) this.keys.set(key.name, { id: spec.id, content: key.content });
    this.count('submitted', 1);
    this.#host.refer(spec.digest, 1);
    this.#enter(task);
    this.#host.watcher.inserted(task);
    return { is: 'accepted', id: spec.id, submittedAt: now };
  }

  claim(claimer: string, lanes: readonly LaneQuota[], max: number): Claim {
    const quotas = new Map(lanes.map(({ lane, max: quota }) => [lane, quota]));
    const handed: ClaimedTask[] = [];
    const taken: MemoryTask[] = [];
    const now = this.#host.now();
    let bytes = 0;
    let expired = 0;
    let isCut = false;
    for (const task of this.#best(quotas)) {
      if (handed.length >= max || expired >= SWEEP_ENTRIES) break;
      const quota = quotas.get(task.lane)!;
      if (quota <= 0) continue;
      if (task.expiresAt > 0 && task.expiresAt <= now) {
        this.#platformEnd(task, 'expire', 'FAILED', 'expired', EXPIRED);
        expired += 1;
        continue;
      }
      bytes += task.args.length;
      isCut = bytes > CLAIM_BYTES && handed.length > 0;
      if (isCut) break;
      quotas.set(task.lane, quota - 1);
      handed.push(this.#handOut(task, claimer, now));
      taken.push(task);
    }
    if (taken.length > 0)
      this.#host.watcher.handed(
        taken,
        this.#best(quotas).filter(({ lane }) => quotas.get(lane)! > 0),
      );
    this.#announce();
    return { tasks: handed, more: isCut || (max > 0 && handed.length >= max) || expired >= SWEEP_ENTRIES, owes: false };
  }

  /** Those of a claim that are held still, under a lease that begins now. */
  handOutAgain(tasks: readonly ClaimedTask[]): ClaimedTask[] {
    return tasks.filter(({ fence }) => {
      const task = this.#current(fence);
      if (task !== undefined) task.leaseUntil = this.#host.now() + this.#host.leaseMs;
      return task !== undefined;
    });
  }

  /** Waiting tasks of these lanes, best first. */
  #best(quotas: ReadonlyMap<string, number>): MemoryTask[] {
    return [...this.#waiting].filter(({ lane }) => quotas.has(lane)).sort((a, b) => a.score - b.score);
  }

  #handOut(task: MemoryTask, claimer: string, now: number): ClaimedTask {
    const { attempt, token } = this.#host.rules.claimed(task, newToken());
    const from = this.#move(task, 'claim', 'RUNNING');
    Object.assign(task, { attempt, token, claimer, worker: '', claimedAt: now, startedAt: 0 });
    task.leaseUntil = now + this.#host.leaseMs;
    this.#host.watcher.moved(task, 'claim', from, { id: task.spec.id, attempt, token });
    const { spec, packed, lane, args, losses, retries } = task;
    const within = startWithinMs({ expires_at: task.expiresAt }, now);
    return { fence: { id: spec.id, attempt, token }, spec, packed, lane, args, losses, retries, startWithinMs: within };
  }

  renew(renewals: readonly Renewal[]): boolean[] {
    return renewals.map(({ fence, worker, startedAt }) => {
      const task = this.#current(fence);
      if (task === undefined) return false;
      task.worker = worker;
      task.startedAt = startedAt;
      task.leaseUntil = this.#host.now() + this.#host.leaseMs;
      return true;
    });
  }

  release(releases: readonly Release[]): boolean[] {
    const answers = releases.map(({ fence, reason, worker, message, startedAt = 0 }) => {
      const task = this.#current(fence);
      if (task === undefined) return false;
      this.#note(task, { worker, reason, message });
      task.startedAt = Math.max(task.startedAt, startedAt);
      this.#putBack(task, 'release', 'QUEUED', this.#host.rules.released(task), { fence });
      this.count('requeued:released', 1);
      return true;
    });
    this.#announce();
    return answers;
  }

  settle(settlements: readonly Settlement[]): SettleAnswer[] {
    const answers = settlements.map((settlement): SettleAnswer => {
      const { fence, logs } = settlement;
      const task = this.#current(fence);
      if (task === undefined) return this.#tooLate(fence);
      if (logs !== null) task.logs = { attempt: fence.attempt, logs };
      return { is: 'accepted', state: this.#accept(task, settlement) };
    });
    this.#announce();
    return answers;
  }

  #tooLate(fence: Fence): SettleAnswer {
    const task = this.tasks.get(fence.id);
    const is = this.#host.rules.tooLate(task, fence);
    if (is === 'duplicate') this.#host.watcher.duplicated(fence);
    return is === 'stale' || task === undefined ? { is: 'stale' } : { is, state: stateOf(task.state) };
  }

  #accept(task: MemoryTask, settlement: Settlement): TaskState {
    const { fence, worker, startedAt } = settlement;
    const by = { token: fence.token, worker, startedAt };
    switch (settlement.is) {
      case 'end': {
        const { state } = settlement;
        if (state === 'COMPLETED')
          this.#end(task, 'settle', state, { ...by, kind: '', error: null, result: settlement.result }, settlement);
        else {
          const result = settlement.pickle === undefined ? {} : { pickle: settlement.pickle };
          this.#end(
            task,
            'settle',
            state,
            { ...by, kind: settlement.kind, error: settlement.error, result },
            settlement,
          );
        }
        return state;
      }
      case 'loss': {
        const { error } = settlement;
        const fate = this.#host.rules.lost(task);
        this.#note(task, { worker, reason: 'lost', message: error.message });
        if (fate.is === 'over') {
          const { losses } = fate;
          const end = { ...by, kind: 'lost' as const, error: finalLoss(error), result: {}, losses };
          this.#end(task, 'settle', 'FAILED', end, settlement);
          return 'FAILED';
        }
        this.#putBack(task, 'settle', 'QUEUED', fate, { fence, settlement });
        this.count('requeued:lost', 1);
        return 'QUEUED';
      }
      case 'retry': {
        const { delayMs, error } = settlement;
        const to = delayMs > 0 ? 'DELAYED' : 'QUEUED';
        this.#note(task, { worker, reason: 'retry', message: `${error.type}: ${error.message}` });
        task.score = scoreOf(task.spec.priority, this.#host.sequence());
        this.#putBack(task, 'settle', to, this.#host.rules.retried(task), { fence, settlement, delayMs });
        this.count('requeued:retry', 1);
        return to;
      }
    }
  }

  cancel(ids: readonly string[]): CancelAnswer[] {
    const answers = ids.map((id): CancelAnswer => {
      const task = this.tasks.get(id);
      if (task === undefined) return { is: 'unknown' };
      if (hasEnded(task.state)) return { is: 'ended', state: endOf(task.state) };
      const wasRunning = task.state === STATE_CODE.RUNNING;
      this.#platformEnd(task, 'cancel', 'CANCELED', 'canceled', CANCELED);
      if (wasRunning) this.#canceled.push(id);
      return { is: 'canceled', wasRunning };
    });
    this.#announce();
    return answers;
  }

  abandon(claimer: string): number {
    const theirs = [...this.#running].filter((task) => task.claimer === claimer);
    for (const task of theirs) this.#abandon(task);
    this.#announce();
    return theirs.length;
  }

  /** `letBe`: why leases are not looked at, or ''. */
  sweep(letBe: string): SweepReport {
    const now = this.#host.now();
    const expired = this.#each(
      ({ state, expiresAt }) => state < STATE_CODE.RUNNING && expiresAt > 0 && expiresAt <= now,
      (task) => this.#platformEnd(task, 'expire', 'FAILED', 'expired', EXPIRED),
    );
    const promoted = this.#each(
      ({ state, dueAt }) => state === STATE_CODE.DELAYED && dueAt <= now,
      (task) => this.#putBack(task, 'promote', 'QUEUED', { ...task, is: 'waits' }),
    );
    const overdue = letBe === '' ? [...this.#running].filter(({ leaseUntil }) => leaseUntil <= now) : [];
    const abandoned = Math.min(overdue.length, SWEEP_ENTRIES);
    for (const task of overdue.slice(0, SWEEP_ENTRIES)) this.#abandon(task);
    // As in sweep.lua: given before the clock was set back.
    const end = now + this.#host.leaseMs;
    for (const task of this.#running) if (task.leaseUntil > end + this.#host.leaseMs) task.leaseUntil = end;
    const deleted = this.#each(
      ({ deleteAt }) => deleteAt > 0 && deleteAt <= now,
      (task) => this.#forget(task),
    );
    this.#announce();
    const more = Math.max(expired, promoted, abandoned, deleted) >= SWEEP_ENTRIES;
    return { skipped: letBe, promoted, expired, abandoned, deleted, more, nextMs: this.#nextMs(now) };
  }

  #nextMs(now: number): number {
    let at = Number.POSITIVE_INFINITY;
    for (const { state, dueAt, expiresAt } of this.tasks.values()) {
      if (state === STATE_CODE.DELAYED) at = Math.min(at, dueAt);
      if (state < STATE_CODE.RUNNING && expiresAt > 0) at = Math.min(at, expiresAt);
    }
    return Math.max(0, at - now);
  }

  #each(which: (task: MemoryTask) => boolean, act: (task: MemoryTask) => void): number {
    const found: MemoryTask[] = [];
    for (const task of this.tasks.values()) {
      if (found.length === SWEEP_ENTRIES) break;
      if (which(task)) found.push(task);
    }
    for (const task of found) act(task);
    return found.length;
  }

  /** A new incarnation of an embedded store: every RUNNING task has one lease time in which its owner may renew. */
  adoptRunning(): void {
    for (const task of this.#running) task.leaseUntil = this.#host.now() + this.#host.leaseMs;
  }

  lanes(): LaneDepth[] {
    const depths = new Map<string, LaneDepth>();
    for (const { lane, submittedAt } of this.#waiting) {
      const depth = depths.get(lane);
      if (depth === undefined) depths.set(lane, { lane, waiting: 1, oldestAt: submittedAt });
      else {
        depth.waiting += 1;
        depth.oldestAt = Math.min(depth.oldestAt, submittedAt);
      }
    }
    return [...depths.values()];
  }

  // ── moves ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #current(fence: Fence): MemoryTask | undefined {
    const task = this.tasks.get(fence.id);
    return task !== undefined && this.#host.rules.isCurrent(task, fence) ? task : undefined;
  }

  #move(task: MemoryTask, act: Act, to: TaskState): TaskState {
    const from = stateOf(task.state);
    if (!isLegal(from, act, to)) throw new Error(`Illegal move: ${act} takes no task from ${from} to ${to}.`);
    this.#leave(task);
    task.state = STATE_CODE[to];
    this.#enter(task);
    return from;
  }

  #leave(task: MemoryTask): void {
    this.#countState(task, -1);
    this.#waiting.delete(task);
    this.#running.delete(task);
  }

  #enter(task: MemoryTask): void {
    this.#countState(task, 1);
    if (task.state === STATE_CODE.RUNNING) this.#running.add(task);
    if (task.state !== STATE_CODE.QUEUED) return;
    this.#waiting.add(task);
    this.#lanes.add(task.lane);
  }

  #countState({ state, args }: MemoryTask, by: 1 | -1): void {
    if (hasEnded(state)) return;
    this.count(`state:${stateOf(state)}`, by);
    if (state !== STATE_CODE.RUNNING) this.count('bytes', by * args.length);
  }

  #putBack(
    task: MemoryTask,
    act: Act,
    to: 'QUEUED' | 'DELAYED',
    fate: Fate,
    by: { fence?: Fence; settlement?: Settlement; delayMs?: number } = {},
  ): void {
    const { fence, settlement, delayMs = 0 } = by;
    const from = this.#move(task, act, to);
    task.dueAt = to === 'DELAYED' ? this.#host.now() + Math.ceil(delayMs) : 0;
    const { losses, abandonments, retries } = fate;
    if (!this.#host.rules.mayExpire(fate, task.startedAt)) task.expiresAt = 0;
    Object.assign(task, {
      token: '',
      claimer: '',
      worker: '',
      claimedAt: 0,
      startedAt: 0,
      losses,
      abandonments,
      retries,
    });
    this.#host.watcher.moved(task, act, from, fence, settlement);
  }

  #platformEnd(
    task: MemoryTask,
    act: Act,
    state: 'FAILED' | 'CANCELED',
    kind: FailureKind,
    error: ErrorInfo,
    abandonments = task.abandonments,
  ): void {
    const token = this.#host.rules.tokenOfPlatformEnd(task);
    this.#end(task, act, state, { kind, error, result: {}, token, abandonments });
  }

  #end(
    task: MemoryTask,
    act: Act,
    state: 'COMPLETED' | 'FAILED' | 'CANCELED',
    end: NewEnd,
    settlement?: Settlement,
  ): void {
    const from = this.#move(task, act, state);
    const now = this.#host.now();
    Object.assign(
      task,
      end,
      { result: filledForms(end.result) },
      { claimer: '', endedAt: now, deleteAt: task.pinned ? 0 : now + task.spec.result_ttl_ms },
    );
    this.count(`ended:${task.kind === '' ? 'COMPLETED' : task.kind}`, 1);
    this.#host.watcher.moved(task, act, from, settlement?.fence, settlement);
    const told = this.#told(task);
    this.#ends.push(told);
    this.events.push(told);
  }

  #told(task: MemoryTask): TaskEnd {
    const { spec, kind, error, result, endedAt } = task;
    const state = endOf(task.state);
    const told = { id: spec.id, state, kind, group: spec.group, functionId: spec.function_id, endedAt };
    const bytes = resultBytes(task) + (error === null ? 0 : JSON.stringify(error).length);
    if (bytes > RIDE_ALONG_BYTES) return told;
    const { id, result_as: resultAs, runtime } = spec;
    const end = { id, state, kind, error, result, resultAs, runtime, endedAt };
    return { ...told, end: { ...end, hasHistory: hasHistory(state, kind, task.attempt) } };
  }

  #abandon(task: MemoryTask): void {
    const fate = this.#host.rules.abandoned(task);
    this.#note(task, { worker: task.worker, reason: 'abandoned', message: LEASE_RAN_OUT });
    if (fate.is === 'over') {
      const error = task.once === 1 ? ABANDONED_ONCE : ABANDONED;
      this.#platformEnd(task, 'expire', 'FAILED', 'lost', error, fate.abandonments);
      return;
    }
    this.#putBack(task, 'expire', 'QUEUED', fate);
    this.count('requeued:abandoned', 1);
  }

  #forget(task: MemoryTask): void {
    this.tasks.delete(task.spec.id);
    for (const [name, { id }] of this.keys) if (id === task.spec.id) this.keys.delete(name);
    this.#host.refer(task.spec.digest, -1);
  }

  #note(task: MemoryTask, note: Omit<AttemptNote, 'attempt' | 'at'>): void {
    const { attempt } = task;
    task.history = [...task.history, { attempt, at: this.#host.now(), ...note, message: noted(note.message) }].slice(
      -HISTORY_KEPT,
    );
  }

  count(name: string, by: number): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + by);
  }

  /** Inside the act, after its last write (S8). */
  #announce(): void {
    const { publish } = this.#host;
    if (this.#canceled.length > 0) publish({ is: 'canceled', ids: this.#canceled });
    if (this.#ends.length > 0) publish({ is: 'ends', ends: this.#ends });
    if (this.#lanes.size > 0) publish({ is: 'work', lanes: [...this.#lanes] });
    this.#canceled = [];
    this.#ends = [];
    this.#lanes = new Set();
  }

  // ── going back in time ─────────────────────────────────────────────────────────────────────────────────────────

  /** All that is remembered, as it is now. */
  photograph(): QueuePhotograph {
    const tasks = [...this.tasks].map(([id, task]): [string, MemoryTask] => [id, { ...task }]);
    return { tasks, keys: [...this.keys], counters: [...this.counters], events: [...this.events] };
  }

  /** As it was then. */
  restore({ tasks, keys, counters, events }: QueuePhotograph): void {
    this.tasks = new Map(tasks.map(([id, task]) => [id, { ...task }]));
    this.keys = new Map(keys);
    this.counters = new Map(counters);
    this.events = [...events];
    this.#waiting.clear();
    this.#running.clear();
    for (const task of this.tasks.values()) {
      if (task.state === STATE_CODE.RUNNING) this.#running.add(task);
      if (task.state === STATE_CODE.QUEUED) this.#waiting.add(task);
    }
  }
}

export interface QueuePhotograph {
  tasks: [string, MemoryTask][];
  keys: [string, { id: string; content: string }][];
  counters: [string, number][];
  events: TaskEnd[];
}
