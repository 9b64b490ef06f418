// Renews leases once a second, in one call: of attempts that a worker itself named, and of no others.
import type { Clock } from '../clock.ts';
import { StoreUnavailable, type Store } from '../store/index.ts';
import type { Executor } from './executor.ts';

export const RENEW_MS = 1_000;
/** With the last successful renewal sent longer ago than this, nothing more is handed out: our leases may be over. */
const TRUST_MS = 3_000;

export interface LeaseKeeperOptions {
  store: Store;
  tenant: string;
  executor: Executor;
  clock: Clock;
}

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
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

  /** One round. A store that is away is no error: the next round asks again. */
  async renew(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const { store, tenant, executor, clock } = this.#options;
    const sentAt = clock.mono();
    const renewals = executor.named();
    try {
      // With nothing to renew this is still the question whether the store is there.
      const answers =
        renewals.length > 0 ? await store.renew(tenant, renewals) : (await store.health()).ok ? [] : undefined;
      if (answers === undefined) return;
      this.#renewedAt = sentAt;
      const gone = renewals.filter((_, at) => answers[at] === false).map(({ fence }) => fence.token);
      if (gone.length > 0) executor.drop(gone);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
    } finally {
      this.#busy = false;
    }
  }
}
