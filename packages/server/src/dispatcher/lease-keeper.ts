// Renews leases once a second, in one call a shard: of attempts that a worker itself named, and of no others. Each shard has
// its own rounds: one that is away, or takes its time, keeps no lease of the others from being renewed, and nobody from
// claiming there.
import type { Clock } from '../clock.ts';
import { StoreUnavailable, type Renewal, type Store } from '../store/index.ts';
import { byShard } from './by-shard.ts';
import type { Executor } from './executor.ts';

export const RENEW_MS = 1_000;
/** With the last successful renewal sent longer ago than this, nothing more is handed out: our leases may be over. */
const TRUST_MS = 3_000;
/** Where no shard was heard for so long, it is asked whether there are others. */
const DOUBT_MS = 1_500;
/** Stands for the shards in which nothing is held. */
const ELSEWHERE = -1;

export interface LeaseKeeperOptions {
  store: Store;
  tenant: string;
  executor: Executor;
  clock: Clock;
  /** Leases of a shard are ours to trust again. */
  onTrusted: () => void;
  onTrouble: (sentence: string) => void;
}

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  /** When the last renewal that succeeded was sent, monotonic ms, by shard in which something is held; and for ELSEWHERE. */
  #renewedAt: Map<number, number>;
  /** Shards with a round under way. */
  readonly #busy = new Set<number>();
  /** Those of them that want another as soon as it is over. */
  readonly #wanted = new Set<number>();

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#renewedAt = new Map([[ELSEWHERE, options.clock.mono()]]);
  }

  /** May more work of this shard, or of any, be handed out? One in which nothing is held is as good as the best of the others. */
  trusts(shard?: number): boolean {
    const own = shard === undefined ? undefined : this.#renewedAt.get(shard);
    return this.#isRecent(own ?? this.#latest());
  }

  /** A sentence for /readyz, '' where all leases are renewed. */
  get trouble(): string {
    const isLate = [...this.#renewedAt.values()].some((at) => !this.#isRecent(at));
    return isLate ? 'leases could not be renewed for more than 3 s' : '';
  }

  /** The store is there again: a round that was sent before may fail for that, and another follows it at once. */
  async renewNow(): Promise<void> {
    for (const shard of this.#busy) this.#wanted.add(shard);
    await this.renew();
  }

  /** One round. A store that is away is no error: the next round asks again. */
  async renew(): Promise<void> {
    const held = this.#held();
    // One that comes new is not trusted for longer than the others: after a stall of ours, nothing is.
    const latest = this.#latest();
    this.#renewedAt = new Map([...held.keys()].map((shard) => [shard, this.#renewedAt.get(shard) ?? latest]));
    await Promise.all([...held].map(([shard, renewals]) => this.#renewIn(shard, renewals)));
  }

  /** What is to be renewed, by shard; nothing, too, is asked for where no shard that works tells that the store is there. */
  #held(): ReadonlyMap<number, readonly Renewal[]> {
    const { store, executor } = this.#options;
    const held = byShard(store, executor.named());
    const isHeard = (shard: number): boolean => this.#isWithin(DOUBT_MS, this.#renewedAt.get(shard) ?? -Infinity);
    const isTold = held.size === store.shards || [...held.keys()].some(isHeard);
    return isTold ? held : new Map([...held, [ELSEWHERE, []]]);
  }

  #latest(): number {
    return Math.max(...this.#renewedAt.values());
  }

  #isRecent(sentAt: number): boolean {
    return this.#isWithin(TRUST_MS, sentAt);
  }

  #isWithin(ms: number, sentAt: number): boolean {
    return this.#options.clock.mono() - sentAt <= ms;
  }

  async #renewIn(shard: number, renewals: readonly Renewal[]): Promise<void> {
    if (this.#busy.has(shard)) return;
    this.#busy.add(shard);
    const { executor, clock, onTrouble } = this.#options;
    const sentAt = clock.mono();
    try {
      const answers = renewals.length > 0 ? await this.#ask(renewals) : await this.#nothing();
      if (answers !== undefined) this.#renewed(shard, sentAt);
      const gone = renewals.filter((_, at) => answers?.[at] === false).map(({ fence }) => fence.token);
      if (gone.length > 0) executor.drop(gone);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) onTrouble(`Leases were not renewed: ${sentenceOf(error)}.`);
    } finally {
      this.#busy.delete(shard);
    }
    if (this.#wanted.delete(shard)) await this.#renewIn(shard, this.#held().get(shard) ?? []);
  }

  #renewed(shard: number, sentAt: number): void {
    const before = this.#renewedAt.get(shard);
    if (before === undefined) return;
    const wasTrusted = this.trusts(shard);
    this.#renewedAt.set(shard, Math.max(before, sentAt));
    if (!wasTrusted && this.trusts(shard)) this.#options.onTrusted();
  }

  /** Is the store there? Of several shards one is enough, for nothing is held in the others. Undefined = it is not. */
  async #nothing(): Promise<[] | undefined> {
    const { store, tenant } = this.#options;
    if (store.shards === 1) return (await store.health()).ok ? [] : undefined;
    await store.lanes(tenant);
    return [];
  }

  /** Where the store stumbles over one of many, each is asked for by itself: one lease may end for it, not all. */
  async #ask(renewals: readonly Renewal[]): Promise<(boolean | undefined)[]> {
    const { store, tenant, onTrouble } = this.#options;
    try {
      return await store.renew(tenant, renewals);
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      const each = renewals.map(async (renewal) => {
        try {
          return (await store.renew(tenant, [renewal]))[0];
        } catch (fault) {
          if (fault instanceof StoreUnavailable) throw fault;
          onTrouble(`The lease of task ${renewal.fence.id} cannot be renewed: ${sentenceOf(fault)}.`);
          return undefined;
        }
      });
      return Promise.all(each);
    }
  }
}

function sentenceOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}
