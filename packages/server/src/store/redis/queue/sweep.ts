// sweep: each shard once, and the code that nobody names any more.
import { EXPIRED } from '../../platform-error.ts';
import type { SweepReport } from '../../store.ts';
import { EVENTS_KEPT, EVENTS_KEPT_MS, SWEEP_ENTRIES } from '../../timing.ts';
import { packUnsigned } from '../end-bytes.ts';
import { reapCode } from '../functions/code.ts';
import { kindCode } from '../record.ts';
import { patience, type Argument, type Shards } from '../shards.ts';
import { ABANDONING } from './cancel.ts';

const EXPIRED_END = packUnsigned(EXPIRED, {});

/** Each shard by itself: one that is away holds up none of the others. `leaseMs` is also how long code stays that nothing names. */
export async function sweep(shards: Shards, tenant: string, leaseMs: number): Promise<SweepReport> {
  const report: SweepReport = {
    skipped: '',
    promoted: 0,
    expired: 0,
    abandoned: 0,
    deleted: 0,
    more: false,
    nextMs: Number.POSITIVE_INFINITY,
  };
  const sweeps = await Promise.allSettled(
    shards.all().map((shard) => sweepShard(shards, shard, tenant, leaseMs, report)),
  );
  const failed = sweeps.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  await reapCode(shards, tenant, await serverTime(shards, 0), leaseMs);
  return report;
}

async function sweepShard(
  shards: Shards,
  shard: number,
  tenant: string,
  leaseMs: number,
  report: SweepReport,
): Promise<void> {
  // The time is asked for first: a clock that has jumped must be known before leases are looked at.
  const { why, until } = await shards.servers.letBe(shard, () => serverTime(shards, shard));
  const args: Argument[] = [SWEEP_ENTRIES, until, kindCode('expired'), EXPIRED_END];
  args.push(...ABANDONING, EVENTS_KEPT_MS, EVENTS_KEPT, leaseMs);
  const reply = (await shards.act('sweep', shard, tenant, args, false, patience(shards))) as number[];
  const [, promoted = 0, expired = 0, abandoned = 0, deleted = 0, more = 0, nextMs = -1] = reply;
  report.skipped ||= why;
  report.promoted += promoted;
  report.expired += expired;
  report.abandoned += abandoned;
  report.deleted += deleted;
  report.more ||= more === 1;
  if (nextMs >= 0) report.nextMs = Math.min(report.nextMs, nextMs);
}

/** The time of the server that has the shard, Unix ms. */
export async function serverTime(shards: Shards, shard: number): Promise<number> {
  const [seconds, micros] = await shards.read(shard, (redis) => redis.time(), patience(shards));
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}
