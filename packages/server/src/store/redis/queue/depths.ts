// How much waits, how long, and what has been counted, over all shards.
import { statsFrom } from '../../queue-stats.ts';
import type { LaneDepth, QueueStats } from '../../store.ts';
import { kindOf } from '../record.ts';
import type { Reply, Shards } from '../shards.ts';

export async function laneDepths(shards: Shards, tenant: string): Promise<LaneDepth[]> {
  const replies = await Promise.all(shards.all().map((shard) => shards.act('depths', shard, tenant, [], false)));
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
