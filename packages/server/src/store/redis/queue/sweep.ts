// sweep: each shard once, and the code that nobody names any more.
import { EXPIRED } from '../../platform-error.ts';
import type { SweepReport } from '../../store.ts';
import { EVENTS_KEPT, EVENTS_KEPT_MS, SWEEP_ENTRIES } from '../../timing.ts';
import { packUnsigned } from '../end-bytes.ts';
import { reapCode } from '../functions/code.ts';
import { kindCode } from '../record.ts';
import type { Argument, Shards } from '../shards.ts';
import { ABANDONING } from './cancel.ts';

const EXPIRED_END = packUnsigned(EXPIRED, {});

export async function sweep(shards: Shards, tenant: string, codeGraceMs: number): Promise<SweepReport> {
  const report: SweepReport = { skipped: '', promoted: 0, expired: 0, abandoned: 0, deleted: 0, more: false };
  let now = 0;
  for (const shard of shards.all()) {
    // The time is asked for first: a clock that has jumped must be known before leases are looked at.
    now = await serverTime(shards);
    report.skipped = shards.connection.letBe(now);
    const args: Argument[] = [SWEEP_ENTRIES, report.skipped === '' ? '0' : '1', kindCode('expired'), EXPIRED_END];
    args.push(...ABANDONING, EVENTS_KEPT_MS, EVENTS_KEPT);
    const reply = (await shards.act('sweep', shard, tenant, args, false)) as number[];
    const [, promoted = 0, expired = 0, abandoned = 0, deleted = 0, more = 0] = reply;
    report.promoted += promoted;
    report.expired += expired;
    report.abandoned += abandoned;
    report.deleted += deleted;
    report.more ||= more === 1;
  }
  await reapCode(shards, tenant, now, codeGraceMs);
  return report;
}

/** The store's time, Unix ms. */
export async function serverTime(shards: Shards): Promise<number> {
  const [seconds, micros] = await shards.read((redis) => redis.time());
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}
