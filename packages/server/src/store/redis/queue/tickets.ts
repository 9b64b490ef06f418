// Claims whose answer never came: the script may have handed tasks out all the same, and nobody but the claimer knows under
// which token. So its next claim asks for them first.
import { newToken } from '../../../lifecycle/ids.ts';
import type { Clock } from '../../../clock.ts';

export interface Ticket {
  /** The first of the tokens that the claim gives. */
  readonly token: Buffer;
  /** When it was first used, monotonic ms. */
  readonly since: number;
}

/** A claim may be carried out as late as this, ms: by a server that stood still, and what it hands out then is under a lease. */
const GOOD_MS = 15_000;

export class Tickets {
  readonly #clock: Clock;
  readonly #unanswered = new Map<string, Ticket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The ticket of this claimer's last claim if that was never answered, else a new one. */
  draw(shard: number, tenant: string, claimer: string): { ticket: Ticket; isNew: boolean } {
    const name = nameOf(shard, tenant, claimer);
    const kept = this.#unanswered.get(name);
    this.#unanswered.delete(name);
    if (kept !== undefined && this.#isGood(kept)) return { ticket: kept, isNew: false };
    return { ticket: { token: Buffer.from(newToken(), 'hex'), since: this.#clock.mono() }, isNew: true };
  }

  keep(shard: number, tenant: string, claimer: string, ticket: Ticket): void {
    this.#unanswered.set(nameOf(shard, tenant, claimer), ticket);
  }

  /** Shards that may hold what this claimer was never told of. */
  unanswered(shards: readonly number[], tenant: string, claimer: string): number[] {
    return shards.filter((shard) => {
      const kept = this.#unanswered.get(nameOf(shard, tenant, claimer));
      return kept !== undefined && this.#isGood(kept);
    });
  }

  ageMs({ since }: Ticket): number {
    return this.#clock.mono() - since;
  }

  /** What was handed out much longer ago has been swept. */
  #isGood(ticket: Ticket): boolean {
    return this.ageMs(ticket) < GOOD_MS;
  }
}

function nameOf(shard: number, tenant: string, claimer: string): string {
  return `${shard} ${tenant} ${claimer}`;
}
