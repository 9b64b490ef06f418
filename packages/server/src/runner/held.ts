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

/** Calls that wait, by runtime. */
export type Waiting = Readonly<Record<Runtime, number>>;

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

/**
 * The pool's waiting line: first in, first out; what comes back from a runner goes to its front. Where one runtime has no
 * runner yet, calls of the other one may pass.
 */
export class WaitingLine {
  readonly #lines: Readonly<Record<Runtime, OneLine>> = { python: new OneLine(), javascript: new OneLine() };
  #firstTurn = 0;
  #lastTurn = 0;

  /** Calls in it whose place is still the line. */
  readonly sizes: Record<Runtime, number> = { python: 0, javascript: 0 };

  get size(): number {
    return this.sizes.python + this.sizes.javascript;
  }

  push(held: HeldCall): void {
    held.place = { is: 'line' };
    held.turn = ++this.#lastTurn;
    this.#lines[held.call.spec.runtime].push(held);
    this.sizes[held.call.spec.runtime] += 1;
  }

  /** Puts `calls` before all others, in their order. */
  unshift(calls: readonly HeldCall[]): void {
    for (const held of calls.toReversed()) {
      held.place = { is: 'line' };
      held.turn = --this.#firstTurn;
      this.#lines[held.call.spec.runtime].unshift(held);
      this.sizes[held.call.spec.runtime] += 1;
    }
  }

  /** The first call, of `passing` where calls of the other runtime are passed. */
  peek(passing?: Runtime): HeldCall | undefined {
    if (passing !== undefined) return this.#lines[passing].peek();
    const python = this.#lines.python.peek();
    const javascript = this.#lines.javascript.peek();
    if (!python || !javascript) return python ?? javascript;
    return python.turn < javascript.turn ? python : javascript;
  }

  /** Every call in it, first ones first. */
  all(): HeldCall[] {
    return [...this.#lines.python.all(), ...this.#lines.javascript.all()].sort((a, b) => a.turn - b.turn);
  }

  /** Takes out what peek() has just answered; the caller gives it a new place. */
  take(held: HeldCall): void {
    this.#lines[held.call.spec.runtime].skip();
    this.left(held);
    held.place = { is: 'over' };
  }

  /** A call in it has gone another way: its place is no longer the line. */
  left(held: HeldCall): void {
    this.sizes[held.call.spec.runtime] -= 1;
  }
}

/** The calls of one runtime in the line; those whose place is no longer the line are skipped. */
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
