// Renews leases once a second, in one call: of attempts that a worker itself named, and of no others.
import type { Clock } from '../clock.ts';
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

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  /** A round is wanted as soon as the one under way is over. */
  #wanted = false;
  /** Monotonic ms at which the last successful renewal was sent. */
  #renewedAt: number;
  #busy = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#renewedAt = options.clock.mono();
  }

  /** May more work be handed out? */
  get trusted(): boolean {
    return this.#options.clock.mono() - this.#renewedAt <= TRUST_MS;
  }

  /** The store is there again: a round that was sent before may fail for that, and another follows it at once. */
  async renewNow(): Promise<void> {
    this.#wanted = this.#busy;
    await this.renew();
  }

  /** One round. A store that is away is no error: the next round asks again. */
  async renew(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const { store, executor, clock, onTrusted, onTrouble } = this.#options;
    const sentAt = clock.mono();
    const wasLate = sentAt - this.#renewedAt > TRUST_MS;
    try {
      const renewals = executor.named();
      // With nothing to renew this is still the question whether the store is there.
      const answers = renewals.length > 0 ? await this.#ask(renewals) : (await store.health()).ok ? [] : undefined;
      if (answers === undefined) return;
      this.#renewedAt = sentAt;
      const gone = renewals.filter((_, at) => answers[at] === false).map(({ fence }) => fence.token);
      if (gone.length > 0) executor.drop(gone);
      if (wasLate) onTrusted();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) onTrouble(`Leases were not renewed: ${sentenceOf(error)}.`);
    } finally {
      this.#busy = false;
    }
    if (!this.#wanted) return;
    this.#wanted = false;
    await this.renew();
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
