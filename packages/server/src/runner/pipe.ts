// The calls in one runner's pipe, in order: the first one runs, those behind it have been sent ahead.
import { depthFor, longAfterMs, mayBeNext, mayQueue, REFILL_SHARE, SLOW_MS } from './depth.ts';
import type { Fn } from './functions.ts';
import type { HeldCall } from './held.ts';
import type { CallLogs } from './logs.ts';

export interface Sent {
  held: HeldCall;
  number: number;
  sentMono: number;
  startedMono: number;
  startedAtMs: number;
  printedMono: number;
  /** What its process used before it, bytes; of calls with a memory limit. */
  bytesBefore: number;
  logs: CallLogs | null;
}

export class Pipe {
  #calls: Sent[] = [];
  /** How many calls of each function are in it: a look at all of them costs no more than a look at each function. */
  readonly #functions = new Map<Fn, number>();
  #exclusive = 0;
  #bytes = 0;

  get length(): number {
    return this.#calls.length;
  }

  get first(): Sent | undefined {
    return this.#calls[0];
  }

  get second(): Sent | undefined {
    return this.#calls[1];
  }

  find(held: HeldCall): Sent | undefined {
    return this.#calls.find((sent) => sent.held === held);
  }

  /** Numbers of the functions that calls in it are of. */
  functionNumbers(): Set<number> {
    return new Set([...this.#functions.keys()].map(({ number }) => number));
  }

  /** The largest result in bytes that a call in it may have. */
  mostResultBytes(): number {
    return this.#calls.reduce((most, { held }) => Math.max(most, held.call.spec.max_result_bytes), 0);
  }

  /**
   * May it sit behind all that are in it? Not where it is empty.
   * @param unflushed - of its calls, those that the child has yet to be sent
   */
  takesBehind({ fn, call }: HeldCall, unflushed: number, nowMono: number): boolean {
    const { first, length } = this;
    if (!first || this.#exclusive > 0) return false;
    const ranMs = nowMono - first.startedMono;
    // What must begin by some time waits where that is looked at.
    const isNext = length === 1 && call.startBy === undefined && ranMs <= longAfterMs(first.held.fn.meanMs);
    if (isNext && this.#all(fn, mayBeNext)) return true;
    if (ranMs > SLOW_MS || !this.#all(fn, (pace) => mayQueue(pace, nowMono))) return false;
    const depth = depthFor(this.#meanMs(fn.meanMs), this.#bytes);
    return length <= (unflushed === 0 ? depth * REFILL_SHARE : depth - 1);
  }

  /**
   * How long the last call in it still has to wait for those before it, in ms: by their means, or, where the first is late, as
   * long as it is late already.
   */
  lastWaitsMs(nowMono: number): number {
    const { first, length } = this;
    if (!first || length < 2) return 0;
    const ranMs = nowMono - first.startedMono;
    return Math.max((length - 1) * this.#meanMs(0) - ranMs, ranMs - first.held.fn.meanMs);
  }

  /** Does the first call run for longer than such calls do? */
  isHeldUp(nowMono: number): boolean {
    const { first } = this;
    return first !== undefined && nowMono - first.startedMono >= longAfterMs(first.held.fn.meanMs);
  }

  /** The mean of its slowest function, in ms, or `atLeast`. */
  #meanMs(atLeast: number): number {
    let meanMs = atLeast;
    for (const fn of this.#functions.keys()) meanMs = Math.max(meanMs, fn.meanMs);
    return meanMs;
  }

  /** Holds it for `fn` and every function in the pipe? */
  #all(fn: Fn, holds: (fn: Fn) => boolean): boolean {
    if (!holds(fn)) return false;
    for (const other of this.#functions.keys()) if (other !== fn && !holds(other)) return false;
    return true;
  }

  push(sent: Sent): void {
    this.#calls.push(sent);
    this.#count(sent, 1);
  }

  shift(): Sent | undefined {
    const sent = this.#calls.shift();
    if (sent) this.#count(sent, -1);
    return sent;
  }

  /** Takes out the calls with these numbers, in their order. */
  take(numbers: ReadonlySet<number>): Sent[] {
    const taken = this.#calls.filter((sent) => numbers.has(sent.number));
    this.#calls = this.#calls.filter((sent) => !numbers.has(sent.number));
    for (const sent of taken) this.#count(sent, -1);
    return taken;
  }

  /** Takes out all. */
  empty(): Sent[] {
    const all = this.#calls;
    this.#calls = [];
    this.#functions.clear();
    this.#exclusive = 0;
    this.#bytes = 0;
    return all;
  }

  #count({ held }: Sent, by: 1 | -1): void {
    const left = (this.#functions.get(held.fn) ?? 0) + by;
    if (left === 0) this.#functions.delete(held.fn);
    else this.#functions.set(held.fn, left);
    if (held.exclusive) this.#exclusive += by;
    this.#bytes += by * held.call.args.length;
  }
}
