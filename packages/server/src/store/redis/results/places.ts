// Places in the logs of ends. A cursor is each shard's place, by comma: `<ms>-<n>`, where n = 1000 times the sequence of the
// entry (`<ms>-<sequence>`) plus how many of its ends were seen (WHOLE = all of them).
import type { EventPage, TaskEnd } from '../../store.ts';

export interface Place {
  ms: number;
  sequence: number;
  seen: number;
}

/** An end, and the place after it. */
export interface LoggedEnd {
  at: Place;
  end: TaskEnd;
}

const PLACES = 1000;
/** A sweep makes most ends: 256 of expired tasks and 256 of abandoned ones. */
const MOST_ENDS = 512;
export const WHOLE = PLACES - 1;

/** After the whole of an entry, by its name in the stream. */
export function placeOf(entry: string): Place {
  const [ms = 0, sequence = 0] = entry.split('-').map(Number);
  return { ms, sequence, seen: WHOLE };
}

export function spelled({ ms, sequence, seen }: Place): string {
  return `${ms}-${sequence * PLACES + seen}`;
}

/** The place in each shard, or undefined where the cursor is none. */
export function parseCursor(cursor: string, shards: number): Place[] | undefined {
  const parts = cursor.split(',');
  if (parts.length !== shards || !parts.every((part) => /^\d{1,15}-\d{1,15}$/.test(part))) return undefined;
  const places = parts.map((part) => {
    const [ms = 0, n = 0] = part.split('-').map(Number);
    return { ms, sequence: Math.floor(n / PLACES), seen: n % PLACES };
  });
  return places.every(({ seen }) => seen === WHOLE || seen <= MOST_ENDS) ? places : undefined;
}

export function isBefore(a: Place, b: Place): boolean {
  if (a.ms !== b.ms) return a.ms < b.ms;
  return a.sequence === b.sequence ? a.seen < b.seen : a.sequence < b.sequence;
}

/** Do both stand in or behind the same entry? */
export function isSameEntry(a: Place, b: Place): boolean {
  return a.ms === b.ms && a.sequence === b.sequence;
}

/** The ends of an entry that come after a place. */
export function eventsIn(entry: Place, ends: readonly TaskEnd[], after: Place): LoggedEnd[] {
  const events: LoggedEnd[] = [];
  for (const [i, end] of ends.entries()) {
    const at = { ...entry, seen: i + 1 < ends.length ? i + 1 : WHOLE };
    if (isBefore(after, at)) events.push({ at, end });
  }
  return events;
}

/** The first of what comes after the places, oldest first; `logs` by shard. */
export function pageOf(after: readonly Place[], logs: readonly (readonly LoggedEnd[])[], limit: number): EventPage {
  const merged = logs
    .flatMap((events, shard) => events.map((event) => ({ ...event, shard })))
    .sort((a, b) => (isBefore(a.at, b.at) ? -1 : 1));
  const seen = after.map(spelled);
  const items = merged.slice(0, limit).map(({ at, end, shard }) => {
    seen[shard] = spelled(at);
    return { ...end, cursor: seen.join(',') };
  });
  return { items, cursor: seen.join(','), reset: false };
}
