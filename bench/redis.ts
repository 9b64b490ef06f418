// The Redis of everything that is measured: AOF everysec unless said, and rewriting its log as seldom as docs/guarantees.md
// advises.
import { startRedis, type RedisServer } from '../test/harness/redis.ts';
import type { SystemOptions } from '../test/harness/system.ts';

export const REDIS_SETTINGS: readonly string[] = ['--auto-aof-rewrite-min-size', '1gb', '--rdbcompression', 'no'];

/** With the settings that ours is measured on, for who uses a Redis by itself. */
export function startBenchRedis(appendfsync: SystemOptions['appendfsync'] = 'everysec'): Promise<RedisServer> {
  return startRedis(appendfsync, REDIS_SETTINGS);
}
