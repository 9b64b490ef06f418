// sweep: each shard by itself, and the code that nobody names any more.
import { setTimeout as pause } from 'node:timers/promises';
import { EXPIRED } from '../../platform-error.ts';
import { StoreUnavailable, type SweepReport } from '../../store.ts';
import { EVENTS_KEPT, EVENTS_KEPT_MS, SWEEP_ENTRIES } from '../../timing.ts';
import { packUnsigned } from '../end-bytes.ts';
import { reapCode } from '../functions/code.ts';
import { kindCode } from '../record.ts';
import type { Argument, Shards } from '../shards.ts';
import { ABANDONING } from './cancel.ts';

const EXPIRED_END = packUnsigned(EXPIRED, {});
const NOTHING: SweepReport = {
  ...{ skipped: '', promoted: 0, expired: 0, abandoned: 0, deleted: 0 },
  ...{ more: false, nextMs: Number.POSITIVE_INFINITY },
};

export class Sweeps {
  readonly #shards: Shards;
  readonly #leaseMs: number;
  /** Shards whose last sweep is not over, which may be long where one stands still, by tenant. */
  readonly #underWay = new Set<string>();

  /** `leaseMs` is also how long code stays that nothing names. */
  constructor(shards: Shards, leaseMs: number) {
    this.#shards = shards;
    this.#leaseMs = leaseMs;
  }

  /** One that is away holds up none of the others. @throws where nothing could be swept */
  async sweep(tenant: string): Promise<SweepReport> {
    const shards = this.#shards;
    const sweeps = await Promise.allSettled(shards.all().map((shard) => this.#inTime(shard, tenant)));
    const reports = sweeps.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const faults = sweeps.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
    const bug = faults.find((fault) => !(fault instanceof StoreUnavailable));
    if (bug !== undefined) throw bug;
    const [away] = faults;
    if (reports.length === 0 && away !== undefined) throw away;
    return reports.reduce(added, NOTHING);
  }

  /** Not given up where it takes too long: how long it took tells whether leases are to be let be. */
  async #inTime(shard: number, tenant: string): Promise<SweepReport> {
    const name = `${shard} ${tenant}`;
    if (this.#underWay.has(name)) throw new StoreUnavailable(LATE);
    this.#underWay.add(name);
    const sweeping = this.#sweep(shard, tenant).finally(() => this.#underWay.delete(name));
    if (this.#shards.patience(shard) === undefined) return sweeping;
    sweeping.catch(() => undefined);
    const over = new AbortController();
    const late = pause(PATIENCE_MS, undefined, { signal: over.signal }).then(() => {
      throw new StoreUnavailable(LATE);
    });
    return Promise.race([sweeping, late]).finally(() => over.abort());
  }

  async #sweep(shard: number, tenant: string): Promise<SweepReport> {
    const shards = this.#shards;
    // The time is asked for first: a clock that has jumped must be known before leases are looked at.
    const { why, until } = await shards.servers.letBe(shard, () => serverTime(shards, shard));
    const rest: Argument[] = [
      kindCode('expired'),
      EXPIRED_END,
      ...ABANDONING,
      EVENTS_KEPT_MS,
      EVENTS_KEPT,
      this.#leaseMs,
    ];
    // What was refused before, or is asked of another server, may have kept the owners from renewing as well.
    const args = (repeats: boolean): Argument[] => [SWEEP_ENTRIES, repeats ? 0 : until, ...rest];
    const reply = (await shards.act('sweep', shard, tenant, args, false)) as number[];
    shards.servers.swept(shard);
    const [now = 0, promoted = 0, expired = 0, abandoned = 0, deleted = 0, more = 0, nextMs = -1] = reply;
    const next = nextMs >= 0 ? nextMs : Number.POSITIVE_INFINITY;
    if (shard === 0) await this.#reapCode(tenant, now);
    return { skipped: why, promoted, expired, abandoned, deleted, more: more === 1, nextMs: next };
  }

  /** Code that nobody names can stay until all shards are there to tell that they do not name it. */
  async #reapCode(tenant: string, now: number): Promise<void> {
    const shards = this.#shards;
    if (!shards.all().every((shard) => shards.servers.isReady(shard))) return;
    await reapCode(shards, tenant, now, this.#leaseMs).catch((fault: unknown) => {
      if (!(fault instanceof StoreUnavailable)) throw fault;
    });
  }
}

/**
 * How long a sweep of all waits for one of several shards. Less than a lease less what sweeps are apart: the others' next one must not look
 * as though they had stood still.
 */
const PATIENCE_MS = 500;
const LATE = 'This shard of Redis does not answer in time.';

function added(sum: SweepReport, one: SweepReport): SweepReport {
  return {
    skipped: sum.skipped || one.skipped,
    promoted: sum.promoted + one.promoted,
    expired: sum.expired + one.expired,
    abandoned: sum.abandoned + one.abandoned,
    deleted: sum.deleted + one.deleted,
    more: sum.more || one.more,
    nextMs: Math.min(sum.nextMs, one.nextMs),
  };
}

/** The time of the server that has the shard, Unix ms. */
export async function serverTime(shards: Shards, shard: number): Promise<number> {
  const [seconds, micros] = await shards.read(shard, (redis) => redis.time());
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}
