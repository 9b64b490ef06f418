// Listing tasks newest first: ids from the index of all (or of the group), records only where the filter asks for them.
import { STATE_CODE } from '../../state-code.ts';
import type { TaskFilter } from '../../store.ts';
import { jumpTo, matches, stopAt } from '../../task-filter.ts';
import { LIST_SCAN } from '../../timing.ts';
import { readRecord } from '../record.ts';
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
  const index = filter.group === undefined ? 'all' : `g:${filter.group}`;
  const stop = stopAt(filter);
  const lists = await shards.read((redis) =>
    Promise.all(
      shards
        .all()
        .map((shard) =>
          redis.zrange(
            `${shards.prefix(shard, tenant)}${index}`,
            `(${from}`,
            stop === '' ? '-' : `[${stop}`,
            'BYLEX',
            'REV',
            'LIMIT',
            0,
            count,
          ),
        ),
    ),
  );
  // Below the last id of a full list that shard may have more: only down to there is the merge complete.
  const full = lists.filter((list) => list.length === count).map((list) => list.at(-1)!);
  const floor = full.reduce((highest, id) => (id > highest ? id : highest), '');
  const ids = lists
    .flat()
    .filter((id) => id >= floor)
    .sort()
    .reverse();
  return { ids, last: floor };
}

async function matchingOf(
  shards: Shards,
  tenant: string,
  filter: TaskFilter,
  codes: ReadonlySet<number> | undefined,
  ids: readonly string[],
): Promise<Set<string>> {
  const records = await shards.read((redis) =>
    Promise.all(ids.map((id) => redis.getBuffer(`${shards.prefix(shards.shardOf(id), tenant)}t:${id}`))),
  );
  const matching = ids.filter((id, i) => {
    const bytes = records[i] ?? null;
    if (bytes === null) return false;
    const { state, submittedAt, spec } = readRecord(tenant, id, bytes);
    return matches(filter, codes, { state, submittedAt, functionId: spec.function_id, tags: spec.tags });
  });
  return new Set(matching);
}
