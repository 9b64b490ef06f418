// Which shard of the store has what: whoever must not wait for one that is away asks each by itself.
import type { Fence } from '../lifecycle/fence.ts';
import { shardOf } from '../lifecycle/ids.ts';
import type { Store } from '../store/index.ts';

/** Attempts by the shard that has their task. Ids that name none of the store's shards are in the first. */
export function byShard<T extends { fence: Fence }>(
  { shards }: Pick<Store, 'shards'>,
  attempts: readonly T[],
): ReadonlyMap<number, readonly T[]> {
  if (shards === 1) return attempts.length > 0 ? new Map([[0, attempts]]) : new Map();
  return Map.groupBy(attempts, ({ fence }) => {
    const shard = shardOf(fence.id) ?? 0;
    return shard < shards ? shard : 0;
  });
}
