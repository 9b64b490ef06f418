// The stores' doors: only the one that is opened is read, for a program has one and no use for the other's client or database.
import type { EmbeddedOptions } from './embedded/store.ts';
import type { RedisReport } from './redis/inspect.ts';
import type { ExpectedAof } from './redis/server-facts.ts';
import type { RedisOptions } from './redis/store.ts';
import type { Store } from './store.ts';

/** Opens the store. Rejects with one sentence where the directory is in use or was written by a newer version. */
export async function openEmbeddedStore(options: EmbeddedOptions): Promise<Store> {
  const embedded = await import('./embedded/store.ts');
  return embedded.openEmbeddedStore(options);
}

/**
 * Opens the store. Resolves also where Redis is away: verbs throw StoreUnavailable until it is there. Rejects with one
 * sentence where the server is too old.
 */
export async function openRedisStore(options: RedisOptions): Promise<Store> {
  const redis = await import('./redis/store.ts');
  return redis.openRedisStore(options);
}

/** Never rejects. Of a Cluster the first node that answers is looked at, of others the master. */
export async function inspectRedis(url: string, expectAof: ExpectedAof): Promise<RedisReport> {
  const redis = await import('./redis/inspect.ts');
  return redis.inspectRedis(url, expectAof);
}
