// What one worker has, in the order given. A linked list, for thousands a second come and go in any order.
import type { Delivery } from './deliveries.ts';

/** Deliveries lie in one hand at a time, and know their neighbours in it. */
export interface InHand {
  hand: Hand;
  before: Delivery | undefined;
  after: Delivery | undefined;
}

export class Hand {
  #first: Delivery | undefined;
  #last: Delivery | undefined;
  /** Attempts that have not ended. */
  open = 0;

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** At the end of it. */
  add(delivery: Delivery): void {
    delivery.before = this.#last;
    if (this.#last === undefined) this.#first = delivery;
    else this.#last.after = delivery;
    this.#last = delivery;
  }

  remove(delivery: Delivery): void {
    const { before, after } = delivery;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    // It may be held on to for a while, its neighbours should not be.
    delivery.before = undefined;
    delivery.after = undefined;
  }

  *[Symbol.iterator](): Generator<Delivery, void> {
    for (let one = this.#first; one !== undefined; one = one.after) yield one;
  }
}
