// cancel and abandon: ends and requeues that need no token.
import { ABANDONED, ABANDONED_ONCE, CANCELED, LEASE_RAN_OUT } from '../../platform-error.ts';
import { endOf } from '../../state-code.ts';
import type { CancelAnswer } from '../../store.ts';
import { MAX_ABANDONMENTS } from '../../timing.ts';
import { packUnsigned } from '../end-bytes.ts';
import { claimerDigest, idsOf, kindCode } from '../record.ts';
import { pieces, scattered } from '../shards.ts';
import type { Argument, Shards } from '../shards.ts';

const CANCELED_END = packUnsigned(CANCELED, {});
const ID_BYTES = 36;

export function cancel(shards: Shards, tenant: string, ids: readonly string[]): Promise<CancelAnswer[]> {
  return scattered(
    shards,
    ids,
    (id) => id,
    () => ID_BYTES,
    async (shard, piece) => {
      const args = [kindCode('canceled'), CANCELED_END, ...piece];
      const reply = (await shards.act('cancel', shard, tenant, args, true)) as number[];
      return reply.map((code) => cancelAnswer(code));
    },
  );
}

function cancelAnswer(code: number): CancelAnswer {
  if (code === 2) return { is: 'unknown' };
  return code < 2 ? { is: 'canceled', wasRunning: code === 1 } : { is: 'ended', state: endOf(code) };
}

/** What scripts need to count an abandonment: limit, kind, note, and the two ends it may come to. */
export const ABANDONING: readonly Argument[] = [
  MAX_ABANDONMENTS,
  kindCode('lost'),
  LEASE_RAN_OUT,
  packUnsigned(ABANDONED, {}),
  packUnsigned(ABANDONED_ONCE, {}),
];

/** Looks through what was claimed and renewed in the last lease time and gives up what runs and was the claimer's. */
export async function abandon(shards: Shards, tenant: string, claimer: string): Promise<number> {
  let abandoned = 0;
  for (const shard of shards.all()) {
    for (const piece of pieces(await leased(shards, shard, tenant), () => ID_BYTES)) {
      abandoned += Number(
        await shards.act('abandon', shard, tenant, [claimerDigest(claimer), ...ABANDONING, ...piece], true),
      );
    }
  }
  return abandoned;
}

const ENTRIES_AT_ONCE = 64;

/** All that the index of leases names: every RUNNING task, and what ended in the last lease time. */
async function leased(shards: Shards, shard: number, tenant: string): Promise<string[]> {
  const key = `${shards.prefix(shard, tenant)}lease`;
  const named = new Set<string>();
  let cursor = '0';
  do {
    const from = cursor;
    const [next, entries] = await shards.read(shard, (redis) => redis.zscanBuffer(key, from, 'COUNT', ENTRIES_AT_ONCE));
    for (let i = 0; i < entries.length; i += 2) for (const id of idsOf(entries[i]!)) named.add(id);
    cursor = next.toString();
  } while (cursor !== '0');
  return [...named];
}
