// What many requests ask in one turn of the event loop, asked of the store in one call: no timer, no idle latency.

/** Collects items until the turn ends, then runs them as one batch and hands each caller its own answer. */
class TurnBatch<Item, Answer> {
  readonly #run: (items: readonly Item[]) => Promise<readonly Answer[]>;
  #waiting: { item: Item; resolve: (answer: Answer) => void; reject: (fault: unknown) => void }[] = [];

  /** `run` answers in the order of the items. */
  constructor(run: (items: readonly Item[]) => Promise<readonly Answer[]>) {
    this.#run = run;
  }

  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ item, resolve, reject }) === 1) setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      const answers = await this.#run(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, i) => resolve(answers[i]!));
    } catch (fault) {
      for (const { reject } of batch) reject(fault);
    }
  }
}

/** One batch for each key (a tenant, a shard, a cursor) that is asked for in this turn; none outlives it, for keys have no end. */
export class TurnBatches<Item, Answer> {
  readonly #run: (key: string, items: readonly Item[]) => Promise<readonly Answer[]>;
  readonly #batches = new Map<string, TurnBatch<Item, Answer>>();

  constructor(run: (key: string, items: readonly Item[]) => Promise<readonly Answer[]>) {
    this.#run = run;
  }

  add(key: string, item: Item): Promise<Answer> {
    let batch = this.#batches.get(key);
    if (batch === undefined) {
      batch = new TurnBatch((items) => {
        this.#batches.delete(key);
        return this.#run(key, items);
      });
      this.#batches.set(key, batch);
    }
    return batch.add(item);
  }
}
