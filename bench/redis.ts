// The Redis of everything that is measured: AOF everysec unless said, and rewriting its log as seldom as docs/guarantees.md
// advises.
import { startRedis, type RedisServer } from '../test/harness/redis.ts';

export const REDIS_SETTINGS: readonly string[] = ['--auto-aof-rewrite-min-size', '1gb', '--rdbcompression', 'no'];

/** For a contestant that uses a Redis, with the settings that ours is measured on. */
export function startBenchRedis(): Promise<RedisServer> {
  return startRedis('everysec', REDIS_SETTINGS);
}
