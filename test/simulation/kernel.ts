// Simulated time: what is to happen, in order, and to whom. One event after the other; between two of them everything that
// was promised is carried out, so that asynchronous code runs here as it does in its own process.
import type { Cancel, LiveClock } from '../../packages/server/src/clock.ts';

/** One process from its start to its end. What was to happen to it does not happen once it is dead. */
export interface Life {
  readonly name: string;
  isAlive: boolean;
  /** Stopped by a signal until then, simulated ms: what happens to it waits. */
  pausedUntil: number;
}

export function newLife(name: string): Life {
  return { name, isAlive: true, pausedUntil: 0 };
}

interface Event {
  at: number;
  order: number;
  life: Life | undefined;
  /** Undefined: taken back. */
  act: (() => void) | undefined;
}

/**
 * No time is shorter, ms: a sum of fractions may miss its goal by less than the clock can show, and who waits for that little would
 * wait again and again while the clock stands still.
 */
const SHORTEST_MS = 1e-6;
/** So many things that happen one after the other without any time passing have no end. */
const MOST_AT_ONCE = 100_000;
/** Where the clocks of all begin, Unix ms. */
const EPOCH = 1_800_000_000_000;

export class Kernel {
  /** Simulated ms since the beginning. */
  now = 0;
  /** Events carried out. */
  steps = 0;
  #order = 0;
  /** A binary heap by (at, order). */
  readonly #heap: Event[] = [];

  /** In `ms`, to this process; without one, to the world. */
  after(ms: number, life: Life | undefined, act: () => void): Cancel {
    this.#order += 1;
    const event: Event = { at: this.now + (ms > 0 ? Math.max(ms, SHORTEST_MS) : 0), order: this.#order, life, act };
    this.#push(event);
    return () => {
      event.act = undefined;
    };
  }

  /** The clocks and timers of a process. `skewMs`: how far its wall clock is off. */
  clockOf(life: Life, skewMs: number): LiveClock {
    const startedAt = this.now;
    return {
      wall: () => Math.trunc(EPOCH + skewMs + this.now),
      // A monotonic clock begins anywhere.
      mono: () => this.now - startedAt + 1_000,
      after: (ms, act) => this.after(ms, life, act),
      every: (ms, act) => {
        let cancel: Cancel = () => undefined;
        const round = (): void => {
          cancel = this.after(ms, life, round);
          act();
        };
        cancel = this.after(ms, life, round);
        return () => cancel();
      },
      turn: (act) => void this.after(0, life, act),
    };
  }

  /** Carries out events until `done` says so after one of them, or none is left. @throws Error where time stands still */
  async run(done: () => boolean): Promise<void> {
    let atOnce = 0;
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return;
      const { life, act } = event;
      if (act === undefined || life?.isAlive === false) continue;
      if (event.at > this.now) {
        this.now = event.at;
        atOnce = 0;
      }
      atOnce += 1;
      if (atOnce > MOST_AT_ONCE)
        throw new Error(`time stands still at ${this.now} ms: something waits for nothing, again and again`);
      if (life !== undefined && life.pausedUntil > this.now) {
        this.after(life.pausedUntil - this.now, life, () => event.act?.());
        continue;
      }
      this.steps += 1;
      act();
      await settled();
      if (done()) return;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Resolves when no promise that can be carried out is left: Node runs a tick only then. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
