// The bounded log of ends: a stream a shard. A cursor is each shard's last entry seen, by comma.
import type { Redis } from 'ioredis';
import type { TaskEnd } from '../../store.ts';
import { readTaskEnds } from '../hints.ts';
import type { Shards } from '../shards.ts';

export interface EventPage {
  items: (TaskEnd & { cursor: string })[];
  cursor: string;
  reset: boolean;
}

interface ShardLog {
  entries: { at: string; end: TaskEnd }[];
  /** The newest entry there is or was. */
  newest: string;
  /** The last entry that was trimmed away. */
  floor: string;
}

const START = '0-0';

export async function eventsAfter(shards: Shards, tenant: string, after: string, limit: number): Promise<EventPage> {
  const given = after === '' ? undefined : parseCursor(after, shards.count);
  const logs = await shards.read((redis) =>
    Promise.all(shards.all().map((shard) => readLog(redis, shards.prefix(shard, tenant), given?.[shard], limit))),
  );
  const newest = logs.map((log) => log.newest).join(',');
  if (after === '') return { items: [], cursor: newest, reset: false };
  const lost =
    given?.some((at, shard) => isBefore(at, logs[shard]!.floor) || isBefore(logs[shard]!.newest, at)) ?? true;
  if (given === undefined || lost) return { items: [], cursor: newest, reset: true };

  const merged = logs
    .flatMap(({ entries }, shard) => entries.map((entry) => ({ ...entry, shard })))
    .sort((a, b) => (isBefore(a.at, b.at) ? -1 : 1));
  const seen = [...given];
  const items = merged.slice(0, limit).map(({ at, end, shard }) => {
    seen[shard] = at;
    return { ...end, cursor: seen.join(',') };
  });
  return { items, cursor: seen.join(','), reset: false };
}

async function readLog(redis: Redis, prefix: string, after: string | undefined, limit: number): Promise<ShardLog> {
  const [entries, last, floor] = await Promise.all([
    after === undefined ? [] : redis.xrangeBuffer(`${prefix}ev`, `(${after}`, '+', 'COUNT', limit),
    redis.xrevrange(`${prefix}ev`, '+', '-', 'COUNT', 1),
    redis.get(`${prefix}evfloor`),
  ]);
  return {
    entries: entries.map(([at, fields]) => ({ at: at.toString(), end: readTaskEnds(fields[1]!)[0]! })),
    newest: last[0]?.[0] ?? floor ?? START,
    floor: floor ?? START,
  };
}

function parseCursor(cursor: string, shards: number): string[] | undefined {
  const parts = cursor.split(',');
  return parts.length === shards && parts.every((part) => /^\d{1,15}-\d{1,15}$/.test(part)) ? parts : undefined;
}

function isBefore(a: string, b: string): boolean {
  const [aMs = 0, aSeq = 0] = a.split('-').map(Number);
  const [bMs = 0, bSeq = 0] = b.split('-').map(Number);
  return aMs < bMs || (aMs === bMs && aSeq < bSeq);
}
