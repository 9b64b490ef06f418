// The bounded log of ends: a stream a shard, whose entries hold all ends of one script. A cursor is each shard's place, by
// comma: `<ms>-<n>`, where n = 1000 times the entry's sequence plus how many of its ends were seen (WHOLE = all of them).
import type { Redis } from 'ioredis';
import type { TaskEnd } from '../../store.ts';
import { readTaskEnds } from '../hints.ts';
import type { Shards } from '../shards.ts';

export interface EventPage {
  items: (TaskEnd & { cursor: string })[];
  cursor: string;
  reset: boolean;
}

interface Place {
  ms: number;
  sequence: number;
  seen: number;
}

interface ShardLog {
  events: { at: Place; end: TaskEnd }[];
  /** After the newest entry there is or was. */
  newest: Place;
  /** After the last entry that was trimmed away. */
  floor: Place;
}

const PLACES = 1000;
/** A sweep makes most ends: 256 of expired tasks and 256 of abandoned ones. */
const MOST_ENDS = 512;
const WHOLE = PLACES - 1;
const ENTRIES_AT_FIRST = 8;

export async function eventsAfter(shards: Shards, tenant: string, after: string, limit: number): Promise<EventPage> {
  const given = after === '' ? undefined : parseCursor(after, shards.count);
  const logs = await Promise.all(
    shards
      .all()
      .map((shard) =>
        shards.read(shard, (redis) => readLog(redis, shards.prefix(shard, tenant), given?.[shard], limit)),
      ),
  );
  const newest = logs.map((log) => spelled(log.newest)).join(',');
  if (after === '') return { items: [], cursor: newest, reset: false };
  const lost =
    given?.some((at, shard) => isBefore(at, logs[shard]!.floor) || isBefore(logs[shard]!.newest, at)) ?? true;
  if (given === undefined || lost) return { items: [], cursor: newest, reset: true };

  const merged = logs
    .flatMap(({ events }, shard) => events.map((event) => ({ ...event, shard })))
    .sort((a, b) => (isBefore(a.at, b.at) ? -1 : 1));
  const seen = given.map(spelled);
  const items = merged.slice(0, limit).map(({ at, end, shard }) => {
    seen[shard] = spelled(at);
    return { ...end, cursor: seen.join(',') };
  });
  return { items, cursor: seen.join(','), reset: false };
}

async function readLog(redis: Redis, prefix: string, after: Place | undefined, limit: number): Promise<ShardLog> {
  const key = `${prefix}ev`;
  const events: ShardLog['events'] = [];
  // The marks are asked for behind the events, on the same link: nothing can have been trimmed away between two reads of events
  // without being known. Nearly always one read is all.
  let from = after === undefined ? '' : placeIn(after);
  for (let count = ENTRIES_AT_FIRST; ; count *= 2) {
    const [entries, last, trimmed] = await Promise.all([
      from === '' ? [] : redis.xrangeBuffer(key, from, '+', 'COUNT', count),
      redis.xrevrange(key, '+', '-', 'COUNT', 1),
      redis.get(`${prefix}evfloor`),
    ]);
    if (after !== undefined) for (const entry of entries) addEnds(events, entry, after);
    if (entries.length < count || events.length >= limit) {
      const floor = wholeOf(trimmed ?? '0-0');
      return { events, newest: last[0] === undefined ? floor : wholeOf(last[0][0]), floor };
    }
    from = `(${entries.at(-1)![0].toString()}`;
  }
}

/** Where a read goes on. */
function placeIn({ ms, sequence, seen }: Place): string {
  return `${seen === WHOLE ? '(' : ''}${ms}-${sequence}`;
}

/** The ends of an entry that come after a place. */
function addEnds(events: ShardLog['events'], [name, fields]: [Buffer, Buffer[]], after: Place): void {
  const entry = wholeOf(name.toString());
  const ends = readTaskEnds(fields[1]!);
  for (const [i, end] of ends.entries()) {
    const at = { ...entry, seen: i + 1 < ends.length ? i + 1 : WHOLE };
    if (isBefore(after, at)) events.push({ at, end });
  }
}

function wholeOf(entry: string): Place {
  const [ms = 0, sequence = 0] = entry.split('-').map(Number);
  return { ms, sequence, seen: WHOLE };
}

function spelled({ ms, sequence, seen }: Place): string {
  return `${ms}-${sequence * PLACES + seen}`;
}

function parseCursor(cursor: string, shards: number): Place[] | undefined {
  const parts = cursor.split(',');
  if (parts.length !== shards || !parts.every((part) => /^\d{1,15}-\d{1,15}$/.test(part))) return undefined;
  const places = parts.map((part) => {
    const [ms = 0, n = 0] = part.split('-').map(Number);
    return { ms, sequence: Math.floor(n / PLACES), seen: n % PLACES };
  });
  return places.every(({ seen }) => seen === WHOLE || seen <= MOST_ENDS) ? places : undefined;
}

function isBefore(a: Place, b: Place): boolean {
  if (a.ms !== b.ms) return a.ms < b.ms;
  return a.sequence === b.sequence ? a.seen < b.seen : a.sequence < b.sequence;
}
