// A settler for each shard: ends for one that is away wait there, and hold up none of the others'.
import { shardIn } from '../lifecycle/ids.ts';
import type { Ending } from '../tasks/ending.ts';
import type { Watchdog } from '../watchdog.ts';
import { Settler, type SettlerOptions } from './settler.ts';

export class ShardSettlers {
  readonly #options: SettlerOptions;
  readonly #byShard = new Map<number, Settler>();

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  push(endings: readonly Ending[]): void {
    const { shards } = this.#options.store;
    for (const [shard, own] of Map.groupBy(endings, ({ fence }) => shardIn(shards, fence.id)))
      this.#of(shard).push(own);
  }

  /** The store is there again. */
  hurry(): void {
    for (const settler of this.#byShard.values()) settler.hurry();
  }

  /** Resolves when everything pushed so far is in the store, or after timeoutMs. */
  async flush(timeoutMs: number): Promise<void> {
    await Promise.all([...this.#byShard.values()].map((settler) => settler.flush(timeoutMs)));
  }

  /** Gives up what is not in: its leases end, or its worker brings it to another dispatcher. */
  close(): void {
    for (const settler of this.#byShard.values()) settler.close();
  }

  watchdogs(): Watchdog[] {
    return [...this.#byShard.values()].map(({ watchdog }) => watchdog);
  }

  #of(shard: number): Settler {
    let settler = this.#byShard.get(shard);
    if (settler === undefined) {
      settler = new Settler(this.#options);
      this.#byShard.set(shard, settler);
    }
    return settler;
  }
}
