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

export class Tickets {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #unanswered = new Map<string, Ticket>();

  constructor(clock: Clock, leaseMs: number) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
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

  /** What was handed out longer ago has been swept. */
  #isGood(ticket: Ticket): boolean {
    return this.ageMs(ticket) < this.#leaseMs;
  }
}

function nameOf(shard: number, tenant: string, claimer: string): string {
  return `${shard} ${tenant} ${claimer}`;
}
