// The bytes of functions, in the first shard; tasks that name them are counted in every shard.
import type { Shards } from '../shards.ts';
import { squeeze } from '../squeeze.ts';

export async function codeBytes(
  shards: Shards,
  tenant: string,
  digests: readonly string[],
): Promise<(Buffer | undefined)[]> {
  const prefix = shards.prefix(0, tenant);
  const found = await shards.carry(0, (redis) =>
    Promise.all(digests.map((digest) => redis.getBuffer(`${prefix}c:${digest}`))),
  );
  return found.map((bytes) => bytes ?? undefined);
}

/** Digests looked at in one sweep. */
const AT_ONCE = 32;

/**
 * Code without a function goes once no task of any shard names it, `graceMs` after its function at the earliest: a service
 * may have found the function just before, and name the code in a task in a moment. What tasks name is looked at again
 * after as long. `now` = the store's time.
 */
export async function reapCode(shards: Shards, tenant: string, now: number, graceMs: number): Promise<void> {
  const key = `${shards.prefix(0, tenant)}doomed`;
  const doomed = await shards.read(0, (redis) =>
    redis.zrange(key, '-inf', String(now - graceMs), 'BYSCORE', 'LIMIT', '0', String(AT_ONCE)),
  );
  if (doomed.length === 0) return;
  const fields = doomed.map(squeeze);
  const countsOf = (shard: number): Promise<(string | null)[]> => {
    const references = `${shards.prefix(shard, tenant)}ref`;
    return shards.read(shard, (redis) => redis.hmget(references, ...fields), shards.patience(shard));
  };
  const counts = await Promise.all(shards.all().map(countsOf));
  const unnamed = doomed.filter((_, i) => counts.every((count) => (count[i] ?? null) === null));
  const named = doomed.filter((digest) => !unnamed.includes(digest));
  await shards.act('reap', 0, tenant, [now, unnamed.length, ...unnamed, ...named], false);
}
