// How much waits, how long, and what has been counted, over all shards.
import { statsFrom } from '../../queue-stats.ts';
import type { LaneDepth, QueueStats } from '../../store.ts';
import { kindOf } from '../record.ts';
import type { Reply, Shards } from '../shards.ts';

/** Of several shards those that can be looked at: who claims is not kept from the others by one that is away. */
export async function lanesWithWork(shards: Shards, tenant: string): Promise<LaneDepth[]> {
  if (shards.count === 1) return laneDepths(shards, tenant);
  const ready = shards.all().filter((shard) => shards.servers.isReady(shard));
  const looked = ready.length > 0 ? ready : shards.all();
  const looks = await Promise.allSettled(
    looked.map((shard) => shards.act('depths', shard, tenant, [], false, shards.patience(shard))),
  );
  const replies = looks.flatMap((look) => (look.status === 'fulfilled' ? [look.value] : []));
  const failed = looks.find((look) => look.status === 'rejected');
  if (replies.length === 0 && failed !== undefined) throw failed.reason;
  return summed(replies);
}

async function laneDepths(shards: Shards, tenant: string): Promise<LaneDepth[]> {
  return summed(await Promise.all(shards.all().map((shard) => shards.act('depths', shard, tenant, [], false))));
}

function summed(replies: readonly Reply[]): LaneDepth[] {
  const depths = new Map<string, LaneDepth>();
  for (const reply of replies as Reply[][]) {
    for (let i = 0; i < reply.length; i += 3) {
      const lane = String(reply[i]);
      const [waiting, oldestAt] = [Number(reply[i + 1]), Number(reply[i + 2])];
      const known = depths.get(lane) ?? { lane, waiting: 0, oldestAt };
      depths.set(lane, { lane, waiting: known.waiting + waiting, oldestAt: Math.min(known.oldestAt, oldestAt) });
    }
  }
  return [...depths.values()];
}

export async function queueStats(shards: Shards, tenant: string): Promise<QueueStats> {
  const counters = await Promise.all(
    shards.all().map((shard) => shards.read(shard, (redis) => redis.hgetall(`${shards.prefix(shard, tenant)}n`))),
  );
  const named = counters.flatMap((fields) =>
    Object.entries(fields).map(([name, value]) => [publicName(name), Number(value)] as const),
  );
  return statsFrom(named, await laneDepths(shards, tenant));
}

/** Scripts count ends by the number of their kind. */
function publicName(name: string): string {
  if (!name.startsWith('ended:')) return name;
  const kind = kindOf(Number(name.slice('ended:'.length)));
  return `ended:${kind === '' ? 'COMPLETED' : kind}`;
}
