// The bounded log of ends: a stream a shard, whose entries hold all ends of one script.
import type { Redis } from 'ioredis';
import type { EventPage } from '../../store.ts';
import { readTaskEnds } from '../hints.ts';
import type { Announced } from './announced.ts';
import type { Shards } from '../shards.ts';
import {
  eventsIn,
  isBefore,
  pageOf,
  parseCursor,
  placeOf,
  spelled,
  WHOLE,
  type LoggedEnd,
  type Place,
} from './places.ts';

interface ShardLog {
  /** Its name, as it was before the events were read; 0 where it has had none. */
  log: number;
  events: LoggedEnd[];
  /** After the newest entry there is or was. */
  newest: Place;
  /** After the last entry that was trimmed away. */
  floor: Place;
}

const ENTRIES_AT_FIRST = 8;

export async function eventsAfter(
  shards: Shards,
  announced: Announced,
  tenant: string,
  after: string,
  limit: number,
): Promise<EventPage> {
  const given = after === '' ? undefined : parseCursor(after, shards.count);
  const logs = await Promise.all(
    shards
      .all()
      .map((shard) =>
        shards.read(shard, (redis) => readLog(redis, shards.prefix(shard, tenant), given?.[shard], limit)),
      ),
  );
  for (const [shard, { log }] of logs.entries()) announced.isNamed(shards.prefix(shard, tenant), log);
  const newest = logs.map((log) => spelled(log.newest)).join(',');
  if (after === '') return { items: [], cursor: newest, reset: false };
  const lost =
    given?.some((at, shard) => isBefore(at, logs[shard]!.floor) || isBefore(logs[shard]!.newest, at)) ?? true;
  if (given === undefined || lost) return { items: [], cursor: newest, reset: true };

  return pageOf(
    given,
    logs.map(({ events }) => events),
    limit,
  );
}

async function readLog(redis: Redis, prefix: string, after: Place | undefined, limit: number): Promise<ShardLog> {
  const key = `${prefix}ev`;
  const events: ShardLog['events'] = [];
  // The marks are asked for behind the events, on the same link: nothing can have been trimmed away between two reads of events
  // without being known. Nearly always one read is all.
  let from = after === undefined ? '' : placeIn(after);
  for (let count = ENTRIES_AT_FIRST; ; count *= 2) {
    const [log, entries, last, trimmed] = await Promise.all([
      redis.hget(`${prefix}n`, 'log'),
      from === '' ? [] : redis.xrangeBuffer(key, from, '+', 'COUNT', count),
      redis.xrevrange(key, '+', '-', 'COUNT', 1),
      redis.get(`${prefix}evfloor`),
    ]);
    if (after !== undefined)
      for (const [name, fields] of entries)
        events.push(...eventsIn(placeOf(name.toString()), readTaskEnds(fields[1]!), after));
    if (entries.length < count || events.length >= limit) {
      const floor = placeOf(trimmed ?? '0-0');
      return { log: Number(log ?? 0), events, newest: last[0] === undefined ? floor : placeOf(last[0][0]), floor };
    }
    from = `(${entries.at(-1)![0].toString()}`;
  }
}

/** Where a read goes on. */
function placeIn({ ms, sequence, seen }: Place): string {
  return `${seen === WHOLE ? '(' : ''}${ms}-${sequence}`;
}
