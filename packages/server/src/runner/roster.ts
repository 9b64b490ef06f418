// The runners of a pool: which one takes a call, how many are kept warm, and what is done when none can be made.
import { RUNTIMES, type Runtime } from '@mpcsfaas/contract/words';
import { backoffMs, type Backoff } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { RuntimeSnapshot } from '../lifecycle/runtime.ts';
import type { ChildSource } from './children.ts';
import { OVERDUE_MS } from './depth.ts';
import { deathInWords } from './ends.ts';
import { needsFresh, type HeldCall, type Waiting } from './held.ts';
import type { Log } from './log.ts';
import type { LogLimits } from './logs.ts';
import { Runner, type RunnerEvents } from './runner.ts';
import { TooSlow } from './starts.ts';

/** A source's health. After three failures in a row its runtime is out, until one start succeeds. */
interface Health {
  making: number;
  failures: number;
  why: string;
  /** Until then nothing is started. */
  retry: NodeJS.Timeout | undefined;
}

const OUT_AFTER = 3;
const RETRY: Backoff = { baseMs: 200, maxMs: 10_000, factor: 2 };

export interface RosterParts {
  slots: number;
  sources: Record<Runtime, ChildSource>;
  clock: Clock;
  /** How long a runner may take until it is ready, in ms. */
  startMs: number;
  log: Log;
  logLimits: LogLimits;
  events: RunnerEvents;
  changed: () => void;
}

export class Roster {
  readonly #parts: RosterParts;
  readonly #runners = new Set<Runner>();
  readonly #health: Record<Runtime, Health>;
  /** Not ready yet, with what kills those that hang. */
  readonly #starting = new Map<Runner, NodeJS.Timeout>();
  #waiting: Waiting = { python: { all: 0, fresh: 0 }, javascript: { all: 0, fresh: 0 } };
  #closed = false;
  #onGone: (() => void) | undefined;

  constructor(parts: RosterParts) {
    this.#parts = parts;
    const fresh = (): Health => ({ making: 0, failures: 0, why: '', retry: undefined });
    this.#health = { python: fresh(), javascript: fresh() };
  }

  all(): Iterable<Runner> {
    return this.#runners;
  }

  /** Slots that are taken. */
  occupied(): number {
    let count = 0;
    for (const runner of this.#runners) if (runner.occupies) count += 1;
    return count;
  }

  /** Calls that run. */
  running(): number {
    let count = 0;
    for (const runner of this.#runners) if (runner.calls > 0) count += 1;
    return count;
  }

  /** Runners whose call has run for longer than `ms`. */
  runningLonger(nowMono: number, ms: number): number {
    let count = 0;
    for (const runner of this.#runners) if (runner.runsLonger(nowMono, ms)) count += 1;
    return count;
  }

  snapshots(): RuntimeSnapshot[] {
    return RUNTIMES.map((runtime) => {
      const source = this.#parts.sources[runtime];
      return { runtime, version: source.version, broken: this.#whyOut(runtime) };
    });
  }

  /** Can this runtime start no runner at present? */
  isOut(runtime: Runtime): boolean {
    return this.#whyOut(runtime) !== '';
  }

  /**
   * The runner that takes the call now: with a free slot one that has the function loaded, else one that has run
   * before, else a new one; without a free slot the one with the fewest short calls before it. Undefined = wait.
   * @param kept - free slots that others wait for: it takes none of these, nor a place behind another call meanwhile
   */
  choose(held: HeldCall, kept: number, nowMono: number): Runner | undefined {
    const { runtime } = held.call.spec;
    const fresh = needsFresh(held);
    const occupied = this.occupied();
    if (kept > 0 && occupied + kept >= this.#parts.slots) return undefined;
    if (occupied < this.#parts.slots) {
      let best: Runner | undefined;
      for (const runner of this.#runners) {
        if (runner.child.runtime !== runtime || !runner.idle || (fresh && runner.used)) continue;
        if (runner.has(held.fn)) return runner;
        if (!best || (runner.used && !best.used)) best = runner;
      }
      return best;
    }
    if (held.exclusive || fresh) return undefined;
    let best: Runner | undefined;
    for (const runner of this.#runners) {
      if (runner.child.runtime !== runtime || !runner.takesBehind(held, nowMono)) continue;
      if (!best || runner.calls < best.calls) best = runner;
    }
    return best;
  }

  /** The runner in whose pipe a call has longest to wait, where that is long and another runner is free for it. */
  overdue(nowMono: number): Runner | undefined {
    if (this.occupied() >= this.#parts.slots) return undefined;
    let longest = OVERDUE_MS;
    let overdue: Runner | undefined;
    for (const runner of this.#runners) {
      const waitsMs = runner.lastWaitsMs(nowMono);
      if (waitsMs <= longest || !this.#hasIdle(runner.child.runtime)) continue;
      longest = waitsMs;
      overdue = runner;
    }
    return overdue;
  }

  #hasIdle(runtime: Runtime): boolean {
    for (const runner of this.#runners) if (runner.child.runtime === runtime && runner.idle) return true;
    return false;
  }

  /**
   * Starts runners for what waits and one more of each runtime, so that the next call finds one. There are no more than one
   * beyond the slots; where all have been used and a call waits for a fresh one, idle ones make room. For the first such
   * call also while no slot is free: else calls of the other runtime, which need no new runner, would take each that becomes free.
   */
  keepWarm(waiting: Waiting): void {
    this.#waiting = waiting;
    if (this.#closed) return;
    const free = this.#parts.slots - this.occupied();
    for (const runtime of RUNTIMES) {
      const health = this.#health[runtime];
      if (health.retry || this.#parts.sources[runtime].problem !== '') continue;
      const count = this.#count(runtime);
      let { alive, fresh } = count;
      if (health.failures >= OUT_AFTER && count.coming === 0) {
        // However many live from before: only a start that succeeds says that starting works again.
        this.#make(runtime);
        alive += 1;
        fresh += 1;
      }
      const { all, fresh: waitForFresh } = waiting[runtime];
      const wanted = 1 + Math.max(0, Math.min(free, all));
      const urgent = Math.min(waitForFresh, Math.max(1, free));
      for (; fresh < wanted; fresh += 1, alive += 1) {
        if (alive > this.#parts.slots) {
          if (fresh >= urgent || !this.#makeRoom(runtime)) break;
          alive -= 1;
        }
        this.#make(runtime);
      }
    }
  }

  /** Ends every runner and every source. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const runtime of RUNTIMES) clearTimeout(this.#health[runtime].retry);
    for (const runner of this.#runners) runner.kill({ is: 'retired' });
    await Promise.all(RUNTIMES.map((runtime) => this.#parts.sources[runtime].close()));
    if (this.#runners.size > 0) await new Promise<void>((resolve) => (this.#onGone = resolve));
  }

  /** New runners of this runtime from now on: idle ones are replaced, others once their call is over. */
  renew(runtime: Runtime): void {
    for (const runner of this.#runners) if (runner.child.runtime === runtime) runner.retire();
    this.keepWarm(this.#waiting);
  }

  /** Runners that live or are coming; those of them that nothing has run in; and those that are not ready yet. */
  #count(runtime: Runtime): { alive: number; fresh: number; coming: number } {
    const { making } = this.#health[runtime];
    const count = { alive: making, fresh: making, coming: making };
    for (const runner of this.#runners) {
      if (runner.child.runtime !== runtime || runner.phase === 'dying') continue;
      count.alive += 1;
      if (!runner.used) count.fresh += 1;
      if (runner.phase === 'starting') count.coming += 1;
    }
    return count;
  }

  #whyOut(runtime: Runtime): string {
    const { problem } = this.#parts.sources[runtime];
    const health = this.#health[runtime];
    return problem !== '' ? problem : health.failures >= OUT_AFTER ? health.why : '';
  }

  /** Ends an idle runner that has been used. Calls go to the first that fits, so the last one is missed least. */
  #makeRoom(runtime: Runtime): boolean {
    let last: Runner | undefined;
    for (const runner of this.#runners) {
      if (runner.child.runtime === runtime && runner.used && runner.idle) last = runner;
    }
    last?.retire();
    return last !== undefined;
  }

  #make(runtime: Runtime): void {
    const { sources, clock, logLimits } = this.#parts;
    const source = sources[runtime];
    this.#health[runtime].making += 1;
    source.make().then(
      (child) => {
        this.#health[runtime].making -= 1;
        const runner = new Runner(child, source, clock, logLimits, this.#events());
        this.#runners.add(runner);
        this.#starting.set(
          runner,
          setTimeout(() => this.#giveUp(runner), this.#parts.startMs),
        );
        if (this.#closed) runner.kill({ is: 'retired' });
      },
      (error: unknown) => {
        this.#health[runtime].making -= 1;
        if (!this.#closed) this.#failed(runtime, error instanceof Error ? error : new Error(String(error)));
      },
    );
  }

  #events(): RunnerEvents {
    const { events } = this.#parts;
    return {
      ...events,
      ready: (runner) => {
        this.#started(runner);
        const health = this.#health[runner.child.runtime];
        const wasOut = health.failures >= OUT_AFTER;
        health.failures = 0;
        if (wasOut) this.#parts.changed();
        events.ready(runner);
      },
      gone: (runner, death, expected) => {
        this.#runners.delete(runner);
        this.#started(runner);
        const words = deathInWords(death);
        if (!expected) this.#parts.log('warn', 'a runner died', { runtime: runner.child.runtime, cause: words });
        if (!expected && !runner.wasReady) {
          this.#failed(runner.child.runtime, new Error(`its runners die at start: ${words}`));
        }
        events.gone(runner, death, expected);
        if (this.#runners.size === 0) this.#onGone?.();
      },
    };
  }

  #started(runner: Runner): void {
    clearTimeout(this.#starting.get(runner));
    this.#starting.delete(runner);
  }

  #giveUp(runner: Runner): void {
    const error = new TooSlow('a runner', this.#parts.startMs);
    runner.kill({ is: 'fault', why: error.message });
    this.#failed(runner.child.runtime, error);
  }

  #failed(runtime: Runtime, error: Error): void {
    const health = this.#health[runtime];
    const before = health.failures;
    // Where a retry is waited for, nothing was started since the last failure: this start was under way with that one, and its
    // cause is the same, as when a template dies that was asked for many. Those that hang count each: who waits has waited long.
    if (!health.retry || error instanceof TooSlow) health.failures += 1;
    health.why = error.message;
    this.#parts.log('error', 'a runner cannot start', { runtime, cause: health.why, failures: health.failures });
    health.retry ??= setTimeout(
      () => {
        health.retry = undefined;
        this.keepWarm(this.#waiting);
      },
      backoffMs(RETRY, health.failures, 1),
    );
    if (before < OUT_AFTER && health.failures >= OUT_AFTER) this.#parts.changed();
  }
}
