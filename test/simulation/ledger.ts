// One ledger of all that happens: submissions, starts of user code, accepted ends. It knows nothing of how the parts work and
// checks, after each thing that happens, what must never break:
//
//  I1  every acknowledged submission ends        I2  one accepted end, of the attempt that holds the task; it never changes
//  I3  starts ≤ 1 + the faults that touched the task; of an at-most-once task ≤ 1
//  I4  nothing stays RUNNING without a lease, or named by no live worker, for longer than recovery takes
//  I5  moves are legal, only losses and abandonments are counted, and what was started once does not expire
//  I6  a key is one task      I7  after a cancel no other end, and soon no code of it runs      I8  order within a claim
//
// What a store forgets that goes back in time is forgiven by `wentBack`, and nothing else.
import type { TaskState } from '@mpcsfaas/contract';
import type { Fence } from '../../packages/server/src/lifecycle/fence.ts';
import { isLegal, type Act } from '../../packages/server/src/lifecycle/moves.ts';
import { MAX_ABANDONMENTS, type Settlement } from '../../packages/server/src/store/index.ts';
import { STATE_CODE, hasEnded, stateOf } from '../../packages/server/src/store/state-code.ts';
import type { Watcher } from './store/memory-queue.ts';
import type { MemoryTask } from './store/memory-task.ts';
import type { TaskPlan } from './plan.ts';

/** A task as the ledger knows it. */
export interface Entry {
  /** Its place in the schedule. */
  readonly name: string;
  readonly plan: TaskPlan;
  state: TaskState | 'unknown';
  /** Of the current attempt, '' where there is none. */
  token: string;
  isAcknowledged: boolean;
  /** Order within its priority, by the number of retries: a retry by the user's policy gets a new one. */
  orders: number[];
  /** Attempts so far. */
  attempt: number;
  starts: number;
  /** Faults that touched it. */
  touches: number;
  /** Sent round again by the user's own policy. */
  retries: number;
  /** Its claim was forgotten by a store that went back. */
  forgotten: number;
  losses: number;
  abandonments: number;
  endedBy: string;
  /** When its cancel was acknowledged, simulated ms. */
  canceledAt: number;
  /** Calls of it that run now. */
  running: number;
  /** When a live worker last named its current attempt, or it was claimed. */
  namedAt: number;
}

/** How long after the last trouble recovery may take, ms: a silence, a lease, a sweep. */
const RECOVERY_MS = 9_000;
/** A lease that is over is swept so soon when nothing is wrong, ms. */
const SWEPT_MS = 6_500;
/** Code of a canceled task is killed within a second, and what messages take. */
const KILLED_MS = 1_300;
/** The same where parts were away meanwhile: a worker registers anew first. */
const KILLED_AFTER_TROUBLE_MS = 9_000;

export class Ledger implements Watcher {
  /** The first thing that broke, '' as long as nothing did. */
  violation = '';
  /** No fault and no trouble of a fault after this, simulated ms. */
  troubledUntil = 0;
  /** What happened, line by line, where somebody asks for it. */
  journal: string[] | undefined;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #byToken = new Map<string, Entry>();
  readonly #tokens = new Map<string, Set<string>>();
  /** How many faults are at work on a process, by its name. */
  readonly #afflicted = new Map<string, number>();
  /** Attempts that the store has given to a process, by its name: it may not have heard of them. */
  readonly #claims = new Map<string, Set<string>>();
  readonly #befallen = new Set<string>();
  readonly #acknowledged = new Map<string, string>();
  #open = 0;
  #order = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A line of what happened, for whoever looks into a schedule. */
  note(what: () => string): void {
    this.journal?.push(`${this.#now().toFixed(1).padStart(9)} ${what()}`);
  }

  break(what: string): void {
    this.note(() => `BROKEN ${what}`);
    if (this.violation === '') this.violation = `${what}, at ${Math.round(this.#now())} ms`;
  }

  /** Acknowledged submissions that have not ended. */
  get open(): number {
    return this.#open;
  }

  /** Has each of the first `tasks` plans one acknowledged submission? */
  isAllAcknowledged(tasks: number): boolean {
    return this.#acknowledged.size >= tasks;
  }

  totals(): { completable: number; completed: number; starts: number } {
    let [completable, completed, starts] = [0, 0, 0];
    for (const { plan, isAcknowledged, state, starts: own } of this.#entries.values()) {
      const isPlain = plan.behaviour !== 'raises' && plan.behaviour !== 'kills its runner';
      if (isAcknowledged && isPlain && !plan.once && plan.cancelAfter < 0 && plan.expires === 0) {
        completable += 1;
        if (state === 'COMPLETED') completed += 1;
      }
      starts += own;
    }
    return { completable, completed, starts };
  }

  of(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  // ── submissions and cancels ────────────────────────────────────────────────────────────────────────────────────

  /** The task `id` is about to be submitted. */
  planned(id: string, name: string, plan: TaskPlan): void {
    this.#entries.set(id, {
      ...{
        name,
        plan,
        state: 'unknown',
        token: '',
        isAcknowledged: false,
        orders: [],
        attempt: 0,
        starts: 0,
        touches: 0,
        retries: 0,
        forgotten: 0,
      },
      ...{ losses: 0, abandonments: 0, endedBy: '', canceledAt: Number.POSITIVE_INFINITY, running: 0, namedAt: 0 },
    });
  }

  inserted(task: MemoryTask): void {
    const entry = this.#entry(task);
    entry.state = stateOf(task.state);
    this.#order += 1;
    entry.orders = [this.#order];
  }

  acknowledged(id: string): void {
    const entry = this.#entries.get(id)!;
    const before = this.#acknowledged.get(entry.name);
    if (before !== undefined && before !== id) this.break(`I6: ${entry.name} is two tasks`);
    this.#acknowledged.set(entry.name, id);
    if (entry.isAcknowledged) return;
    entry.isAcknowledged = true;
    if (!isOver(entry.state)) this.#open += 1;
  }

  canceled(id: string): void {
    this.#entries.get(id)!.canceledAt = this.#now();
  }

  // ── what the store does ────────────────────────────────────────────────────────────────────────────────────────

  moved(task: MemoryTask, act: Act, from: TaskState, shown?: Fence, settlement?: Settlement): void {
    const entry = this.#entry(task);
    const to = stateOf(task.state);
    if (entry.state !== from || !isLegal(from, act, to))
      this.break(`I5: ${act} took ${entry.name} from ${entry.state} to ${to}`);
    if (isOver(entry.state)) this.break(`I2: ${entry.name} had ended ${entry.state} and became ${to}`);
    const held = entry.token;
    this.note(() => `${act} ${entry.name}: ${from} → ${to} ${shown?.token ?? held} ${settlement?.is ?? ''}`);
    if ((act === 'settle' || act === 'release') && shown?.token !== held)
      this.break(`I2: ${act} of ${entry.name} was accepted from an attempt that does not hold it`);
    if (act === 'claim') {
      if (this.#byToken.has(task.token)) this.break(`I2: the token of ${entry.name} was given out before`);
      entry.namedAt = this.#now();
      entry.attempt = task.attempt;
      this.#byToken.set(task.token, entry);
    }
    this.#count(entry, act, from, settlement);
    if (task.losses !== entry.losses || task.abandonments !== entry.abandonments) {
      const counted = `${task.losses} losses and ${task.abandonments} abandonments`;
      this.break(`I5: ${entry.name} counts ${counted} where there were ${entry.losses} and ${entry.abandonments}`);
    }
    entry.token = task.state === STATE_CODE.RUNNING ? task.token : '';
    entry.state = to;
    if (isOver(to)) this.#ended(entry, task, held, settlement);
  }

  #count(entry: Entry, act: Act, from: TaskState, settlement: Settlement | undefined): void {
    if (settlement?.is === 'loss') entry.losses += 1;
    if (settlement?.is === 'retry') {
      entry.retries += 1;
      this.#order += 1;
      entry.orders.push(this.#order);
    }
    if (act === 'expire' && from === 'RUNNING') {
      entry.abandonments += 1;
      // What led to it was counted already.
    }
  }

  #ended(entry: Entry, task: MemoryTask, held: string, settlement: Settlement | undefined): void {
    if (entry.isAcknowledged) this.#open -= 1;
    entry.endedBy = settlement === undefined ? '' : held;
    if (task.state === STATE_CODE.COMPLETED) {
      if (task.result.json?.toString() !== JSON.stringify(held))
        this.break(`I2: the value of ${entry.name} is of another attempt`);
    }
    // An at-most-once task is lost by what befell it, or on its way to a worker; not by answers of the store that did not come.
    const isHit = entry.plan.once && (entry.touches > 0 || entry.forgotten > 0 || this.#anyWorkerBefallen());
    const isEarned = isHit || entry.losses >= task.max_attempts || entry.abandonments >= MAX_ABANDONMENTS;
    if (task.kind === 'expired' && task.losses + task.retries > 0)
      this.break(`I5: ${entry.name} had been started and ended expired`);
    if (task.kind === 'lost' && !isEarned) this.break(`I5: ${entry.name} ended lost after ${entry.losses} losses`);
  }

  duplicated(fence: Fence): void {
    const entry = this.#entries.get(fence.id);
    if (entry?.endedBy !== fence.token) this.break(`I2: an end of ${entry?.name} that never was is called a duplicate`);
  }

  handed(tasks: readonly MemoryTask[], left: readonly MemoryTask[]): void {
    const ranks = tasks.map((task) => this.#rank(task));
    const last = ranks.at(-1)!;
    const isInOrder = ranks.every((rank, at) => at === 0 || rank > ranks[at - 1]!);
    if (!isInOrder || left.some((task) => this.#rank(task) < last && task.lane === tasks.at(-1)!.lane))
      this.break(`I8: a claim handed out ${this.#entry(tasks[0]!).name} and others out of order`);
  }

  /** Lower goes first: by priority, then as submitted. */
  #rank(task: MemoryTask): number {
    const { plan, orders } = this.#entry(task);
    return -plan.priority * 1e6 + orders.at(-1)!;
  }

  /** The store is as it was: what it does not know any more is forgiven. */
  wentBack(isOurs: (id: string) => boolean, find: (id: string) => MemoryTask | undefined): void {
    for (const [id, entry] of this.#entries) {
      const task = find(id);
      if (!isOurs(id) || (entry.state === 'unknown' && task === undefined)) continue;
      const [was, is] = [isOver(entry.state), task !== undefined && hasEnded(task.state)];
      if (entry.isAcknowledged && !was && (is || task === undefined)) this.#open -= 1;
      if (entry.isAcknowledged && was && !is && task !== undefined) this.#open += 1;
      if (task === undefined) {
        // Lost: the submission was one of those that the store had not kept.
        // Who submitted it and got no answer does so again, and it begins anew.
        Object.assign(entry, {
          state: 'unknown',
          token: '',
          isAcknowledged: false,
          attempt: 0,
          losses: 0,
          abandonments: 0,
        });
        entry.touches += 1;
        entry.forgotten += 1;
        continue;
      }
      if (task.attempt !== entry.attempt || (!is && task.token !== entry.token)) entry.forgotten += 1;
      entry.orders.length = task.retries + 1;
      entry.attempt = task.attempt;
      if (!is) Object.assign(entry, { endedBy: '', canceledAt: Number.POSITIVE_INFINITY });
      const { losses, abandonments } = task;
      const token = task.state === STATE_CODE.RUNNING ? task.token : '';
      Object.assign(entry, { state: stateOf(task.state), token, losses, abandonments, namedAt: this.#now() });
      entry.touches += 1;
    }
  }

  // ── what workers do ────────────────────────────────────────────────────────────────────────────────────────────

  /** User code of this attempt begins. */
  started(token: string): void {
    const entry = this.#byToken.get(token);
    if (entry === undefined) return this.break('I2: code of an attempt runs that was never handed out');
    this.note(() => `start ${entry.name} ${token}`);
    entry.starts += 1;
    entry.running += 1;
    const most = 1 + entry.retries + (entry.plan.once ? entry.forgotten : entry.touches);
    if (entry.starts > most) this.break(`I3: ${entry.name} began ${entry.starts} times, ${most} at most`);
  }

  stopped(token: string): void {
    const entry = this.#byToken.get(token);
    if (entry === undefined) return;
    this.note(() => `stop ${entry.name} ${token}`);
    entry.running -= 1;
  }

  /** A live worker names this attempt. */
  named(token: string): void {
    const entry = this.#byToken.get(token);
    if (entry?.token === token) entry.namedAt = this.#now();
  }

  // ── faults ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A process has this attempt from now on: what befalls the one befalls the other. */
  has(process: string, token: string): void {
    let tokens = this.#tokens.get(process);
    if (tokens === undefined) this.#tokens.set(process, (tokens = new Set()));
    tokens.add(token);
    if (this.#afflicted.has(process)) this.touchedAttempt(token);
  }

  /** The store has given these to a process: what befalls it from now on befalls them, be its answer still under way. */
  claimed(process: string, tokens: readonly string[]): void {
    const claims = this.#claims.get(process) ?? new Set();
    this.#claims.set(process, claims);
    for (const token of tokens) {
      claims.add(token);
      if (this.#afflicted.has(process)) this.touchedAttempt(token);
    }
  }

  /** A fault befalls this process until `recovers`: it touches what it has and what it is given meanwhile. */
  afflicted(process: string): void {
    this.touched(process);
    this.#afflicted.set(process, (this.#afflicted.get(process) ?? 0) + 1);
  }

  recovers(process: string): void {
    const left = (this.#afflicted.get(process) ?? 0) - 1;
    if (left > 0) this.#afflicted.set(process, left);
    else this.#afflicted.delete(process);
    this.touched(process);
  }

  /** A fault befell this process: it touches the open attempts that it has. */
  touched(process: string): void {
    this.#touch(process, [this.#tokens.get(process), this.#claims.get(process)]);
  }

  /** A call of the store's gets no answer: of what it gave out then it is to be asked again. */
  unanswered(process: string): void {
    this.#touch(process, [this.#tokens.get(process)]);
  }

  #touch(process: string, lists: readonly (Set<string> | undefined)[]): void {
    this.note(() => `fault ${process}`);
    this.#befallen.add(process);
    const touched = new Set<Entry>();
    for (const tokens of lists) {
      for (const token of tokens ?? []) {
        const entry = this.#byToken.get(token)!;
        if (entry.token === token || entry.running > 0) touched.add(entry);
        else tokens!.delete(token);
      }
    }
    for (const entry of touched) entry.touches += 1;
    this.trouble(0);
  }

  #anyWorkerBefallen(): boolean {
    return [...this.#befallen].some((process) => process.startsWith('w'));
  }

  /** No fault ever befell this process. */
  isUntouched(process: string): boolean {
    return !this.#befallen.has(process);
  }

  touchedAttempt(token: string): void {
    const entry = this.#byToken.get(token);
    if (entry !== undefined) entry.touches += 1;
  }

  /** Something is wrong from now on for `ms`. */
  trouble(ms: number): void {
    this.troubledUntil = Math.max(this.troubledUntil, this.#now() + ms);
  }

  // ── time ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What must not go on for too long; `runningIn`: what is RUNNING, and when its lease is over in simulated ms. */
  look(running: Iterable<{ id: string; leaseUntil: number }>): void {
    const now = this.#now();
    for (const { id, leaseUntil } of running) {
      const entry = this.#entries.get(id)!;
      if (now - Math.max(leaseUntil, this.troubledUntil) > SWEPT_MS)
        this.break(`I4: ${entry.name} is RUNNING without a lease`);
      if (now - Math.max(entry.namedAt, this.troubledUntil) > RECOVERY_MS)
        this.break(`I4: ${entry.name} is RUNNING and no live worker names it`);
    }
    for (const entry of this.#entries.values()) {
      if (entry.running === 0 || entry.canceledAt > now) continue;
      const isCalm = this.troubledUntil + 2 * KILLED_MS < entry.canceledAt;
      const until = isCalm
        ? entry.canceledAt + KILLED_MS
        : Math.max(entry.canceledAt, this.troubledUntil) + KILLED_AFTER_TROUBLE_MS;
      if (now > until) this.break(`I7: code of ${entry.name} runs after its cancel`);
    }
  }

  /** The end of the run: everything that was acknowledged has ended. */
  close(): void {
    for (const { isAcknowledged, state, name } of this.#entries.values()) {
      if (isAcknowledged && !isOver(state)) this.break(`I1: ${name} is ${state} for ever`);
    }
  }

  #entry(task: MemoryTask): Entry {
    return this.#entries.get(task.spec.id)!;
  }
}

function isOver(state: TaskState | 'unknown'): boolean {
  return state === 'COMPLETED' || state === 'FAILED' || state === 'CANCELED';
}
