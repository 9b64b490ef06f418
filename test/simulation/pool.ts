// Child processes in simulated time: a pool whose calls only take time and end as planned. What it grants ahead of its free
// slots is the real policy (runner/prefetch.ts); who runs next is first come, first served.
import type { LiveClock } from '../../packages/server/src/clock.ts';
import type { Outcome } from '../../packages/server/src/lifecycle/outcome.ts';
import type { RuntimeSnapshot } from '../../packages/server/src/lifecycle/runtime.ts';
import type { Call, PoolListener, PoolRoom, RunnerPool } from '../../packages/server/src/runner/index.ts';
import { NO_RUN_TIMES, observe, prefetchFor } from '../../packages/server/src/runner/prefetch.ts';
import { SLOW_MS } from '../../packages/server/src/runner/depth.ts';

/** What the user's code of a call does, and who hears of it. */
export interface UserCode {
  /** It begins; answers how long it runs, ms, and how it ends. */
  begin(call: Call): { runs: number; outcome: Outcome };
  /** It ended, or was killed: none of it runs any more. */
  over(call: Call): void;
  /** How it ended is known now. */
  ended(call: Call, outcome: Outcome): void;
}

interface HeldCall {
  call: Call;
  place: 'code' | 'line' | 'running' | 'over';
  startedAt: number;
  startedMono: number;
  cancel: () => void;
  outcome: Outcome;
}

export class SimulatedPool implements RunnerPool {
  readonly slots: number;
  readonly runtimes: readonly RuntimeSnapshot[] = [{ runtime: 'python', version: '3.11.2', broken: '' }];
  /** The most calls it was ever sent beyond what it had said it had room for. */
  overrun = 0;
  #mostPromised = 0;
  readonly #clock: LiveClock;
  readonly #listener: PoolListener;
  readonly #code: UserCode;
  readonly #calls = new Map<string, HeldCall>();
  readonly #known = new Set<string>();
  readonly #asked = new Set<string>();
  #line: HeldCall[] = [];
  #running = 0;
  #times = NO_RUN_TIMES;
  #telling = false;
  #stopped: { whenEmpty: Promise<void>; empty: () => void } | undefined;

  constructor(slots: number, clock: LiveClock, listener: PoolListener, code: UserCode) {
    this.slots = slots;
    this.#clock = clock;
    this.#listener = listener;
    this.#code = code;
  }

  room(): PoolRoom {
    const waiting = this.#calls.size - this.#running;
    if (this.#stopped !== undefined) return { free: 0, credits: 0, running: this.#running, waiting };
    const free = Math.max(0, this.slots - this.#running - waiting);
    const moving = this.slots - this.#slow();
    const ahead = prefetchFor(moving, this.#times);
    const credits = Math.max(0, this.slots - this.#running + ahead - waiting);
    this.#mostPromised = Math.max(this.#mostPromised, this.#calls.size + credits);
    return { free, credits, running: this.#running, waiting };
  }

  #slow(): number {
    const now = this.#clock.mono();
    let slow = 0;
    for (const { place, startedMono } of this.#calls.values()) {
      if (place === 'running' && now - startedMono > SLOW_MS) slow += 1;
    }
    return slow;
  }

  submit(calls: readonly Call[]): void {
    for (const call of calls) {
      const held: HeldCall = {
        call,
        place: 'code',
        startedAt: 0,
        startedMono: 0,
        cancel: () => undefined,
        outcome: { is: 'released', reason: 'handed_back' },
      };
      this.#calls.set(call.key, held);
      if (this.#stopped !== undefined) this.#endUnbegun(held, 'drain');
      else if (this.#known.has(call.spec.digest)) this.#enqueue(held);
      else this.#ask(call.spec.digest);
    }
    this.overrun = Math.max(this.overrun, this.#calls.size - Math.max(this.slots, this.#mostPromised));
    this.#pump();
  }

  #ask(digest: string): void {
    if (this.#asked.has(digest)) return;
    this.#asked.add(digest);
    this.#clock.turn(() => this.#listener.needCode(digest));
  }

  #enqueue(held: HeldCall): void {
    held.place = 'line';
    this.#line.push(held);
  }

  hasCode(digest: string): boolean {
    return this.#known.has(digest);
  }

  provideCode(digest: string): void {
    this.#known.add(digest);
    for (const held of this.#codeless(digest)) this.#enqueue(held);
    this.#pump();
  }

  refuseCode(digest: string): void {
    this.#asked.delete(digest);
    for (const held of this.#codeless(digest)) this.#endUnbegun(held, 'no_code');
  }

  #codeless(digest: string): HeldCall[] {
    return [...this.#calls.values()].filter(({ place, call }) => place === 'code' && call.spec.digest === digest);
  }

  cancel(key: string): void {
    const held = this.#calls.get(key);
    if (held === undefined) return;
    if (held.place === 'running') this.#leaveSlot(held);
    this.#forget(held);
  }

  withdraw(key: string): boolean {
    const held = this.#calls.get(key);
    if (held === undefined || held.place === 'running' || held.place === 'over') return false;
    this.#forget(held);
    return true;
  }

  held(): { key: string; startedAtMs: number }[] {
    return Array.from(this.#calls.values(), ({ call, startedAt }) => ({ key: call.key, startedAtMs: startedAt }));
  }

  stop(graceMs: number): Promise<void> {
    this.#clock.after(graceMs, () => this.#killForDrain());
    if (this.#stopped === undefined) {
      let empty: () => void = () => undefined;
      const whenEmpty = new Promise<void>((resolve) => (empty = resolve));
      this.#stopped = { whenEmpty, empty };
      for (const held of [...this.#calls.values()]) if (held.place !== 'running') this.#endUnbegun(held, 'drain');
      if (this.#calls.size === 0) empty();
    }
    return this.#stopped.whenEmpty;
  }

  #killForDrain(): void {
    for (const held of this.#calls.values()) {
      if (held.place === 'running') this.#finish(held, { is: 'released', reason: 'drain' });
    }
  }

  // ── what faults do to it ───────────────────────────────────────────────────────────────────────────────────────

  /** A runner dies by itself: the key of its call, or undefined where none runs. */
  killRunner(random: () => number): string | undefined {
    const running = [...this.#calls.values()].filter(({ place }) => place === 'running');
    const victim = running[Math.floor(random() * running.length)];
    if (victim === undefined) return undefined;
    this.#finish(victim, { is: 'lost', error: { type: 'RunnerDied', message: 'killed', traceback: '' } });
    return victim.call.key;
  }

  /** What waits goes back. */
  handBack(): void {
    for (const held of this.#line) this.#endUnbegun(held, 'handed_back');
    this.#line = [];
  }

  /** Its process died: no code of any call runs. */
  die(): void {
    for (const { call, place } of this.#calls.values()) if (place === 'running') this.#code.over(call);
    this.#calls.clear();
  }

  // ── the slots ──────────────────────────────────────────────────────────────────────────────────────────────────

  #pump(): void {
    while (this.#running < this.slots) {
      const held = this.#line.shift();
      if (held === undefined) break;
      if (held.place !== 'line') continue;
      if (this.#clock.mono() >= (held.call.startBy ?? Infinity)) this.#endUnbegun(held, 'handed_back');
      else this.#begin(held);
    }
  }

  #begin(held: HeldCall): void {
    const { runs, outcome } = this.#code.begin(held.call);
    held.place = 'running';
    held.startedAt = this.#clock.wall();
    held.startedMono = this.#clock.mono();
    held.outcome = outcome;
    this.#running += 1;
    const { key } = held.call;
    this.#clock.turn(() => {
      if (this.#calls.get(key) === held) this.#listener.started(key, held.startedAt);
    });
    held.cancel = this.#clock.after(runs, () => {
      this.#times = observe(this.#times, runs);
      this.#finish(held, held.outcome);
    });
  }

  #leaveSlot(held: HeldCall): void {
    held.cancel();
    this.#running -= 1;
    this.#code.over(held.call);
  }

  #finish(held: HeldCall, outcome: Outcome): void {
    this.#leaveSlot(held);
    held.place = 'over';
    this.#code.ended(held.call, outcome);
    this.#clock.turn(() => this.#end(held, outcome));
  }

  #endUnbegun(held: HeldCall, reason: 'drain' | 'no_code' | 'handed_back'): void {
    held.place = 'over';
    this.#clock.turn(() => this.#end(held, { is: 'released', reason }));
  }

  #end(held: HeldCall, outcome: Outcome): void {
    if (this.#calls.get(held.call.key) !== held) return;
    this.#forget(held);
    this.#listener.ended(held.call.key, outcome, held.startedAt, null);
  }

  #forget(held: HeldCall): void {
    held.place = 'over';
    this.#calls.delete(held.call.key);
    if (this.#calls.size === 0) this.#stopped?.empty();
    this.#pump();
    if (this.#telling) return;
    this.#telling = true;
    this.#clock.turn(() => {
      this.#telling = false;
      this.#listener.changed();
    });
  }
}
