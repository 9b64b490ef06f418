// The bounded log of ends, read from a cursor. A cursor is the number of the last event seen.
import type { FailureKind } from '@mpcsfaas/contract';
import { endOf } from '../state-code.ts';
import type { TaskEnd } from '../store.ts';
import type { Database } from './database.ts';

interface EventRow {
  n: number;
  at: number;
  id: string;
  state: number;
  kind: FailureKind | '';
  grp: string;
  function_id: string;
}

export interface EventPage {
  items: (TaskEnd & { cursor: string })[];
  cursor: string;
  reset: boolean;
}

export function eventsAfter(db: Database, tenant: string, after: string, limit: number): EventPage {
  const bounds = db.get<{ oldest: number | null }>('SELECT min(n) AS oldest FROM event');
  const newest = db.get<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'event'")?.seq ?? 0;
  if (after === '') return { items: [], cursor: String(newest), reset: false };
  const from = Number(after);
  const oldest = bounds?.oldest ?? newest + 1;
  if (!/^\d+$/.test(after) || from < oldest - 1 || from > newest)
    return { items: [], cursor: String(newest), reset: true };
  const rows = db.all<EventRow>(
    'SELECT n, at, id, state, kind, grp, function_id FROM event WHERE n > ? AND tenant = ? ORDER BY n LIMIT ?',
    from,
    tenant,
    limit,
  );
  const items = rows.map(({ n, at, id, state, kind, grp, function_id }) => {
    return { id, state: endOf(state), kind, group: grp, functionId: function_id, endedAt: at, cursor: String(n) };
  });
  const cursor = items.length < limit ? String(newest) : items.at(-1)!.cursor;
  return { items, cursor, reset: false };
}
