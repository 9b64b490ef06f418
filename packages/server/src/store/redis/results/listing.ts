// Listing tasks newest first: ids from the index of all (or of the group), records only where the filter asks for them.
//
// An entry of `all` names ids of one script and of one stretch of STRETCH_MS, by the score
//   number of the stretch · STRETCH_ENTRIES + a number that tells the entries of a stretch apart (record.lua).
// Entries of one stretch may overlap, stretches cannot: ids are in order once whole stretches are read and sorted.
import { STATE_CODE } from '../../state-code.ts';
import type { TaskFilter } from '../../store.ts';
import { jumpTo, matches, stopAt } from '../../task-filter.ts';
import { LIST_SCAN } from '../../timing.ts';
import { timeOf } from '../../../lifecycle/ids.ts';
import { idsOf, readRecord } from '../record.ts';
import type { Redis } from 'ioredis';
import { recordsIn } from '../shards.ts';
import type { Shards } from '../shards.ts';

export interface TaskPage {
  ids: string[];
  nextCursor: string;
}

/** Records read at once. */
const READ_AT_ONCE = 500;

export async function listTasks(
  shards: Shards,
  tenant: string,
  filter: TaskFilter,
  limit: number,
  cursor: string,
): Promise<TaskPage> {
  const { states, functionId, tag, since, until } = filter;
  const plain = [states, functionId, tag, since, until].every((part) => part === undefined);
  const codes = states === undefined ? undefined : new Set<number>(states.map((state) => STATE_CODE[state]));
  const found: string[] = [];
  let from = jumpTo(filter, cursor);
  for (let scanned = 0; scanned < LIST_SCAN;) {
    const { ids, last } = await newestBelow(shards, tenant, filter, from, plain ? limit : READ_AT_ONCE);
    const matching = plain ? new Set(ids) : await matchingOf(shards, tenant, filter, codes, ids);
    for (const id of ids) {
      if (!matching.has(id)) continue;
      found.push(id);
      if (found.length === limit) return { ids: found, nextCursor: id };
    }
    if (last === '') return { ids: found, nextCursor: '' };
    from = last;
    scanned += ids.length;
  }
  return { ids: found, nextCursor: from };
}

/** The newest ids below one, of all shards; `last` = where to go on, '' = that was all. */
async function newestBelow(
  shards: Shards,
  tenant: string,
  filter: TaskFilter,
  from: string,
  count: number,
): Promise<{ ids: string[]; last: string }> {
  const stop = stopAt(filter);
  const { group } = filter;
  const lists = await Promise.all(
    shards.all().map((shard) => {
      const prefix = shards.prefix(shard, tenant);
      return shards.read(shard, (redis) =>
        group === undefined
          ? listedBelow(redis, `${prefix}all`, from, stop, count)
          : groupedBelow(redis, `${prefix}g:${group}`, from, stop, count),
      );
    }),
  );
  // Below its floor a shard may have more: only down to the highest floor is the merge complete.
  const floor = lists.reduce((highest, list) => (list.floor > highest ? list.floor : highest), '');
  const ids = lists
    .flatMap((list) => list.ids)
    .filter((id) => id >= floor)
    .sort()
    .reverse();
  return ids.length > count ? { ids: ids.slice(0, count), last: ids[count - 1]! } : { ids, last: floor };
}

/** Some ids of one shard in no order: all of `floor` and above ('' = there are no others). */
interface Piece {
  ids: string[];
  floor: string;
}

async function groupedBelow(redis: Redis, key: string, from: string, stop: string, count: number): Promise<Piece> {
  const until = stop === '' ? '-' : `[${stop}`;
  const ids = await redis.zrange(key, `(${from}`, until, 'BYLEX', 'REV', 'LIMIT', 0, count);
  return { ids, floor: ids.length === count ? ids.at(-1)! : '' };
}

const STRETCH_MS = 16;
const STRETCH_ENTRIES = 4096;
const ENTRIES_AT_FIRST = 16;
const MOST_ENTRIES_AT_ONCE = 512;

/** At least `count` ids where there are as many. */
async function listedBelow(redis: Redis, key: string, from: string, stop: string, count: number): Promise<Piece> {
  const ids: string[] = [];
  const lowest = stop === '' ? '-inf' : String(stretchOf(stop) * STRETCH_ENTRIES);
  // The cursor's own stretch is read again: what it holds below the cursor stands in entries that also hold others.
  let above = from.length < ID_TIME_LENGTH ? Infinity : stretchOf(from) + 1;
  for (let size = ENTRIES_AT_FIRST; ; size *= 2) {
    const highest = above === Infinity ? '+inf' : `(${above * STRETCH_ENTRIES}`;
    const page = await redis.zrangeBuffer(key, highest, lowest, 'BYSCORE', 'REV', 'LIMIT', 0, size, 'WITHSCORES');
    const entries = page.flatMap((entry, i) =>
      i % 2 === 1 ? [] : [{ ids: idsOf(entry), stretch: Math.floor(Number(page[i + 1]) / STRETCH_ENTRIES) }],
    );
    const isAll = entries.length < size;
    // The last stretch of a full page may go on below it; where the page is nothing else, a larger one is read.
    const cut = isAll ? -1 : entries.at(-1)!.stretch;
    const whole = entries.filter(({ stretch }) => stretch > cut);
    for (const entry of whole) ids.push(...entry.ids.filter((id) => id < from && id >= stop));
    if (isAll) return { ids, floor: '' };
    if (whole.length === 0) continue;
    above = cut + 1;
    if (ids.length >= count) return { ids, floor: idAt(above * STRETCH_MS) };
    size = Math.min(size, MOST_ENTRIES_AT_ONCE / 2);
  }
}

/** What is needed of an id to tell its time. */
const ID_TIME_LENGTH = 13;

function stretchOf(id: string): number {
  return Math.floor(timeOf(id) / STRETCH_MS);
}

/** The first id that a millisecond can have. */
function idAt(ms: number): string {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

async function matchingOf(
  shards: Shards,
  tenant: string,
  filter: TaskFilter,
  codes: ReadonlySet<number> | undefined,
  ids: readonly string[],
): Promise<Set<string>> {
  const records = await recordsIn(shards, tenant, ids);
  const matching = ids.filter((id, i) => {
    const bytes = records[i] ?? null;
    if (bytes === null) return false;
    const { state, submittedAt, spec } = readRecord(shards.headers, tenant, id, bytes);
    return matches(filter, codes, { state, submittedAt, functionId: spec.function_id, tags: spec.tags });
  });
  return new Set(matching);
}
