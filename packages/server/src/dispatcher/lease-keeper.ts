// Renews leases once a second, in one call a shard: of attempts that a worker itself named, and of no others. Shards are apart
// from each other: one that cannot be asked keeps none of the others from being renewed, or trusted.
import type { Clock } from '../clock.ts';
import { shardIn } from '../lifecycle/ids.ts';
import { StoreUnavailable, type Renewal, type Store } from '../store/index.ts';
import type { Executor } from './executor.ts';

export const RENEW_MS = 1_000;
/** With the last successful renewal sent longer ago than this, nothing more is handed out: our leases may be over. */
const TRUST_MS = 3_000;

export interface LeaseKeeperOptions {
  store: Store;
  tenant: string;
  executor: Executor;
  clock: Clock;
  /** Leases are ours to trust again. */
  onTrusted: () => void;
  onTrouble: (sentence: string) => void;
}

/** Of one shard. */
interface ShardLeases {
  /** Monotonic ms at which the last successful renewal was sent. */
  renewedAt: number;
  /** A round is under way; `again`: another is wanted as soon as it is over. */
  round: { is: 'none' } | { is: 'under way'; again: boolean };
}

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #shards = new Map<number, ShardLeases>();
  readonly #startedAt: number;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#startedAt = options.clock.mono();
  }

  /** Shards whose work may be handed out. */
  get trusted(): number[] {
    const mono = this.#options.clock.mono();
    return this.#all().filter((shard) => mono - this.#of(shard).renewedAt <= TRUST_MS);
  }

  /** How many shards are not. */
  get untrusted(): number {
    return this.#options.store.shards - this.trusted.length;
  }

  /** The store is there again: a round that was sent before may fail for that, and another follows it at once. */
  async renewNow(): Promise<void> {
    for (const { round } of this.#shards.values()) if (round.is === 'under way') round.again = true;
    await this.renew();
  }

  /** One round. A store that is away is no error: the next round asks again. */
  async renew(): Promise<void> {
    const named = this.#named();
    await Promise.all(this.#all().map((shard) => this.#renewShard(shard, named.get(shard) ?? [])));
  }

  #named(): Map<number, Renewal[]> {
    const { store, executor } = this.#options;
    return Map.groupBy(executor.named(), ({ fence }) => shardIn(store.shards, fence.id));
  }

  /** A store that was away at first may have more shards than it said. */
  #all(): number[] {
    return Array.from({ length: this.#options.store.shards }, (_, shard) => shard);
  }

  #of(shard: number): ShardLeases {
    let leases = this.#shards.get(shard);
    if (leases === undefined) {
      leases = { renewedAt: this.#startedAt, round: { is: 'none' } };
      this.#shards.set(shard, leases);
    }
    return leases;
  }

  async #renewShard(shard: number, renewals: readonly Renewal[]): Promise<void> {
    const leases = this.#of(shard);
    if (leases.round.is === 'under way') return;
    const round = { is: 'under way' as const, again: false };
    leases.round = round;
    const { store, executor, clock, onTrusted, onTrouble } = this.#options;
    const sentAt = clock.mono();
    const wasLate = sentAt - leases.renewedAt > TRUST_MS;
    try {
      let answers: (boolean | undefined)[] = [];
      if (renewals.length > 0) answers = await this.#ask(renewals);
      // With nothing to renew this is still the question whether the shard is there.
      else await store.now(shard);
      leases.renewedAt = sentAt;
      const gone = renewals.filter((_, at) => answers[at] === false).map(({ fence }) => fence.token);
      if (gone.length > 0) executor.drop(gone);
      if (wasLate) onTrusted();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) onTrouble(`Leases were not renewed: ${sentenceOf(error)}.`);
    } finally {
      leases.round = { is: 'none' };
    }
    if (round.again) await this.#renewShard(shard, this.#named().get(shard) ?? []);
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
