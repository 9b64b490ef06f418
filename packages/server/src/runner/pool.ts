// The pool: a waiting line, slots, and the runners that fill them. Events change its state and ask for a pump();
// the pump alone gives calls to runners.
import type { Runtime } from '@mpcsfaas/contract';
import type { Clock } from '../clock.ts';
import { InFlight } from '../in-flight.ts';
import type { Outcome, TaskLogs } from '../lifecycle/outcome.ts';
import type { RuntimeSnapshot } from '../lifecycle/runtime.ts';
import type { Call, PoolListener, PoolRoom, RunnerPool } from './call.ts';
import { CodeShelf, FunctionTable } from './functions.ts';
import { heldCall, WaitingLine, type HeldCall, type Holder } from './held.ts';
import type { LogLimits } from './logs.ts';
import type { Log } from './log.ts';
import { moveWithinMs, NO_RUN_TIMES, observe, type prefetchFor } from './prefetch.ts';
import { picklesInWords, type Pickles } from './python-care.ts';
import type { Roster } from './roster.ts';
import type { Runner, RunnerEvents } from './runner.ts';

export interface PoolParts {
  slots: number;
  roster: (events: RunnerEvents, changed: () => void) => Roster;
  pickles: () => Pickles;
  listener: PoolListener;
  clock: Clock;
  log: Log;
  logLimits: LogLimits;
  prefetch: typeof prefetchFor;
  /** Called once, when everything of the pool has ended. */
  release: () => Promise<void>;
}

/** Code kept for runners to come. */
const MOST_CODE_BYTES = 256 * 2 ** 20;
/** How often limits are looked after while calls run, in ms. */
const TICK_MS = 10;
/** How long calls wait while no slot moves before they are handed back, in ms: others may have room. */
const HAND_BACK_MS = 100;
const CODE_GONE: Outcome = {
  is: 'failed',
  kind: 'load_failed',
  error: {
    type: 'FunctionGone',
    message: "The function's code is no longer in the store; register the function again.",
    traceback: '',
  },
};

export class Pool implements RunnerPool {
  readonly slots: number;
  readonly #parts: PoolParts;
  readonly #roster: Roster;
  readonly #calls = new InFlight<string, HeldCall>();
  readonly #line = new WaitingLine();
  readonly #functions = new FunctionTable();
  readonly #code = new CodeShelf(MOST_CODE_BYTES);
  /** Calls that wait for their code, by digest. */
  readonly #codeless = new Map<string, HeldCall[]>();
  /** Pickled functions that wait for dill. */
  #forDill: HeldCall[] = [];
  #times = NO_RUN_TIMES;
  #lastUnmoved = 0;
  /** Since when calls wait and no slot moves, monotonic ms. */
  #stuckAt: number | undefined;
  #pumping = false;
  #telling = false;
  #ticker: NodeJS.Timeout | undefined;
  #phase: { is: 'open' } | { is: 'stopping'; stopped: Promise<void> } = { is: 'open' };
  #onEmpty: (() => void) | undefined;
  /** The end of the grace time: at, monotonic ms, and what waits for it. */
  #graceEnd = Number.POSITIVE_INFINITY;
  #graceTimer: NodeJS.Timeout | undefined;

  constructor(parts: PoolParts) {
    this.slots = parts.slots;
    this.#parts = parts;
    this.#roster = parts.roster(this.#events(), () => {
      this.#wake();
      this.#tellChanged();
    });
  }

  get runtimes(): readonly RuntimeSnapshot[] {
    const pickles = this.#parts.pickles();
    return this.#roster
      .snapshots()
      .map((snapshot) => (snapshot.runtime === 'python' ? { ...snapshot, ...picklesInWords(pickles) } : snapshot));
  }

  room(): PoolRoom {
    const running = Math.min(this.#roster.running(), this.#calls.size);
    const waiting = this.#calls.size - running;
    if (this.#phase.is === 'stopping') return { free: 0, credits: 0, running, waiting };
    const occupied = this.#roster.occupied();
    const free = Math.max(0, this.slots - occupied);
    const moving = Math.max(0, this.slots - this.#unmoved(this.#parts.clock.mono()));
    const ahead = this.#parts.prefetch(moving, this.#times);
    return { free, credits: Math.max(0, free + ahead - waiting), running, waiting };
  }

  submit(calls: readonly Call[]): void {
    for (const call of calls) {
      const held = heldCall(call, this.#functions.of(call.spec));
      this.#calls.set(call.key, held);
      this.#enqueue(held);
    }
    this.#wake();
  }

  hasCode(digest: string): boolean {
    return this.#code.has(digest);
  }

  provideCode(digest: string, bytes: Buffer): void {
    this.#code.put(digest, bytes);
    const waiting = this.#codeless.get(digest) ?? [];
    this.#codeless.delete(digest);
    for (const held of waiting) if (held.place.is === 'code') this.#enqueue(held);
    this.#wake();
  }

  refuseCode(digest: string, gone: boolean): void {
    const waiting = this.#codeless.get(digest) ?? [];
    this.#codeless.delete(digest);
    for (const held of waiting) {
      if (held.place.is === 'code') this.#endUnbegun(held, gone ? CODE_GONE : { is: 'released', reason: 'no_code' });
    }
  }

  cancel(key: string): void {
    const held = this.#calls.get(key);
    if (!held) return;
    if (!this.#takeBack(held) && held.place.is === 'sent') held.place.runner.cancel(held);
    this.#forget(held);
    this.#wake();
    this.#tellChanged();
  }

  withdraw(key: string): boolean {
    const held = this.#calls.get(key);
    if (!held || !this.#takeBack(held)) return false;
    this.#forget(held);
    this.#wake();
    this.#tellChanged();
    return true;
  }

  held(): { key: string; startedAtMs: number }[] {
    return Array.from(this.#calls.values(), (held) => ({
      key: held.call.key,
      startedAtMs: held.place.is === 'sent' ? held.place.runner.startedAt(held) : 0,
    }));
  }

  /** Starts the first runners. */
  warm(): void {
    this.#wake();
  }

  stop(graceMs: number): Promise<void> {
    this.#killWithin(graceMs);
    if (this.#phase.is === 'open') {
      // The phase comes first: what #stop does at once must see it.
      this.#phase = { is: 'stopping', stopped: Promise.resolve().then(() => this.#stop()) };
    }
    return this.#phase.stopped;
  }

  async #stop(): Promise<void> {
    for (const runner of this.#roster.all()) this.#giveBack(runner.withdraw());
    for (const held of [...this.#calls.values()]) {
      if (held.place.is !== 'sent') this.#endUnbegun(held, { is: 'released', reason: 'drain' });
    }
    if (this.#calls.size > 0) {
      await new Promise<void>((resolve) => (this.#onEmpty = resolve));
    }
    clearTimeout(this.#graceTimer);
    await this.#roster.close();
    clearInterval(this.#ticker);
    this.#ticker = undefined;
    await this.#parts.release();
  }

  /** Called again, it can only shorten the time. */
  #killWithin(graceMs: number): void {
    const end = this.#parts.clock.mono() + graceMs;
    if (end >= this.#graceEnd) return;
    this.#graceEnd = end;
    clearTimeout(this.#graceTimer);
    this.#graceTimer = setTimeout(() => this.#killForDrain(), graceMs);
  }

  /** What still runs is given back, all but at-most-once calls: they have begun. */
  #killForDrain(): void {
    const once = new Set<Holder>();
    for (const { call, place } of this.#calls.values()) {
      // It shares its runner with no other call.
      if (call.spec.at_most_once && place.is === 'sent') once.add(place.runner);
    }
    for (const runner of this.#roster.all()) runner.kill({ is: 'drain', once: once.has(runner) });
  }

  // ── the line ──────────────────────────────────────────────────────────────────────────────────────────────────

  #enqueue(held: HeldCall): void {
    const { fn } = held;
    if (this.#phase.is === 'stopping') {
      this.#endUnbegun(held, { is: 'released', reason: 'drain' });
    } else if (!this.#code.has(fn.digest)) {
      this.#awaitCode(held);
    } else if (held.call.spec.runtime === 'python' && fn.form === 'pickle') {
      this.#enqueuePickled(held);
    } else {
      this.#line.push(held);
    }
  }

  #awaitCode(held: HeldCall): void {
    const { digest } = held.fn;
    held.place = { is: 'code' };
    const waiting = this.#codeless.get(digest);
    if (waiting) {
      waiting.push(held);
      return;
    }
    this.#codeless.set(digest, [held]);
    setImmediate(() => this.#parts.listener.needCode(digest));
  }

  #enqueuePickled(held: HeldCall): void {
    switch (this.#parts.pickles().are) {
      case 'run':
        return this.#line.push(held);
      case 'coming':
        held.place = { is: 'code' };
        this.#forDill.push(held);
        return;
      case 'stuck':
        // Another may have what is missing here.
        return this.#endUnbegun(held, { is: 'released', reason: 'runner_unavailable' });
    }
  }

  /** Runners to come are other ones: what runs may finish, idle ones are replaced. */
  renew(runtime: Runtime): void {
    if (this.#phase.is === 'open') this.#roster.renew(runtime);
    this.#tellChanged();
  }

  /** Whether pickled functions run has changed. */
  picklesChanged(): void {
    const waiting = this.#forDill;
    this.#forDill = [];
    for (const held of waiting) if (held.place.is === 'code') this.#enqueue(held);
    this.#wake();
    this.#tellChanged();
  }

  #giveBack(calls: readonly HeldCall[]): void {
    const mine = calls.filter((held) => this.#calls.get(held.call.key) === held);
    if (this.#phase.is === 'stopping')
      for (const held of mine) this.#endUnbegun(held, { is: 'released', reason: 'drain' });
    else this.#line.unshift(mine);
    this.#wake();
  }

  /** Takes a call that has not been begun out of wherever it is. */
  #takeBack(held: HeldCall): boolean {
    if (held.place.is === 'line') {
      this.#line.left(held);
    } else if (held.place.is === 'sent') {
      const taken = held.place.runner.withdraw();
      this.#giveBack(taken.filter((other) => other !== held));
      return taken.includes(held);
    }
    return held.place.is !== 'over';
  }

  #forget(held: HeldCall): void {
    held.place = { is: 'over' };
    this.#calls.delete(held.call.key);
    if (this.#calls.size === 0) this.#onEmpty?.();
  }

  #endUnbegun(held: HeldCall, outcome: Outcome): void {
    if (held.place.is === 'line') this.#line.left(held);
    held.place = { is: 'over' };
    setImmediate(() => this.#end(held, outcome, 0, null));
  }

  #end(held: HeldCall, outcome: Outcome, startedAtMs: number, logs: TaskLogs | null): void {
    // Canceled or withdrawn meanwhile: nobody is told.
    if (this.#calls.get(held.call.key) !== held) return;
    this.#forget(held);
    this.#parts.listener.ended(held.call.key, outcome, startedAtMs, logs);
  }

  // ── the runners ───────────────────────────────────────────────────────────────────────────────────────────────

  #events(): RunnerEvents {
    const { listener } = this.#parts;
    return {
      ready: () => this.#wake(),
      started: (held, atMs) => listener.started(held.call.key, atMs),
      printed: (held, chunk) => {
        if (this.#calls.has(held.call.key)) listener.printed(held.call.key, chunk);
      },
      ran: (_held, runMs) => {
        this.#times = observe(this.#times, runMs);
      },
      ended: (held, outcome, startedAtMs, logs) => this.#end(held, outcome, startedAtMs, logs),
      returned: (calls) => this.#giveBack(calls),
      freed: () => {
        this.#wake();
        this.#tellChanged();
      },
      gone: () => {
        this.#wake();
        this.#tellChanged();
      },
    };
  }

  #wake(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    const touched = new Set<Runner>();
    const nowMono = this.#parts.clock.mono();
    const passed: HeldCall[] = [];
    for (let held = this.#line.peek(passed); held; held = this.#line.peek(passed)) {
      const runtime = held.call.spec.runtime;
      if (this.#roster.isOut(runtime)) {
        this.#line.take(held);
        this.#endUnbegun(held, { is: 'released', reason: 'runner_unavailable' });
        continue;
      }
      // It goes back: the store, whose clock counts, ends it.
      if (nowMono >= (held.call.startBy ?? Infinity)) {
        this.#line.take(held);
        this.#endUnbegun(held, { is: 'released', reason: 'handed_back' });
        continue;
      }
      const code = this.#code.get(held.fn.digest);
      if (!code) {
        // It was pushed off the shelf while the call waited.
        this.#line.take(held);
        this.#awaitCode(held);
        continue;
      }
      const runner = this.#roster.choose(held, this.#line.keptFrom(held, passed), nowMono);
      if (!runner) {
        // Without a free slot all wait; where only a runner is missing that is being started, those that need another kind need not.
        if (this.#roster.occupied() >= this.slots) break;
        passed.push(held);
        continue;
      }
      this.#line.take(held);
      held.place = { is: 'sent', runner };
      runner.send(held, code);
      touched.add(runner);
    }
    for (const runner of touched) runner.flush();
    // As the ticker does: an answer that has come and is not read yet makes no call late.
    if (this.#line.size === 0 && this.#roster.occupied() < this.slots) setImmediate(() => this.#takeOver());
    if (this.#phase.is === 'open') this.#roster.keepWarm(this.#line.sizes);
    // Looked at after the turn's answers were read: where this process was kept waiting, they lie there already.
    if (touched.size > 0) this.#ticker ??= setInterval(() => setImmediate(() => this.#tick()), TICK_MS);
  }

  /** What waits long in a pipe goes to a slot that is free, where nothing else does. */
  #takeOver(): void {
    if (this.#line.size > 0) return;
    const taken = this.#roster.overdue(this.#parts.clock.mono())?.withdraw() ?? [];
    if (taken.length > 0) this.#giveBack(taken);
  }

  #tick(): void {
    const nowMono = this.#parts.clock.mono();
    const unmoved = this.#unmoved(nowMono);
    // Slots that stopped moving, or move again, change what may be held.
    if (unmoved !== this.#lastUnmoved) this.#tellChanged();
    this.#lastUnmoved = unmoved;
    this.#handBackIfStuck(unmoved, nowMono);
    let busy = false;
    for (const runner of this.#roster.all()) {
      busy ||= runner.occupies;
      runner.tick(nowMono);
      runner.watchMemory();
    }
    if (busy) return;
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }

  /** Slots that do not move. */
  #unmoved(nowMono: number): number {
    return this.#roster.runningLonger(nowMono, moveWithinMs(this.#times));
  }

  /** One long call can hold up what was short when it was taken: where every slot has one, the rest runs elsewhere. */
  #handBackIfStuck(unmoved: number, nowMono: number): void {
    if (unmoved < this.slots || this.#line.size === 0) {
      this.#stuckAt = undefined;
      return;
    }
    this.#stuckAt ??= nowMono;
    if (nowMono - this.#stuckAt < HAND_BACK_MS) return;
    for (const held of this.#line.all()) this.#endUnbegun(held, { is: 'released', reason: 'handed_back' });
  }

  #tellChanged(): void {
    if (this.#telling) return;
    this.#telling = true;
    setImmediate(() => {
      this.#telling = false;
      this.#parts.listener.changed();
    });
  }
}
