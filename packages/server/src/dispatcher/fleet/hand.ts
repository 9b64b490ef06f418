// What one worker has, in the order given. A linked list, for thousands a second come and go in any order.

/** What lies in a hand knows its neighbours; it lies in one at a time. */
export interface InHand<T> {
  before: T | undefined;
  after: T | undefined;
}

export class Hand<T extends InHand<T>> {
  #first: T | undefined;
  #last: T | undefined;
  /** Attempts that have not ended. */
  open = 0;

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** At the end of it. */
  add(one: T): void {
    one.before = this.#last;
    if (this.#last === undefined) this.#first = one;
    else this.#last.after = one;
    this.#last = one;
  }

  remove(one: T): void {
    const { before, after } = one;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    // It may be held on to for a while, its neighbours should not be.
    one.before = undefined;
    one.after = undefined;
  }

  *[Symbol.iterator](): Generator<T, void> {
    for (let one = this.#first; one !== undefined; one = one.after) yield one;
  }
}
