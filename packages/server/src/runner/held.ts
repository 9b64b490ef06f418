// A call inside the pool, and where it is.
import type { Runtime } from '@mpcsfaas/contract';
import type { Call } from './call.ts';
import type { Fn } from './functions.ts';

/** What a sent call can be asked of where it is: its runner. */
export interface Holder {
  withdraw(): HeldCall[];
  cancel(held: HeldCall): void;
  startedAt(held: HeldCall): number;
}

/** Calls of one runtime that wait, and how many of them need a runner in which nothing has run. */
interface Size {
  all: number;
  fresh: number;
}

/** Calls that wait, by runtime. */
export type Waiting = Readonly<Record<Runtime, Readonly<Size>>>;

/** Waiting for its code; in the line; in a runner's pipe; over (told, withdrawn or canceled). */
export type Place = { is: 'code' } | { is: 'line' } | { is: 'sent'; runner: Holder } | { is: 'over' };

export interface HeldCall {
  readonly call: Call;
  readonly fn: Fn;
  /** Nothing may run before or behind it in its runner's pipe. */
  readonly exclusive: boolean;
  /** Its function could not be loaded where others had run before: it gets a runner in which nothing has. */
  wantsFresh: boolean;
  place: Place;
  /** In the line: lower ones go first. */
  turn: number;
}

/** A call that has just come: whether its code is there is looked at next. */
export function heldCall(call: Call, fn: Fn): HeldCall {
  const { isolation, at_most_once: once, memory_bytes: memory } = call.spec;
  const exclusive = isolation === 'task' || once || memory > 0;
  return { call, fn, exclusive, wantsFresh: false, place: { is: 'code' }, turn: 0 };
}

/** Does it run only where nothing has run before? */
export function needsFresh({ call, wantsFresh }: HeldCall): boolean {
  return wantsFresh || call.spec.isolation === 'task';
}

/**
 * The pool's waiting line: first in, first out; what comes back from a runner goes to its front. Where a call waits for a
 * runner to come, those that need another kind of runner may pass.
 */
export class WaitingLine {
  /** Calls in one of them need the same kind of runner. */
  readonly #lines: Readonly<Record<Runtime, { any: OneLine; fresh: OneLine }>> = {
    python: { any: new OneLine(), fresh: new OneLine() },
    javascript: { any: new OneLine(), fresh: new OneLine() },
  };
  readonly #each = Object.values(this.#lines).flatMap(({ any, fresh }) => [any, fresh]);
  #firstTurn = 0;
  #lastTurn = 0;

  /** Calls in it whose place is still the line. */
  readonly sizes: Record<Runtime, Size> = { python: { all: 0, fresh: 0 }, javascript: { all: 0, fresh: 0 } };

  get size(): number {
    return this.sizes.python.all + this.sizes.javascript.all;
  }

  push(held: HeldCall): void {
    held.place = { is: 'line' };
    held.turn = ++this.#lastTurn;
    this.#lineOf(held).push(held);
    this.#count(held, 1);
  }

  /** Puts `calls` before all others, in their order. */
  unshift(calls: readonly HeldCall[]): void {
    for (const held of calls.toReversed()) {
      held.place = { is: 'line' };
      held.turn = --this.#firstTurn;
      this.#lineOf(held).unshift(held);
      this.#count(held, 1);
    }
  }

  /** The first call. Those in `passed`, which it answered before, and whatever needs the same kind of runner, are passed. */
  peek(passed: readonly HeldCall[]): HeldCall | undefined {
    let first: HeldCall | undefined;
    for (const line of this.#each) {
      const held = line.peek();
      if (held && (!first || held.turn < first.turn) && !passed.includes(held)) first = held;
    }
    return first;
  }

  /** Slots that `held` must leave to those in `passed`: who waits for a fresh runner is to find one free when it has come. */
  keptFrom(held: HeldCall, passed: readonly HeldCall[]): number {
    const { runtime } = held.call.spec;
    return passed.some((one) => one.call.spec.runtime === runtime && needsFresh(one)) ? this.sizes[runtime].fresh : 0;
  }

  /** Every call in it, first ones first. */
  all(): HeldCall[] {
    return this.#each.flatMap((line) => line.all()).sort((a, b) => a.turn - b.turn);
  }

  /** Takes out what peek() has just answered; the caller gives it a new place. */
  take(held: HeldCall): void {
    this.#lineOf(held).skip();
    this.left(held);
    held.place = { is: 'over' };
  }

  /** A call in it has gone another way: its place is no longer the line. */
  left(held: HeldCall): void {
    this.#count(held, -1);
  }

  #lineOf(held: HeldCall): OneLine {
    return this.#lines[held.call.spec.runtime][needsFresh(held) ? 'fresh' : 'any'];
  }

  #count(held: HeldCall, by: 1 | -1): void {
    const size = this.sizes[held.call.spec.runtime];
    size.all += by;
    if (needsFresh(held)) size.fresh += by;
  }
}

/** Calls in the line that need the same kind of runner; those whose place is no longer the line are skipped. */
class OneLine {
  #front: HeldCall[] = [];
  #back: HeldCall[] = [];
  #at = 0;

  push(held: HeldCall): void {
    this.#back.push(held);
  }

  unshift(held: HeldCall): void {
    this.#front.push(held);
  }

  peek(): HeldCall | undefined {
    for (;;) {
      const held = this.#front.at(-1) ?? this.#back[this.#at];
      if (held === undefined || held.place.is === 'line') return held;
      this.skip();
    }
  }

  all(): HeldCall[] {
    return [...this.#front.toReversed(), ...this.#back.slice(this.#at)].filter(({ place }) => place.is === 'line');
  }

  skip(): void {
    if (this.#front.length > 0) {
      this.#front.pop();
      return;
    }
    this.#at += 1;
    if (this.#at === this.#back.length) {
      this.#back = [];
      this.#at = 0;
    } else if (this.#at > 4096 && this.#at * 2 > this.#back.length) {
      this.#back = this.#back.slice(this.#at);
      this.#at = 0;
    }
  }
}
