// Looks at a Redis for people, and changes nothing there: not even the facts that a first start writes.
import { Redis } from 'ioredis';
import { systemClock } from '../../clock.ts';
import { parseAddress, withoutPassword, type Link, type StoreAddress } from './address.ts';
import { readServer, readWarnings } from './readings.ts';
import { Sentinels } from './sentinels.ts';
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

/** Never rejects. Of a Cluster the first node that answers is looked at, of others the master. */
export async function inspectRedis(url: string, expectAof: ExpectedAof): Promise<RedisReport> {
  const address = parseAddress(url);
  switch (address?.is) {
    case undefined:
      return wrong(`${withoutPassword(url)} is no address of a Redis`);
    case 'server':
      return inspectServer(address.url, false, expectAof);
    case 'sentinel':
      return inspectMaster(address, expectAof);
    case 'cluster': {
      let report = wrong('');
      for (const place of address.nodes) {
        const link: Link = { ...place, ...address.credentials, ...(address.tls && { tls: {} }) };
        report = await inspectServer(link, true, expectAof);
        if (report.version !== '') break;
      }
      return report;
    }
  }
}

const nothing = (): void => undefined;

async function inspectMaster(
  address: Extract<StoreAddress, { is: 'sentinel' }>,
  expectAof: ExpectedAof,
): Promise<RedisReport> {
  const sentinels = new Sentinels(address, systemClock, nothing, nothing);
  const place = await sentinels.open();
  sentinels.close();
  if (place === undefined) return wrong('none of the sentinels answers');
  if (typeof place === 'string') return wrong(place);
  const { credentials, db, tls } = address;
  return inspectServer({ ...place, ...credentials, db, ...(tls && { tls: {} }) }, false, expectAof);
}

async function inspectServer(link: string | Link, isCluster: boolean, expectAof: ExpectedAof): Promise<RedisReport> {
  const settings = {
    lazyConnect: true,
    connectTimeout: PATIENCE_MS,
    commandTimeout: PATIENCE_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  };
  const redis = typeof link === 'string' ? new Redis(link, settings) : new Redis({ ...link, ...settings });
  let why = '';
  redis.on('error', (fault: Error) => (why ||= fault.message));
  try {
    await redis.connect();
    const { server, why: detail } = await readServer(redis, isCluster);
    return { ok: detail === '', version: server.version, detail, warnings: await readWarnings(redis, expectAof) };
  } catch (fault) {
    return wrong(why || (fault as Error).message);
  } finally {
    redis.disconnect();
  }
}

function wrong(detail: string): RedisReport {
  return { ok: false, version: '', detail, warnings: [] };
}
