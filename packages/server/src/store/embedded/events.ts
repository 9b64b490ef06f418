// The bounded log of ends, read from a cursor. A cursor is the number of the last event seen.
import type { FailureKind } from '@mpcsfaas/contract';
import { STATE_CODE, endOf } from '../state-code.ts';
import type { TaskEnd } from '../store.ts';
import type { Counters } from './counters.ts';
import type { Database } from './database.ts';

interface EventRow {
  /** Number of the last end in it. */
  n: number;
  count: number;
  ends: string;
}

export interface EventPage {
  items: (TaskEnd & { cursor: string })[];
  cursor: string;
  reset: boolean;
}

type PackedEnd = [
  id: string,
  state: number,
  kind: FailureKind | '',
  group: string,
  functionId: string,
  endedAt: number,
];

/** Ends as a row holds them, without what rides along. */
export function packEvents(ends: readonly TaskEnd[]): string {
  return JSON.stringify(
    ends.map(({ id, state, kind, group, functionId, endedAt }): PackedEnd => {
      return [id, STATE_CODE[state], kind, group, functionId, endedAt];
    }),
  );
}

export function eventsAfter(db: Database, counters: Counters, tenant: string, after: string, limit: number): EventPage {
  const newest = counters.get('', 'event');
  if (after === '') return { items: [], cursor: String(newest), reset: false };
  const from = Number(after);
  const first = db.get<{ n: number; count: number }>('SELECT n, count FROM event ORDER BY n LIMIT 1');
  const floor = first === undefined ? newest : first.n - first.count;
  if (!/^\d+$/.test(after) || from < floor || from > newest) return { items: [], cursor: String(newest), reset: true };
  const items: EventPage['items'] = [];
  let looked = from;
  for (let isMore = true; isMore && items.length < limit;) {
    const rows = rowsAfter(db, tenant, looked);
    isMore = rows.length === ROWS;
    for (const { n, count, ends } of rows) {
      if (items.length === limit) break;
      looked = n;
      for (const [at, packed] of (JSON.parse(ends) as PackedEnd[]).entries()) {
        const number = n - count + 1 + at;
        if (number <= from || items.length === limit) continue;
        const [id, state, kind, group, functionId, endedAt] = packed;
        items.push({ id, state: endOf(state), kind, group, functionId, endedAt, cursor: String(number) });
      }
    }
  }
  const cursor = items.length < limit ? String(newest) : items.at(-1)!.cursor;
  return { items, cursor, reset: false };
}

/** Rows read at a time: each has the ends of a transaction, hundreds under load. */
const ROWS = 16;

function rowsAfter(db: Database, tenant: string, n: number): EventRow[] {
  return db.all<EventRow>(
    'SELECT n, count, ends FROM event WHERE n > ? AND tenant = ? ORDER BY n LIMIT 0 + ?',
    n,
    tenant,
    ROWS,
  );
}
