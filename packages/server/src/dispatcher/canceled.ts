// Tasks that were said to be canceled a moment ago. Between a claim's script and its hand-out the word finds no attempt that
// it could be taken from: so it is remembered until what was claimed meanwhile comes by.
import { BoundedMap } from '../bounded-map.ts';
import type { Clock } from '../clock.ts';

/** Longer than it takes from a claim's script to the hand-out: what is claimed later than that is renewed first. */
const KEPT_MS = 5_000;
/** Ids kept. Who is forgotten is dropped when its lease is renewed next. */
const MOST = 16_384;

export class Canceled {
  readonly #clock: Clock;
  /** When it was said, monotonic ms. */
  readonly #saidAt = new BoundedMap<string, number>(MOST);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  heard(ids: readonly string[]): void {
    const now = this.#clock.mono();
    for (const id of ids) this.#saidAt.set(id, now);
  }

  /** Is this one to be looked at before it is handed out? Once: the word is no fact, and the store has been asked then. */
  takes(id: string): boolean {
    const saidAt = this.#saidAt.get(id);
    if (saidAt === undefined || this.#clock.mono() - saidAt > KEPT_MS) return false;
    this.#saidAt.set(id, Number.NEGATIVE_INFINITY);
    return true;
  }
}
