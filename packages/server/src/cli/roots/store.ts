// Composition root of the store: Redis where an address was given, else the embedded one.
import { systemClock } from '../../clock.ts';
import type { Store } from '../../store/index.ts';
import { parseAddress, withoutPassword } from '../../store/redis/address.ts';
import { UserError } from '../user-error.ts';
import { demandDataDirectory } from './data-directory.ts';

export interface SharedStoreOptions {
  redis?: string;
  /** What was asked for; the store keeps what it has. */
  shards?: number;
  waitReplicas: number;
  /** What of AOF the operator counts on: less is a warning in /readyz. */
  expectAof: 'none' | 'everysec' | 'always';
}

export interface StoreOptions extends SharedStoreOptions {
  dataDir: string;
  sync: 'normal' | 'full';
}

type Warn = (message: string) => void;

/** @throws UserError where the address or the directory cannot be used; Error where another process has the directory */
export async function openStore(options: StoreOptions, warn: Warn): Promise<Store> {
  const { redis, dataDir, sync } = options;
  if (redis !== undefined) {
    return openSharedStore({ ...options, redis }, ['work', 'ends'], 'calls are answered 503 until it is there', warn);
  }
  const [unmet] = [
    ...((options.shards ?? 1) > 1 ? ['--shards'] : []),
    ...(options.waitReplicas > 0 ? ['--wait-replicas'] : []),
  ];
  if (unmet !== undefined) {
    throw new UserError(
      `${unmet} is for Redis, and the embedded store has neither shards nor replicas: leave it out, or give --redis.`,
      2,
    );
  }
  demandDataDirectory(dataDir);
  const { openEmbeddedStore } = await import('../../store/index.ts');
  return openEmbeddedStore({ dataDir, sync, clock: systemClock });
}

/**
 * Opens a Redis. One that is away is no fault: everything starts, waits for it and goes on by itself. `topics`: what this
 * program listens for; `meanwhile`: what a Redis that is away means in it. @throws UserError where the address cannot be used
 */
export async function openSharedStore(
  options: SharedStoreOptions & { redis: string },
  topics: readonly ('work' | 'ends')[],
  meanwhile: string,
  warn: Warn,
): Promise<Store> {
  const { shards, waitReplicas, expectAof } = options;
  const url = redisAddress(options.redis);
  const { openRedisStore } = await import('../../store/index.ts');
  const store = await openRedisStore({
    url,
    ...(shards !== undefined && { shards }),
    waitReplicas,
    expectAof,
    topics,
    clock: systemClock,
    onError: warn,
  });
  const { ok, detail } = await store.health();
  if (!ok) warn(`${detail} Waiting for ${withoutPassword(url)}: ${meanwhile}.`);
  return store;
}

/** @throws UserError */
export function redisAddress(text: string): string {
  const address = text.startsWith('/') ? undefined : parseAddress(text);
  if (address !== undefined) return text;
  throw new UserError(
    `--redis takes an address such as redis://127.0.0.1:6379, or with a database's number redis://127.0.0.1:6379/1; redis+sentinel://HOST:26379,HOST:26379/NAME or redis+cluster://HOST:PORT,HOST:PORT; not ${JSON.stringify(withoutPassword(text))}.`,
    2,
  );
}
