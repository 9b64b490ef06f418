// What a Redis server says of itself, and what of it matters to us.

export interface ServerFacts {
  /** 'redis 7.0.15'. */
  version: string;
  runId: string;
  role: string;
  isCluster: boolean;
}

/** What durability the operator expects of the server: AOF with every write, every second, or none. */
export type ExpectedAof = 'always' | 'everysec' | 'none';

/** Reads the answer of INFO. */
export function serverFacts(info: string): ServerFacts {
  const fields = new Map(
    info.split('\r\n').map((line) => {
      const [name = '', value = ''] = line.split(/:(.*)/s, 2);
      return [name, value];
    }),
  );
  const valkey = fields.get('valkey_version');
  return {
    version: valkey === undefined ? `redis ${fields.get('redis_version') ?? '?'}` : `valkey ${valkey}`,
    runId: fields.get('run_id') ?? '',
    role: fields.get('role') ?? '',
    isCluster: fields.get('cluster_enabled') === '1',
  };
}

/** Why this server cannot be the store, or ''. */
export function unfit({ version }: ServerFacts): string {
  const major = Number.parseInt(version.split(' ')[1] ?? '', 10);
  return major >= 7 ? '' : `The store needs Redis 7 or Valkey; this server is ${version}.`;
}

/** One sentence for each setting that does not fit what was asked for. `settings` = what CONFIG GET answered. */
export function settingWarnings(settings: ReadonlyMap<string, string>, expectAof: ExpectedAof): string[] {
  const warnings: string[] = [];
  const policy = settings.get('maxmemory-policy');
  if (policy !== undefined && policy !== 'noeviction') {
    warnings.push(`Redis may evict tasks: maxmemory-policy is ${policy}; set it to noeviction.`);
  }
  const aof = settings.get('appendonly') === 'yes' ? settings.get('appendfsync') : 'none';
  if (settings.has('appendonly') && STRENGTH[aof ?? 'none']! < STRENGTH[expectAof]!) {
    warnings.push(
      `Redis would lose more than was asked for: its append-only file is ${aof ?? 'none'}, expected ${expectAof}.`,
    );
  }
  return warnings;
}

const STRENGTH: Record<string, number> = { none: 0, no: 0, everysec: 1, always: 2 };
