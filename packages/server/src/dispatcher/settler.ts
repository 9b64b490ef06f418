// Brings endings into the store, those of each shard by themselves, and the large ones of each: a shard that is away holds up no
// other's, and bytes on their way no end that has few of them.
import type { LiveClock } from '../clock.ts';
import type { Store } from '../store/index.ts';
import type { Ending } from '../tasks/ending.ts';
import type { Watchdog } from '../watchdog.ts';
import { byShard } from './by-shard.ts';
import { bytesOf, ShardSettler } from './shard-settler.ts';

/** Endings that the store has not taken, and bytes of what they return, beyond which no more is to be begun of the shards they are for. */
const MOST_WAITING = 4096;
const MOST_BYTES = 256 * 1024 * 1024;
/** What returns more takes its time on its way into the store, bytes. */
const LARGE_BYTES = 256 * 1024;

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
  /** Those that had something to settle, by shard; made when first used. */
  readonly #small = new Map<number, ShardSettler>();
  readonly #large = new Map<number, ShardSettler>();

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  push(endings: readonly Ending[]): void {
    for (const [shard, some] of byShard(this.#options.store, endings)) {
      const large = some.filter(isLarge);
      const small = large.length > 0 ? some.filter((ending) => !isLarge(ending)) : some;
      if (small.length > 0) this.#of(shard, this.#small).push(small);
      if (large.length > 0) this.#of(shard, this.#large).push(large);
    }
  }

  /** The store is there again. */
  hurry(): void {
    for (const one of this.#all()) one.hurry();
  }

  /** Resolves when everything pushed so far is in the store, or after timeoutMs. */
  async flush(timeoutMs: number): Promise<void> {
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => (cancel = this.#options.clock.after(timeoutMs, resolve)));
    await Promise.race([Promise.all(this.#all().map((one) => one.done())), late]);
    cancel();
  }

  /** Gives up what is not in: its leases end, or its worker brings it to another dispatcher. */
  close(): void {
    for (const one of this.#all()) one.close();
  }

  get watchdogs(): Watchdog[] {
    return this.#all().map(({ watchdog }) => watchdog);
  }

  #all(): ShardSettler[] {
    return [...this.#small.values(), ...this.#large.values()];
  }

  #of(shard: number, those: Map<number, ShardSettler>): ShardSettler {
    let one = those.get(shard);
    if (one === undefined) {
      const what = those === this.#large ? 'large ends' : 'ends';
      const where = this.#options.store.shards === 1 ? 'the store' : `shard ${shard} of the store`;
      one = new ShardSettler({ ...this.#options, name: `${what} into ${where}`, isAll: () => this.#isAll() });
      those.set(shard, one);
    }
    return one;
  }

  /** Does more wait than may? Then some shard is full. */
  get hasTooMuch(): boolean {
    const { waiting, bytes } = loadOf(this.#all());
    return waiting > MOST_WAITING || bytes > MOST_BYTES;
  }

  /** Does more wait than may, and of this shard more than its share? Then nothing of it should be begun: its end would come to the rest. */
  isFull(shard: number): boolean {
    const { shards } = this.#options.store;
    const { waiting, bytes } = loadOf([this.#small.get(shard), this.#large.get(shard)]);
    return this.hasTooMuch && (waiting > MOST_WAITING / shards || bytes > MOST_BYTES / shards);
  }

  #isAll(): boolean {
    return this.#options.inProgress() <= loadOf(this.#all()).waiting;
  }
}

function isLarge(ending: Ending): boolean {
  return bytesOf(ending) > LARGE_BYTES;
}

function loadOf(settlers: readonly (ShardSettler | undefined)[]): { waiting: number; bytes: number } {
  const load = { waiting: 0, bytes: 0 };
  for (const one of settlers) {
    load.waiting += one?.waiting ?? 0;
    load.bytes += one?.waitingBytes ?? 0;
  }
  return load;
}
