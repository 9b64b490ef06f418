// Reads those settings of a server that decide whether it may lose tasks.
import type { Redis } from 'ioredis';
import { settingWarnings, type ExpectedAof } from './server-facts.ts';

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
