// Listing tasks newest first, page by page, at a bounded cost a page whatever the filter.
import { STATE_CODE } from '../state-code.ts';
import { jumpTo, matches, stopAt } from '../task-filter.ts';
import type { TaskFilter } from '../store.ts';
import { LIST_SCAN } from '../timing.ts';
import type { Database } from './database.ts';

interface Scanned {
  id: string;
  state: number;
  submitted_at: number;
  function_id: string;
  tags: string;
}

export function listTasks(
  db: Database,
  tenant: string,
  filter: TaskFilter,
  limit: number,
  cursor: string,
): { ids: string[]; nextCursor: string } {
  const from = jumpTo(filter, cursor);
  const until = stopAt(filter);
  const columns = 'SELECT id, state, submitted_at, function_id, tags FROM task WHERE tenant = ?';
  const range = 'id < ? AND id >= ? ORDER BY id DESC LIMIT 0 + ?';
  const rows =
    filter.group === undefined
      ? db.all<Scanned>(`${columns} AND ${range}`, tenant, from, until, LIST_SCAN)
      : db.all<Scanned>(
          `${columns} AND grp = ? AND grp <> '' AND ${range}`,
          tenant,
          filter.group,
          from,
          until,
          LIST_SCAN,
        );
  const codes =
    filter.states === undefined ? undefined : new Set<number>(filter.states.map((state) => STATE_CODE[state]));
  const ids: string[] = [];
  for (const row of rows) {
    const tags = row.tags === '' ? [] : (JSON.parse(row.tags) as string[]);
    if (!matches(filter, codes, { state: row.state, submittedAt: row.submitted_at, functionId: row.function_id, tags }))
      continue;
    ids.push(row.id);
    if (ids.length === limit) return { ids, nextCursor: row.id };
  }
  return { ids, nextCursor: rows.length < LIST_SCAN ? '' : rows.at(-1)!.id };
}
