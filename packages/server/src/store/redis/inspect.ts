// Looks at a Redis for people, and changes nothing there: not even the facts that a first start writes.
import { Redis } from 'ioredis';
import { readServer, readWarnings } from './readings.ts';
import type { ExpectedAof } from './server-facts.ts';

/** What was found: `detail` says why it will not do, `warnings` what may lose tasks. */
export interface RedisReport {
  ok: boolean;
  /** 'redis 7.0.15', '' where nothing answered. */
  version: string;
  detail: string;
  warnings: string[];
}

const PATIENCE_MS = 3000;

/** Never rejects. */
export async function inspectRedis(url: string, expectAof: ExpectedAof): Promise<RedisReport> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: PATIENCE_MS,
    commandTimeout: PATIENCE_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let why = '';
  redis.on('error', (fault: Error) => (why ||= fault.message));
  try {
    await redis.connect();
    const { server, why: detail } = await readServer(redis);
    return { ok: detail === '', version: server.version, detail, warnings: await readWarnings(redis, expectAof) };
  } catch (fault) {
    return { ok: false, version: '', detail: why || (fault as Error).message, warnings: [] };
  } finally {
    redis.disconnect();
  }
}
