// Brings endings into the store, those of each shard by themselves: one shard that is away holds up no other's.
import type { LiveClock } from '../clock.ts';
import type { Store } from '../store/index.ts';
import type { Ending } from '../tasks/ending.ts';
import type { Watchdog } from '../watchdog.ts';
import { byShard } from './by-shard.ts';
import { ShardSettler } from './shard-settler.ts';

/** Endings that the store has not taken, and bytes of what they return, beyond which no more is to be begun here. */
const MOST_WAITING = 4096;
const MOST_BYTES = 256 * 1024 * 1024;

export interface SettlerOptions {
  store: Store;
  tenant: string;
  clock: LiveClock;
  random: () => number;
  /** Attempts that are out, those whose endings are here among them. */
  inProgress: () => number;
  /** These are settled: accepted, settled before, or refused as stale for good. */
  onSettled: (tokens: string[], accepted: Ending[]) => void;
  onTrouble: (sentence: string) => void;
}

export class Settler {
  readonly #options: SettlerOptions;
  /** Those that had something to settle; made when first used. */
  readonly #shards = new Map<number, ShardSettler>();

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  push(endings: readonly Ending[]): void {
    for (const [shard, some] of byShard(this.#options.store, endings)) this.#of(shard).push(some);
  }

  /** The store is there again. */
  hurry(): void {
    for (const shard of this.#shards.values()) shard.hurry();
  }

  /** Resolves when everything pushed so far is in the store, or after timeoutMs. */
  async flush(timeoutMs: number): Promise<void> {
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => (cancel = this.#options.clock.after(timeoutMs, resolve)));
    await Promise.race([Promise.all([...this.#shards.values()].map((shard) => shard.done())), late]);
    cancel();
  }

  /** Gives up what is not in: its leases end, or its worker brings it to another dispatcher. */
  close(): void {
    for (const shard of this.#shards.values()) shard.close();
  }

  get watchdogs(): Watchdog[] {
    return [...this.#shards.values()].map(({ watchdog }) => watchdog);
  }

  #of(shard: number): ShardSettler {
    let one = this.#shards.get(shard);
    if (one === undefined) {
      const where = this.#options.store.shards === 1 ? 'the store' : `shard ${shard} of the store`;
      one = new ShardSettler({ ...this.#options, where, isAll: () => this.#isAll() });
      this.#shards.set(shard, one);
    }
    return one;
  }

  /** Does more wait than may? Then nothing should be begun: its end would come to the rest. */
  get isFull(): boolean {
    let bytes = 0;
    for (const shard of this.#shards.values()) bytes += shard.waitingBytes;
    return this.#waiting() > MOST_WAITING || bytes > MOST_BYTES;
  }

  #isAll(): boolean {
    return this.#options.inProgress() <= this.#waiting();
  }

  #waiting(): number {
    let waiting = 0;
    for (const shard of this.#shards.values()) waiting += shard.waiting;
    return waiting;
  }
}
