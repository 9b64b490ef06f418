// Reads what decides whether a server can be the store, and whether it may lose tasks.
import type { Redis } from 'ioredis';
import { serverFacts, settingWarnings, unfit, type ExpectedAof, type ServerFacts } from './server-facts.ts';

/** What the server is, and `why` it cannot be the store ('' = it can). The client library lets a failed SELECT pass. */
export async function readServer(redis: Redis, asCluster: boolean): Promise<{ server: ServerFacts; why: string }> {
  const server = serverFacts(await redis.info());
  if (server.isCluster !== asCluster) {
    const why = asCluster
      ? 'This Redis is no node of a Cluster: name it as redis://HOST:PORT.'
      : 'This Redis is a node of a Cluster: name it as redis+cluster://HOST:PORT,HOST:PORT.';
    return { server, why };
  }
  const db = redis.options.db ?? 0;
  if (db === 0) return { server, why: unfit(server) };
  try {
    await redis.select(db);
    return { server, why: unfit(server) };
  } catch (fault) {
    if (!(fault instanceof Error && /index is out of range/.test(fault.message))) throw fault;
    const why = `This Redis has no database ${db}: name another at the end of its address, or none.`;
    return { server, why };
  }
}

/** One sentence for each setting that does not fit; none where the server does not tell its settings. */
export async function readWarnings(redis: Redis, expectAof: ExpectedAof): Promise<string[]> {
  const settings = new Map<string, string>();
  try {
    for (const name of ['maxmemory-policy', 'appendonly', 'appendfsync']) {
      const [, value] = (await redis.config('GET', name)) as [string?, string?];
      if (value !== undefined) settings.set(name, value);
    }
  } catch {
    // Managed servers refuse CONFIG: then nothing can be said.
    return [];
  }
  return settingWarnings(settings, expectAof);
}
