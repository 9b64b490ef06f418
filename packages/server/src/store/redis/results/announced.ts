// What was announced of late, with its places in the logs of ends: who follows a log and has seen what came before it has
// nothing to read there. Entries are counted where they are written, so that one that was not heard is known to be missing.
import type { EventPage, TaskEnd } from '../../store.ts';
import { eventsIn, isSameEntry, pageOf, parseCursor, type Place } from './places.ts';

/** An entry of a log, as it is announced. */
export interface AnnouncedEntry {
  /** The declared prefix of the log's shard and tenant. */
  prefix: string;
  /** The log's name: other databases of the server, and earlier logs, have the same prefix. */
  log: number;
  place: Place;
  /** The how manieth of its log it is. */
  number: number;
  ends: readonly TaskEnd[];
  /** What it was heard on: after another one, something may have been lost that was counted. */
  source: unknown;
}

/** Ends kept a log, and the newest entry in any case; whoever is further behind reads. */
const MOST_ENDS = 1024;

/** The newest of a log, one after the other: none is missing. */
interface Tail {
  log: number;
  entries: AnnouncedEntry[];
  ends: number;
}

export class Announced {
  readonly #tails = new Map<string, Tail>();

  /** From a read: which log the prefix has. Of no other, and of none that nobody reads, anything is kept. */
  isNamed(prefix: string, log: number): void {
    if (this.#tails.get(prefix)?.log !== log) this.#tails.set(prefix, { log, entries: [], ends: 0 });
  }

  add(entry: AnnouncedEntry): void {
    const tail = this.#tails.get(entry.prefix);
    if (tail?.log !== entry.log) return;
    const last = tail.entries.at(-1);
    if (last?.number !== entry.number - 1 || last.source !== entry.source) empty(tail);
    tail.entries.push(entry);
    tail.ends += entry.ends.length;
    while (tail.ends > MOST_ENDS && tail.entries.length > 1) tail.ends -= tail.entries.shift()!.ends.length;
  }

  /** What comes may follow on something that was not heard, or be of a server that has forgotten what was. */
  forget(): void {
    for (const tail of this.#tails.values()) empty(tail);
  }

  /** What comes after a cursor; undefined where nothing was heard, or perhaps not all. `prefixes` by shard. */
  after(cursor: string, prefixes: readonly string[], limit: number): EventPage | undefined {
    const places = parseCursor(cursor, prefixes.length);
    const logs = places?.map((place, shard) => this.#eventsAfter(prefixes[shard]!, place));
    if (places === undefined || logs === undefined || !logs.every((events) => events !== undefined)) return undefined;
    return logs.some((events) => events.length > 0) ? pageOf(places, logs, limit) : undefined;
  }

  /** Undefined where the entry at the place is not kept. */
  #eventsAfter(prefix: string, place: Place): ReturnType<typeof eventsIn> | undefined {
    const entries = this.#tails.get(prefix)?.entries ?? [];
    const from = entries.findLastIndex((entry) => isSameEntry(entry.place, place));
    if (from < 0) return undefined;
    return entries.slice(from).flatMap(({ place: entry, ends }) => eventsIn(entry, ends, place));
  }
}

function empty(tail: Tail): void {
  tail.entries = [];
  tail.ends = 0;
}
