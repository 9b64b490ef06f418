// Looks at a Redis for people, and changes nothing there: not even the facts that a first start writes.
import { Redis } from 'ioredis';
import { readWarnings } from './readings.ts';
import { serverFacts, unfit, type ExpectedAof } from './server-facts.ts';

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
    const facts = serverFacts(await redis.info());
    const detail = unfit(facts);
    return { ok: detail === '', version: facts.version, detail, warnings: await readWarnings(redis, expectAof) };
  } catch (fault) {
    return { ok: false, version: '', detail: why || (fault as Error).message, warnings: [] };
  } finally {
    redis.disconnect();
  }
}
