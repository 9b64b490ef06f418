// The fleet's reports, API keys and facts: of the whole installation, in the first shard.
import type { ApiKeyRecord, DispatcherSnapshot } from '../fleet.ts';
import type { Shards } from './shards.ts';
import { FACTS_KEY } from './tags.ts';

const REPORTS = '{s0}:dispatchers';
const KEYS = '{s0}:keys';

function reportKey(id: string): string {
  return `{s0}:dispatcher:${id}`;
}

export async function report(shards: Shards, snapshot: DispatcherSnapshot, ttlMs: number): Promise<void> {
  await shards.read(0, async (redis) => {
    await redis.set(reportKey(snapshot.id), JSON.stringify(snapshot), 'PX', Math.max(1, Math.trunc(ttlMs)));
    await redis.sadd(REPORTS, snapshot.id);
  });
}

export async function retract(shards: Shards, id: string): Promise<void> {
  await shards.read(0, async (redis) => {
    await redis.del(reportKey(id));
    await redis.srem(REPORTS, id);
  });
}

/** A report that has expired takes its name in the set with it, unless it is back by then. */
export async function fleet(shards: Shards): Promise<DispatcherSnapshot[]> {
  return shards.read(0, async (redis) => {
    const ids = (await redis.smembers(REPORTS)).sort();
    if (ids.length === 0) return [];
    const texts = await redis.mget(ids.map(reportKey));
    for (const [i, text] of texts.entries()) if (text === null) await redis.srem(REPORTS, ids[i]!);
    return texts.flatMap((text) => (text === null ? [] : [JSON.parse(text) as DispatcherSnapshot]));
  });
}

export async function putKey(shards: Shards, key: ApiKeyRecord): Promise<void> {
  await shards.read(0, (redis) => redis.hset(KEYS, key.id, JSON.stringify(key)));
}

export async function listKeys(shards: Shards): Promise<ApiKeyRecord[]> {
  const texts = await shards.read(0, (redis) => redis.hvals(KEYS));
  const keys = texts.map((text) => JSON.parse(text) as ApiKeyRecord);
  return keys.sort((a, b) => (a.id < b.id ? -1 : 1));
}

export async function deleteKey(shards: Shards, id: string): Promise<boolean> {
  return (await shards.read(0, (redis) => redis.hdel(KEYS, id))) === 1;
}

export async function fact(shards: Shards, name: string, value: string): Promise<string> {
  return shards.read(0, async (redis) => {
    await redis.hsetnx(FACTS_KEY, name, value);
    return (await redis.hget(FACTS_KEY, name)) ?? value;
  });
}
