// Clients that ask at once for what they have just submitted, or for what was just said not to have ended. Each such poll
// costs as much as a call, and there is nothing new to say; so it is held until the end, or for a while. A client that goes
// round several tasks is not held up at each of them: after one hold, what it knows of the others is older.
import { BoundedMap } from '../bounded-map.ts';
import type { Clock } from '../clock.ts';

/** Who asks within this time polls tightly, in ms. */
export const TIGHT_MS = 20;
/** How long an answer is held, in ms. */
export const HOLD_MS = 100;
/** Open tasks that are remembered. */
const MOST_TASKS = 10_000;

export class TightPolls {
  /** Monotonic ms at which it was last said that a task is still open. */
  readonly #saidOpen = new BoundedMap<string, number>(MOST_TASKS);
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long the answer to a poll that comes now may wait for the end of the task, in ms. */
  holdMs(id: string): number {
    const saidAt = this.#saidOpen.get(id);
    return saidAt !== undefined && this.#clock.mono() - saidAt <= TIGHT_MS ? HOLD_MS : 0;
  }

  /** It is said that the task was accepted, or that it is open. */
  saysOpen(id: string): void {
    this.#saidOpen.set(id, this.#clock.mono());
  }
}
